// Package calldata reads the call of a contract function whose meaning is common
// knowledge, and the calls inside it.
package calldata

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/accounts/abi"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
)

// Limits of what is shown.
const (
	maxDepth = 2  // calls inside calls
	maxCalls = 64 // calls inside one call
)

// A function is a contract function whose meaning is common knowledge. Its
// parameters are "name:type".
type function struct {
	name   string
	params []string
	// tell returns the call in a few words and writes what a person should
	// know of it. args are as package abi unpacks them.
	tell func(c *call) string
}

// A call is call data that fits a known function.
type call struct {
	w     *words.Writer
	chain *big.Int
	to    common.Address
	args  []any

	// fungible says that to cannot be a collection, whose tokens have ids.
	fungible bool

	// inner writes a call inside this one and returns it in a few words, or
	// false if it is too deep inside others. prefix begins the labels of its
	// lines. It is a field because the table of functions cannot refer to its
	// own reader.
	inner func(number int, to common.Address, data []byte) (told string, ok bool)

	// prefix begins the label of every line about the call inside with a number.
	prefix func(number int) string
}

func (c *call) addr(i int) common.Address { return c.args[i].(common.Address) }
func (c *call) num(i int) *big.Int        { return c.args[i].(*big.Int) }

// signature returns the text whose hash selects the function.
func (f function) signature() string {
	types := make([]string, len(f.params))
	for i, p := range f.params {
		_, types[i] = cutType(p)
	}
	return f.name + "(" + strings.Join(types, ",") + ")"
}

// cutType splits "name:type".
func cutType(p string) (name, typ string) {
	name, typ, _ = strings.Cut(p, ":")
	return name, typ
}

// A method is a function with what package abi makes of its parameters.
type method struct {
	function
	args abi.Arguments
}

var methods = func() map[[4]byte]method {
	all := make(map[[4]byte]method)
	for _, f := range functions() {
		m := method{function: f}
		for _, p := range f.params {
			name, typ := cutType(p)
			t, err := abi.NewType(typ, "", nil)
			if err != nil {
				panic("intent: internal error: " + err.Error())
			}
			m.args = append(m.args, abi.Argument{Name: name, Type: t})
		}
		all[[4]byte(crypto.Keccak256([]byte(f.signature())))] = m
	}
	return all
}()

// Describe writes call data as lines and returns it in a few words. A
// selector says only which function the caller means: what an unknown contract
// does under that name is its own affair, and is said to be. inside numbers
// the calls that this one is inside of.
func Describe(w *words.Writer, chain *big.Int, to common.Address, data []byte, inside ...int) string {
	prefix := innerPrefix(inside...)
	if len(data) < 4 {
		w.Flag(prefix+"data", text.Hex(data, words.MaxData)+" (too short for a call; unknown)")
		w.Warn("the data has a meaning that is unknown")
		return fmt.Sprintf("%d bytes of unknown data", len(data))
	}
	// The head is written before the lines of the call, once its words are known.
	head := len(w.Lines)
	w.Line(prefix+"call", "")
	m, ok := methods[[4]byte(data)]
	unknown := func(what string) string {
		w.Flag(prefix+"function", fmt.Sprintf("0x%x with %d bytes of arguments: %s", data[:4], len(data)-4, what))
		w.Flag(prefix+"data", text.Hex(data, words.MaxData))
		w.Warn(fmt.Sprintf("the call 0x%x is %s; what it does cannot be shown", data[:4], what))
		w.Lines[head].Value = fmt.Sprintf("%s, 0x%x", what, data[:4])
		w.Lines[head].Warn = true
		return w.Lines[head].Value
	}
	if !ok {
		return unknown("an unknown function")
	}
	args, rest, ok := m.unpack(data[4:])
	if !ok {
		return unknown("a malformed call of " + m.signature())
	}
	w.Line(prefix+"function", m.signature())
	for i, p := range m.params {
		name, typ := cutType(p)
		if typ == "bytes" && slices.Contains(walletCalls, m.name) && name != "signatures" {
			w.Line(prefix+"argument "+name, fmt.Sprintf("%d bytes, read as what the wallet does", len(args[i].([]byte))))
			continue
		}
		writeArg(w, chain, prefix+"argument "+name, args[i])
	}
	if len(rest) > 0 {
		w.Flag(prefix+"extra data", text.Hex(rest, words.MaxData))
		w.Warn(fmt.Sprintf("%d bytes follow the arguments of the call; what they mean is unknown", len(rest)))
	}
	w.Lines[head].Value = m.tell(&call{
		w: w, chain: chain, to: to, args: args,
		inner: func(number int, to common.Address, data []byte) (string, bool) {
			if len(inside) == maxDepth {
				return "", false
			}
			return Describe(w, chain, to, data, append(slices.Clone(inside), number)...), true
		},
		prefix: func(number int) string { return innerPrefix(append(slices.Clone(inside), number)...) },
	})
	return w.Lines[head].Value
}

