package intent

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// safe reads a transaction of a Safe wallet, whose call would otherwise be
// shown as bytes.
func (td *typedData) safe(w *writer) bool {
	m, chain := td.message, td.chain()
	if !m.has("to:address", "value:uint256", "data:bytes", "operation:uint8", "safeTxGas:uint256") {
		return false
	}
	to := m.get("to").addressValue()
	data, _ := hexBytes(m.get("data").text)
	what := "transaction"
	if m.get("operation").text == "1" {
		what = "delegate call"
	}
	w.summary = fmt.Sprintf("confirm a %s of the wallet %s to %s",
		what, td.wallet(), checksummed(to))
	if v := m.get("value").num; v.Sign() > 0 {
		w.line("wallet sends", coins(chain, v))
		w.summary += " with " + coins(chain, v)
	}
	// The refund is paid whatever the call does.
	if price := m.get("gasPrice").num; price != nil && price.Sign() > 0 {
		w.warn("the wallet also pays for gas, at " + price.String() + " base units for each, to whom message.refundReceiver names")
	}
	switch m.get("operation").text {
	case "0":
	case "1":
		w.warn(delegateWarning(to))
	default:
		w.warn("an unknown operation of the wallet")
	}
	w.callRead = true
	if len(data) > 0 {
		c := describeCall(w, chain, to, data)
		w.summary += ": " + c
	}
	m.read().others(w, "to", "value", "data", "operation", "safetxgas", "basegas", "datagas", "gasprice", "gastoken", "refundreceiver")
	return true
}

// wallet names the contract of the domain inside a sentence.
func (td *typedData) wallet() string {
	if c := td.contract(); c != nil {
		return checksummed(*c)
	}
	return "that the domain does not name"
}

// zkSync reads a transaction of a zkSync chain, which is signed as typed data
// and needs nothing but the signature (its type 0x71).
func (td *typedData) zkSync(w *writer) bool {
	m, chain := td.message, td.chain()
	if !m.has("txType:uint256", "from:uint256", "to:uint256", "value:uint256", "data:bytes", "gasLimit:uint256", "maxFeePerGas:uint256", "nonce:uint256") {
		return false
	}
	w.warn("this typed data is a transaction: whoever has the signature can send it")
	from, to := m.get("from").num, m.get("to").num
	if from.BitLen() > 160 || to.BitLen() > 160 {
		w.warn("the sender or the recipient is no address")
	}
	if common.BigToAddress(from) != common.Address(w.ctx.Address) {
		w.warn("the transaction is from " + checksummed(common.BigToAddress(from)) + ", which is not this account")
	}
	recipient, amount := common.BigToAddress(to), coins(chain, m.get("value").num)
	w.flag("transaction", fmt.Sprintf("%s to %s", amount, w.address(chain, recipient)))
	w.line("max fee", coins(chain, new(big.Int).Mul(m.get("maxFeePerGas").num, m.get("gasLimit").num)))
	w.summary = fmt.Sprintf("send %s to %s", amount, checksummed(recipient))
	w.callRead = true
	if data, _ := hexBytes(m.get("data").text); len(data) > 0 {
		w.summary = fmt.Sprintf("send %s and %s, at %s", amount, describeCall(w, chain, recipient, data), w.address(chain, recipient))
	}
	if chain != nil {
		w.summary += " on " + chainName(chain)
	}
	if p := m.get("paymaster").num; p != nil && p.Sign() != 0 {
		w.warn("the fee is paid by way of the contract " + checksummed(common.BigToAddress(p)) + ", which may take tokens for it")
	}
	return true
}

// hyperliquid reads the actions of that exchange. Its domains name any chain,
// 1337 among them, and count on its main network all the same.
func (td *typedData) hyperliquid(w *writer) bool {
	const prefix = "HyperliquidTransaction:"
	m := td.message
	if m.has("source:string", "connectionId:bytes32") && td.primary == "Agent" {
		w.summary = "carry out an action on Hyperliquid that only its hash names"
		w.flag("action", m.get("connectionId").text)
		w.warn("message.connectionId: a hash stands for a whole order or another action on Hyperliquid; what it is cannot be shown")
		w.warn("this signature alone may trade or move money, without a transaction of this account, whatever chain the domain names")
		return true
	}
	action, ok := strings.CutPrefix(td.primary, prefix)
	if !ok {
		return false
	}
	network := m.str("hyperliquidChain")
	w.summary = "carry out " + short(action) + " on Hyperliquid"
	switch amount, to := m.str("amount"), m.str("destination"); {
	case amount != "" && to != "":
		what := short(amount) + " USDC"
		if token := m.str("token"); token != "" {
			what = short(amount) + " of " + short(token)
		}
		w.summary = fmt.Sprintf("move %s on Hyperliquid to %s", what, short(to))
		w.flag("moves", what+" to "+short(to))
	case m.get("agentAddress").typ == "address":
		who := checksummed(m.get("agentAddress").addressValue())
		w.summary = "let " + who + " trade for this account on Hyperliquid"
		w.flag("allows", who+" to trade in the name of this account")
	}
	if network != "" {
		w.summary += " (" + short(network) + ")"
	}
	w.warn("this signature alone may trade or move money on Hyperliquid, without a transaction of this account, whatever chain the domain names")
	return true
}

// delegation reads a delegation of MetaMask's framework (ERC-7710): a right to
// make calls in the name of an account.
func (td *typedData) delegation(w *writer) bool {
	m, chain := td.message, td.chain()
	if !m.has("delegate:address", "delegator:address", "authority:bytes32", "caveats") {
		return false
	}
	who, whose := m.get("delegate").addressValue(), m.get("delegator").addressValue()
	n := len(m.get("caveats").items)
	w.summary = fmt.Sprintf("let %s make calls in the name of %s", checksummed(who), checksummed(whose))
	w.flag("allows", fmt.Sprintf("%s to make calls in the name of %s", w.address(chain, who), w.address(chain, whose)))
	if n == 0 {
		w.summary += ", without any limit"
		w.warn("the delegation has no limit: " + checksummed(who) + " can move everything that the account has")
	} else {
		w.summary += fmt.Sprintf(", within %d conditions", n)
		w.warn(fmt.Sprintf("what the %d conditions of the delegation leave is unknown; the contracts that they name decide", n))
	}
	w.warn("this signature alone lets " + checksummed(who) + " act for the account, without a transaction of this account")
	if whose != common.Address(w.ctx.Address) {
		w.warn("the delegation is by " + checksummed(whose) + ", which is not this account")
	}
	if (who == common.Address{}) {
		w.warn("the delegation names nobody: whoever has the signature may use it")
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
