package typed

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/calldata"
	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
)

// safe reads a transaction of a Safe wallet, whose call would otherwise be
// shown as bytes.
func (td *teller) safe(w *words.Writer) bool {
	m, chain := td.Message, td.chain()
	if !has(m, "to:address", "value:uint256", "data:bytes", "operation:uint8", "safeTxGas:uint256") {
		return false
	}
	to := m.Get("to").Address()
	data, _ := eth.HexBytes(m.Get("data").Text)
	what := "transaction"
	if m.Get("operation").Text == "1" {
		what = "delegate call"
	}
	w.Summary = fmt.Sprintf("confirm a %s of the wallet %s to %s",
		what, td.wallet(), eth.Checksum(to))
	if v := m.Get("value").Num; v.Sign() > 0 {
		w.Line("wallet sends", words.Coins(chain, v))
		w.Summary += " with " + words.Coins(chain, v)
	}
	// The refund is paid whatever the call does.
	if price := m.Get("gasPrice").Num; price != nil && price.Sign() > 0 {
		w.Warn("the wallet also pays for gas, at " + price.String() + " base units for each, to whom message.refundReceiver names")
	}
	switch m.Get("operation").Text {
	case "0":
	case "1":
		w.Warn(calldata.DelegateWarning(to))
	default:
		w.Warn("an unknown operation of the wallet")
	}
	td.callRead = true
	if len(data) > 0 {
		c := calldata.Describe(w, chain, to, data)
		w.Summary += ": " + c
	}
	rolesOf(m).others(w, "to", "value", "data", "operation", "safetxgas", "basegas", "datagas", "gasprice", "gastoken", "refundreceiver")
	return true
}

// wallet names the contract of the domain inside a sentence.
func (td *teller) wallet() string {
	if c := td.contract(); c != nil {
		return eth.Checksum(*c)
	}
	return "that the domain does not name"
}

// zkSync reads a transaction of a zkSync chain, which is signed as typed data
// and needs nothing but the signature (its type 0x71).
func (td *teller) zkSync(w *words.Writer) bool {
	m, chain := td.Message, td.chain()
	if !has(m, "txType:uint256", "from:uint256", "to:uint256", "value:uint256", "data:bytes", "gasLimit:uint256", "maxFeePerGas:uint256", "nonce:uint256") {
		return false
	}
	w.Warn("this typed data is a transaction: whoever has the signature can send it")
	from, to := m.Get("from").Num, m.Get("to").Num
	if from.BitLen() > 160 || to.BitLen() > 160 {
		w.Warn("the sender or the recipient is no address")
	}
	if common.BigToAddress(from) != common.Address(w.Ctx.Address) {
		w.Warn("the transaction is from " + eth.Checksum(common.BigToAddress(from)) + ", which is not this account")
	}
	recipient, amount := common.BigToAddress(to), words.Coins(chain, m.Get("value").Num)
	w.Flag("transaction", fmt.Sprintf("%s to %s", amount, w.Address(chain, recipient)))
	w.Line("max fee", words.Coins(chain, new(big.Int).Mul(m.Get("maxFeePerGas").Num, m.Get("gasLimit").Num)))
	w.Summary = fmt.Sprintf("send %s to %s", amount, eth.Checksum(recipient))
	td.callRead = true
	if data, _ := eth.HexBytes(m.Get("data").Text); len(data) > 0 {
		w.Summary = fmt.Sprintf("send %s and %s, at %s", amount, calldata.Describe(w, chain, recipient, data), w.Address(chain, recipient))
	}
	if chain != nil {
		w.Summary += " on " + words.ChainName(chain)
	}
	if p := m.Get("paymaster").Num; p != nil && p.Sign() != 0 {
		w.Warn("the fee is paid by way of the contract " + eth.Checksum(common.BigToAddress(p)) + ", which may take tokens for it")
	}
	return true
}