// innerPrefix begins the labels of a call inside others: "inner 1.2 ".
func innerPrefix(inside ...int) string {
	if len(inside) == 0 {
		return ""
	}
	return "inner " + strings.Trim(strings.ReplaceAll(fmt.Sprint(inside), " ", "."), "[]") + " "
}

// unpack decodes arguments and returns what follows them. Only the one
// standard encoding is read: a contract may take the words of another one in a
// way that this decoder does not.
func (m method) unpack(data []byte) (args []any, rest []byte, ok bool) {
	args, err := m.args.Unpack(data)
	if err != nil {
		return nil, nil, false
	}
	// Offsets may point to one place many times; packing would write it out
	// as often.
	if dynamicSize(args) > len(data) {
		return nil, nil, false
	}
	again, err := m.args.Pack(args...)
	if err != nil || !bytes.HasPrefix(data, again) {
		return nil, nil, false
	}
	return args, data[len(again):], true
}

// dynamicSize returns how many bytes the lists and byte strings of args take.
func dynamicSize(args []any) int {
	n := 0
	for _, arg := range args {
		switch v := arg.(type) {
		case []byte:
			n += len(v)
		case []*big.Int:
			n += 32 * len(v)
		case [][]byte:
			for _, b := range v {
				n += 64 + len(b)
			}
		}
	}
	return n
}

// payable names the functions that take coins.
var payable = map[string]bool{"deposit": true, "multicall": true, "execTransaction": true, "multiSend": true}

// TakesNoCoins reports whether data selects a known function that no coins can
// be sent to.
func TakesNoCoins(data []byte) bool {
	var selector [4]byte
	copy(selector[:], data)
	m, ok := methods[selector]
	return ok && !payable[m.name]
}

func writeArg(w *words.Writer, chain *big.Int, name string, arg any) {
	switch v := arg.(type) {
	case common.Address:
		w.Line(name, w.Address(chain, v))
	case *big.Int:
		if v.Cmp(eth.MaxUint(256)) == 0 {
			w.Line(name, v.String()+" (the largest number)")
			return
		}
		w.Line(name, v.String())
	case bool:
		w.Line(name, fmt.Sprint(v))
	case []byte:
		if len(v) > words.MaxData {
			w.Flag(name, text.Hex(v, words.MaxData))
			w.Warn(name + ": too long to be shown whole")
			return
		}
		w.Line(name, text.Hex(v, words.MaxData))
	case []*big.Int:
		w.Text(name, fmt.Sprint(v))
	case [][]byte:
		w.Line(name, fmt.Sprintf("%d calls", len(v)))
	default: // uint8 and bytes32
		w.Line(name, fmt.Sprintf("%#x", v))
	}
}

