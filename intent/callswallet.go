package intent

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
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
	words, ok := c.walletCall(1, c.args[3].(uint8), c.addr(0), c.num(1), c.args[2].([]byte))
	if !ok {
		c.w.warn("1 calls inside the call are not shown")
	}
	return words
}

// walletCall tells one call of a wallet. It reports false if the call is too
// deep inside others.
func (c *call) walletCall(number int, operation uint8, to common.Address, value *big.Int, data []byte) (string, bool) {
	label := c.prefix(number)
	switch operation {
	case operationCall:
		c.w.line(label+"operation", "call")
	case operationDelegateCall:
		c.w.flag(label+"operation", "delegate call")
		c.w.warn(delegateWarning(to))
	default:
		c.w.flag(label+"operation", fmt.Sprintf("%d (unknown)", operation))
		c.w.warn("an unknown operation of the wallet")
	}
	c.w.line(label+"to", c.w.address(c.chain, to))
	words := "send " + coins(c.chain, value) + " to " + checksummed(to)
	if value.Sign() > 0 {
		c.w.line(label+"amount", coins(c.chain, value))
		c.lossWarnings(to)
	}
	if len(data) > 0 {
		inner, ok := c.inner(number, to, data)
		if !ok {
			return "make a call to " + checksummed(to) + " that is not shown", false
		}
		if value.Sign() == 0 {
			words = inner + ", at " + c.w.address(c.chain, to)
		} else {
			words += " and " + inner
		}
	}
	if operation == operationDelegateCall {
		words = "run foreign code by a delegate call: " + words
	}
	return words, true
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
			c.w.flag(c.prefix(len(calls)+1)+"data", showHex(rest, maxShownData))
			c.w.warn(fmt.Sprintf("the calls of multiSend are malformed: the last %d bytes have no known meaning", len(rest)))
			break
		}
		end := head + int(size.Int64())
		if rest[0] == operationDelegateCall { // before what could crowd out the warning
			c.w.warn(delegateWarning(common.BytesToAddress(rest[1:21])))
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
		c.w.warn(fmt.Sprintf("%d calls inside the call are not shown", hidden))
	}
	return fmt.Sprintf("%d calls in one", len(calls))
}

func delegateWarning(to common.Address) string {
	return "a delegate call: the code at " + checksummed(to) + " gets full control of the wallet"
}