// hyperliquid reads the actions of that exchange. Its domains name any chain,
// 1337 among them, and count on its main network all the same.
func (td *teller) hyperliquid(w *words.Writer) bool {
	const prefix = "HyperliquidTransaction:"
	m := td.Message
	if has(m, "source:string", "connectionId:bytes32") && td.Primary == "Agent" {
		w.Summary = "carry out an action on Hyperliquid that only its hash names"
		w.Flag("action", m.Get("connectionId").Text)
		w.Warn("message.connectionId: a hash stands for a whole order or another action on Hyperliquid; what it is cannot be shown")
		w.Warn("this signature alone may trade or move money, without a transaction of this account, whatever chain the domain names")
		return true
	}
	action, ok := strings.CutPrefix(td.Primary, prefix)
	if !ok {
		return false
	}
	network := m.Str("hyperliquidChain")
	w.Summary = "carry out " + text.Quote(action) + " on Hyperliquid"
	switch amount, to := m.Str("amount"), m.Str("destination"); {
	case amount != "" && to != "":
		what := text.Quote(amount) + " USDC"
		if token := m.Str("token"); token != "" {
			what = text.Quote(amount) + " of " + text.Quote(token)
		}
		w.Summary = fmt.Sprintf("move %s on Hyperliquid to %s", what, text.Quote(to))
		w.Flag("moves", what+" to "+text.Quote(to))
	case m.Get("agentAddress").Type == "address":
		who := eth.Checksum(m.Get("agentAddress").Address())
		w.Summary = "let " + who + " trade for this account on Hyperliquid"
		w.Flag("allows", who+" to trade in the name of this account")
	}
	if network != "" {
		w.Summary += " (" + text.Quote(network) + ")"
	}
	w.Warn("this signature alone may trade or move money on Hyperliquid, without a transaction of this account, whatever chain the domain names")
	return true
}

// delegation reads a delegation of MetaMask's framework (ERC-7710): a right to
// make calls in the name of an account.
func (td *teller) delegation(w *words.Writer) bool {
	m, chain := td.Message, td.chain()
	if !has(m, "delegate:address", "delegator:address", "authority:bytes32", "caveats") {
		return false
	}
	who, whose := m.Get("delegate").Address(), m.Get("delegator").Address()
	n := len(m.Get("caveats").Items)
	w.Summary = fmt.Sprintf("let %s make calls in the name of %s", eth.Checksum(who), eth.Checksum(whose))
	w.Flag("allows", fmt.Sprintf("%s to make calls in the name of %s", w.Address(chain, who), w.Address(chain, whose)))
	if n == 0 {
		w.Summary += ", without any limit"
		w.Warn("the delegation has no limit: " + eth.Checksum(who) + " can move everything that the account has")
	} else {
		w.Summary += fmt.Sprintf(", within %d conditions", n)
		w.Warn(fmt.Sprintf("what the %d conditions of the delegation leave is unknown; the contracts that they name decide", n))
	}
	w.Warn("this signature alone lets " + eth.Checksum(who) + " act for the account, without a transaction of this account")
	if whose != common.Address(w.Ctx.Address) {
		w.Warn("the delegation is by " + eth.Checksum(whose) + ", which is not this account")
	}
	if (who == common.Address{}) {
		w.Warn("the delegation names nobody: whoever has the signature may use it")
	}
	return true
}

// unixTime writes seconds since 1970 as a date in UTC. Seconds below 2^36 end
// in the year 4147. The days are counted from the first of March of year 0, so
// that the leap day is the last of its year (Howard Hinnant, "chrono-Compatible
// Low-Level Date Algorithms").
func unixTime(sec uint64) string {
	day, second := sec/86400, sec%86400
	z := day + 719468
	era, doe := z/146097, z%146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d, m, y := doy-(153*mp+2)/5+1, mp+3, yoe+400*era
	if m > 12 {
		m, y = m-12, y+1
	}
	return fmt.Sprintf("%04d-%02d-%02d %02d:%02d:%02d UTC", y, m, d, second/3600, second/60%60, second%60)
}