func functions() []function {
	return []function{
		{"transfer", []string{"to:address", "amount:uint256"}, func(c *call) string {
			c.lossWarnings(c.addr(0))
			return "transfer " + c.tokens(c.num(1)) + " to " + c.w.Address(c.chain, c.addr(0))
		}},
		{"transferFrom", []string{"from:address", "to:address", "amount:uint256"}, func(c *call) string {
			c.lossWarnings(c.addr(1))
			return "transfer " + c.tokensOrID(c.num(2)) + " from " + eth.Checksum(c.addr(0)) + " to " + c.w.Address(c.chain, c.addr(1))
		}},
		{"approve", []string{"spender:address", "amount:uint256"}, func(c *call) string {
			return c.allow(c.addr(0), c.num(1), "approve")
		}},
		{"increaseAllowance", []string{"spender:address", "added:uint256"}, func(c *call) string {
			if c.num(1).Sign() == 0 { // what approve takes back, this leaves
				c.tokenWarning()
				return "increase the allowance of " + eth.Checksum(c.addr(0)) + " by nothing: what it may take, it keeps"
			}
			return c.allow(c.addr(0), c.num(1), "increase the allowance by")
		}},
		{"decreaseAllowance", []string{"spender:address", "removed:uint256"}, func(c *call) string {
			return "decrease the allowance of " + eth.Checksum(c.addr(0)) + " by " + c.tokens(c.num(1))
		}},
		{"permit", []string{"owner:address", "spender:address", "value:uint256", "deadline:uint256", "v:uint8", "r:bytes32", "s:bytes32"}, func(c *call) string {
			c.tokenWarning()
			return "use a permission of " + eth.Checksum(c.addr(0)) + " for " + eth.Checksum(c.addr(1)) + " over " + c.tokens(c.num(2))
		}},
		{"setApprovalForAll", []string{"operator:address", "approved:bool"}, func(c *call) string {
			c.tokenWarning()
			if !c.args[1].(bool) {
				return "take the rights over all tokens of this contract from " + eth.Checksum(c.addr(0))
			}
			c.w.Warn(eth.Checksum(c.addr(0)) + " gets the right to move every token that this account has in the contract, now and later")
			return "let " + eth.Checksum(c.addr(0)) + " move every token of this contract"
		}},
		{"safeTransferFrom", []string{"from:address", "to:address", "token id:uint256"}, nft},
		{"safeTransferFrom", []string{"from:address", "to:address", "token id:uint256", "data:bytes"}, nft},
		{"safeTransferFrom", []string{"from:address", "to:address", "token id:uint256", "amount:uint256", "data:bytes"}, nft},
		{"safeBatchTransferFrom", []string{"from:address", "to:address", "token ids:uint256[]", "amounts:uint256[]", "data:bytes"}, func(c *call) string {
			c.tokenWarning()
			return fmt.Sprintf("transfer %d kinds of tokens from %s to %s", len(c.args[2].([]*big.Int)), eth.Checksum(c.addr(0)), c.w.Address(c.chain, c.addr(1)))
		}},
		{"deposit", nil, func(c *call) string {
			c.tokenWarning()
			return "deposit the amount sent"
		}},
		{"withdraw", []string{"amount:uint256"}, func(c *call) string {
			c.tokenWarning()
			return "withdraw " + c.tokens(c.num(0))
		}},
		{"approve", []string{"token:address", "spender:address", "amount:uint160", "expiration:uint48"}, func(c *call) string {
			if c.to != words.Permit2 {
				c.w.Warn("this looks like a call of Permit2, but the contract is another one")
			}
			inner := *c
			inner.to, inner.fungible = c.addr(0), true
			return inner.allow(c.addr(1), c.num(2), "approve")
		}},
		{"multicall", []string{"calls:bytes[]"}, func(c *call) string { return c.multicall(c.args[0].([][]byte)) }},
		{"multicall", []string{"deadline:uint256", "calls:bytes[]"}, func(c *call) string { return c.multicall(c.args[1].([][]byte)) }},
		{"execTransaction", []string{"to:address", "value:uint256", "data:bytes", "operation:uint8", "safe tx gas:uint256", "base gas:uint256",
			"gas price:uint256", "gas token:address", "refund receiver:address", "signatures:bytes"}, func(c *call) string {
			if c.num(6).Sign() > 0 {
				c.w.Warn("the wallet also pays for gas, at " + c.num(6).String() + " base units for each")
			}
			return "let the wallet " + c.operation()
		}},
		{"execTransactionFromModule", []string{"to:address", "value:uint256", "data:bytes", "operation:uint8"}, func(c *call) string {
			return "let the wallet " + c.operation()
		}},
		{"multiSend", []string{"transactions:bytes"}, func(c *call) string { return c.multiSend(c.args[0].([]byte)) }},
	}
}

