package calldata

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
)

// Operations of a Safe wallet (Enum.Operation).
const (
	operationCall         = 0
	operationDelegateCall = 1
)

// walletCalls names the functions whose bytes are calls of a wallet. They are
// told below the arguments.
var walletCalls = []string{"execTransaction", "execTransactionFromModule", "multiSend"}

// operation tells the call that a wallet makes: its arguments are to, value,
// data and operation, in this order.
func (c *call) operation() string {
	c.tokenWarning()
	told, ok := c.walletCall(1, c.args[3].(uint8), c.addr(0), c.num(1), c.args[2].([]byte))
	if !ok {
		c.w.Warn("1 calls inside the call are not shown")
	}
	return told
}

// walletCall tells one call of a wallet. It reports false if the call is too
// deep inside others.
func (c *call) walletCall(number int, operation uint8, to common.Address, value *big.Int, data []byte) (string, bool) {
	label := c.prefix(number)
	switch operation {
	case operationCall:
		c.w.Line(label+"operation", "call")
	case operationDelegateCall:
		c.w.Flag(label+"operation", "delegate call")
		c.w.Warn(DelegateWarning(to))
	default:
		c.w.Flag(label+"operation", fmt.Sprintf("%d (unknown)", operation))
		c.w.Warn("an unknown operation of the wallet")
	}
	c.w.Line(label+"to", c.w.Address(c.chain, to))
	told := "send " + words.Coins(c.chain, value) + " to " + eth.Checksum(to)
	if value.Sign() > 0 {
		c.w.Line(label+"amount", words.Coins(c.chain, value))
		c.lossWarnings(to)
	}
	if len(data) > 0 {
		inner, ok := c.inner(number, to, data)
		if !ok {
			return "make a call to " + eth.Checksum(to) + " that is not shown", false
		}
		if value.Sign() == 0 {
			told = inner + ", at " + c.w.Address(c.chain, to)
		} else {
			told += " and " + inner
		}
	}
	if operation == operationDelegateCall {
		told = "run foreign code by a delegate call: " + told
	}
	return told, true
}

// multiSend tells the calls that the MultiSend contract of Safe makes for a
// wallet: operation (1 byte), to (20), value (32), length of the data (32) and
// the data, one call after the other.
func (c *call) multiSend(packed []byte) string {
	const head = 1 + common.AddressLength + 32 + 32
	c.tokenWarning()
	var calls [][]byte
	for rest := packed; len(rest) > 0; {
		size := new(big.Int)
		if len(rest) >= head {
			size.SetBytes(rest[head-32 : head])
		}
		if len(rest) < head || size.BitLen() > 32 || uint64(len(rest)-head) < size.Uint64() {
			c.w.Flag(c.prefix(len(calls)+1)+"data", text.Hex(rest, words.MaxData))
			c.w.Warn(fmt.Sprintf("the calls of multiSend are malformed: the last %d bytes have no known meaning", len(rest)))
			break
		}
		end := head + int(size.Int64())
		if rest[0] == operationDelegateCall { // before what could crowd out the warning
			c.w.Warn(DelegateWarning(common.BytesToAddress(rest[1:21])))
		}
		calls, rest = append(calls, rest[:end]), rest[end:]
	}
	hidden := 0
	for i, one := range calls {
		to, value := common.BytesToAddress(one[1:21]), new(big.Int).SetBytes(one[21:53])
		if i >= maxCalls {
			hidden++
		} else if _, ok := c.walletCall(i+1, one[0], to, value, one[head:]); !ok {
			hidden++
		}
	}
	if hidden > 0 {
		c.w.Warn(fmt.Sprintf("%d calls inside the call are not shown", hidden))
	}
	return fmt.Sprintf("%d calls in one", len(calls))
}

// DelegateWarning says what a delegate call of a wallet to code gives away.
func DelegateWarning(to common.Address) string {
	return "a delegate call: the code at " + eth.Checksum(to) + " gets full control of the wallet"
}