func nft(c *call) string {
	c.tokenWarning()
	c.lossWarnings(c.addr(1))
	return "transfer the token with id " + c.num(2).String() + " from " + eth.Checksum(c.addr(0)) + " to " + c.w.Address(c.chain, c.addr(1))
}

// tokens returns an amount of the called token and says if it is unknown.
func (c *call) tokens(v *big.Int) string {
	c.tokenWarning()
	return words.Amount(c.chain, c.to, v)
}

// tokensOrID is [call.tokens] for functions that collections have too, where
// the number names a token.
func (c *call) tokensOrID(v *big.Int) string {
	if words.KnownToken(c.chain, c.to) || c.fungible {
		return c.tokens(v)
	}
	c.tokenWarning()
	switch {
	case v.Cmp(eth.MaxUint(256)) == 0:
		return "an unlimited amount of an unknown token contract"
	case words.Unlimited(v):
		return "an unlimited amount, or the token with the id " + v.String() + ", of an unknown token contract"
	}
	return v.String() + " base units, or the token with that id, of an unknown token contract"
}

func (c *call) tokenWarning() {
	if !words.KnownToken(c.chain, c.to) && c.to != words.Permit2 {
		c.w.Warn("the contract " + eth.Checksum(c.to) + " is unknown; it may do something else under this name")
	}
}

// lossWarnings warns about recipients that cannot give anything back.
func (c *call) lossWarnings(to common.Address) {
	if to == (common.Address{}) {
		c.w.Warn("the recipient is the zero address: the tokens are lost")
	}
	if to == c.to {
		c.w.Warn("the recipient is the token contract itself: the tokens are lost")
	}
}

// allow tells an allowance of the token at c.to.
func (c *call) allow(spender common.Address, v *big.Int, verb string) string {
	if v.Sign() == 0 {
		c.tokenWarning()
		back := "take back what " + eth.Checksum(spender) + " may take of the token at " + c.w.Address(c.chain, c.to)
		if !words.KnownToken(c.chain, c.to) && !c.fungible {
			// A collection takes the number for the id of a token.
			c.w.Warn("in a collection this lets " + eth.Checksum(spender) + " move the token with the id 0")
			back += ", or let it move the token with the id 0"
		}
		return back
	}
	if words.Unlimited(v) {
		c.w.Warn("the allowance is unlimited: " + eth.Checksum(spender) + " can take all of these tokens, now and later")
	}
	if spender == common.Address(c.w.Ctx.Address) {
		c.w.Warn("the allowance is for this account itself")
	}
	return verb + " " + c.tokensOrID(v) + " for " + c.w.Address(c.chain, spender)
}

// multicall tells the calls inside a call, which go to the same contract.
func (c *call) multicall(calls [][]byte) string {
	c.tokenWarning()
	shown := 0
	for i, data := range calls {
		if i == maxCalls {
			break
		}
		if _, ok := c.inner(i+1, c.to, data); !ok {
			break
		}
		shown++
	}
	if hidden := len(calls) - shown; hidden > 0 {
		c.w.Warn(fmt.Sprintf("%d calls inside the call are not shown", hidden))
	}
	return fmt.Sprintf("%d calls in one", len(calls))
}
