package intent

import (
	"fmt"
	"math/big"

	"github.com/ethereum/go-ethereum/common"
)

func (td *typedData) describe(w *writer) {
	name, version := td.domain.get("name").text, td.domain.get("version").text
	chain := td.domain.get("chainId").num
	contract := td.domain.get("verifyingContract")

	w.summary = "sign " + short(td.primary)
	if name != "" {
		w.summary += " for " + short(name)
	}
	if contract.text != "" {
		w.summary += " at " + checksummed(contract.addressValue())
	}
	if chain != nil {
		w.summary += " on " + chainName(chain)
	}
	td.recognise(w)

	for i, field := range td.domain.names {
		v := td.domain.items[i]
		switch field {
		case "name":
			w.text("domain name", name)
		case "version":
			w.text("domain version", version)
		case "chainId":
			w.chain("chain", chain)
		case "verifyingContract":
			w.line("contract", w.address(chain, contract.addressValue()))
		default:
			w.line("domain salt", v.text)
		}
	}
	if chain == nil {
		w.warn("the domain names no chain; the signature may be used on every chain")
	}
	if contract.text == "" {
		w.warn("the domain names no contract; every contract of that name may accept the signature")
	}
	w.line("type", show(td.primary, maxShortText))
	for i, field := range td.message.names {
		// The prefix keeps a field from posing as a line of our own.
		td.message.items[i].write(w, chain, "message."+field)
	}
}

// write writes a value and what is inside it, each atom on a line. path is
// made of identifiers and indexes.
func (v value) write(w *writer, chain *big.Int, path string) {
	switch v.shape {
	case structure:
		for i, name := range v.names {
			v.items[i].write(w, chain, path+"."+name)
		}
		return
	case list:
		if len(v.items) == 0 {
			w.line(path, "(an empty list)")
		}
		for i, item := range v.items {
			item.write(w, chain, fmt.Sprintf("%s[%d]", path, i))
		}
		return
	}
	switch v.typ {
	case "address":
		w.line(path, w.address(chain, v.addressValue()))
	case "string":
		if v.text == "" {
			w.line(path, "(an empty string)")
			return
		}
		w.text(path, v.text)
	case "bytes":
		if v.text == "0x" {
			w.line(path, "(no bytes)")
			return
		}
		w.text(path, v.text)
		// Forwarders and accounts of contracts take a whole call this way.
		if !w.callRead || path != "message.data" {
			w.lines[len(w.lines)-1].Warn = true
			w.warn(path + ": bytes whose meaning is unknown; they may be a call")
		}
	default:
		w.line(path, v.text)
	}
}

// A grant is what a signature of typed data lets somebody take.
type grant struct {
	token  common.Address
	amount *big.Int
	ends   *big.Int // Unix seconds until which it may be taken; nil if nothing says so
}

// recognise looks for the typed data by which tokens are taken without a
// transaction of the owner. It goes by names and types of fields alone, since
// those decide what a contract reads.
func (td *typedData) recognise(w *writer) {
	chain := td.domain.get("chainId").num
	self := td.domain.get("verifyingContract").addressValue()
	m := td.message
	switch {
	case m.has("owner:address", "spender:address", "value:uint256", "deadline:uint256"):
		td.permit(w, chain, m.get("owner"), m.get("spender"), m.get("deadline").num, grant{token: self, amount: m.get("value").num})
	case m.has("holder:address", "spender:address", "expiry:uint256", "allowed:bool"):
		g := grant{token: self, amount: new(big.Int)}
		if m.get("allowed").text == "true" {
			g.amount = maxUint(256)
		}
		expiry := m.get("expiry").num
		if expiry.Sign() == 0 { // as the contract of DAI reads it
			expiry = maxUint(256)
		}
		td.permit(w, chain, m.get("holder"), m.get("spender"), expiry, g)
	case m.has("from:address", "to:address", "value:uint256", "validBefore:uint256", "nonce:bytes32"):
		td.permit(w, chain, m.get("from"), m.get("to"), m.get("validBefore").num, grant{token: self, amount: m.get("value").num})
	case m.has("details", "spender:address", "sigDeadline:uint256"):
		td.permit(w, chain, value{}, m.get("spender"), m.get("sigDeadline").num, m.get("details").grants("amount")...)
	case m.has("permitted", "spender:address", "deadline:uint256"):
		td.permit(w, chain, value{}, m.get("spender"), m.get("deadline").num, m.get("permitted").grants("amount")...)
	case m.has("spender:address", "tokenId:uint256", "nonce:uint256", "deadline:uint256"): // ERC-4494
		td.hand(w, chain, m.get("spender"), m.get("deadline").num, "the token with the id "+m.get("tokenId").text)
	case m.has("operator:address", "approved:bool", "nonce:uint256", "deadline:uint256"):
		if m.get("approved").text == "true" {
			td.hand(w, chain, m.get("operator"), m.get("deadline").num, "every token, now and later,")
		}
	case m.has("to:address", "value:uint256", "data:bytes", "operation:uint8", "safeTxGas:uint256"):
		td.safe(w, chain)
	}
}

// has reports whether v is a structure with these fields, "name" or
// "name:type".
func (v value) has(fields ...string) bool {
	for _, f := range fields {
		name, typ := cutType(f)
		have := v.get(name)
		if have.typ == "" || typ != "" && have.typ != typ {
			return false
		}
	}
	return v.shape == structure
}

// grants returns the amounts inside one structure, or a list of them, that
// names a token.
func (v value) grants(amount string) []grant {
	items := []value{v}
	if v.shape == list {
		items = v.items
	}
	var out []grant
	for _, item := range items {
		if token, n := item.get("token"), item.get(amount); token.typ == "address" && n.num != nil {
			out = append(out, grant{token.addressValue(), n.num, item.get("expiration").num})
		}
	}
	return out
}

func (td *typedData) permit(w *writer, chain *big.Int, owner, spender value, deadline *big.Int, grants ...grant) {
	if len(grants) == 0 {
		return
	}
	who := spender.addressValue()
	gives := false
	for i, g := range grants {
		if g.amount.Sign() == 0 {
			w.line("allows", "nothing of the token at "+w.address(chain, g.token)+" (takes an earlier permission back)")
			continue
		}
		gives = true
		what := amount(chain, g.token, g.amount)
		if i == 0 {
			w.summary = fmt.Sprintf("let %s take %s", checksummed(who), what)
			if len(grants) > 1 {
				w.summary += fmt.Sprintf(" and %d more", len(grants)-1)
			}
			if chain != nil {
				w.summary += " on " + chainName(chain)
			}
		}
		w.flag("allows", fmt.Sprintf("%s to take %s of the token at %s", w.address(chain, who), what, w.address(chain, g.token)))
		if unlimited(g.amount) {
			w.warn("the amount is unlimited: all of these tokens, now and later, can be taken")
		}
		switch {
		case g.ends == nil:
		case g.ends.Sign() == 0: // as Permit2 reads it
			w.line("may be taken until", "the end of the block in which the signature is used")
		default:
			w.end("may be taken until", g.ends)
		}
	}
	if gives {
		w.warn("this signature alone lets " + checksummed(who) + " take tokens, without a transaction of this account")
	}
	if owner.text != "" && owner.addressValue() != common.Address(w.ctx.Address) {
		w.warn("the permission names the owner " + owner.text + ", which is not this account")
	}
	if deadline != nil {
		w.end("can be used until", deadline)
	}
}

// end writes a date given in Unix seconds.
func (w *writer) end(label string, seconds *big.Int) {
	if seconds.BitLen() > 36 {
		w.flag(label, "no end")
		w.warn("the permission does not expire")
		return
	}
	w.line(label, unixTime(seconds.Uint64()))
}

// hand tells that a signature lets somebody move tokens of a collection.
func (td *typedData) hand(w *writer, chain *big.Int, to value, deadline *big.Int, what string) {
	who := to.addressValue()
	collection := w.address(chain, td.domain.get("verifyingContract").addressValue())
	w.summary = fmt.Sprintf("let %s move %s of the collection at %s", checksummed(who), what, collection)
	if chain != nil {
		w.summary += " on " + chainName(chain)
	}
	w.flag("allows", fmt.Sprintf("%s to move %s of the collection at %s", w.address(chain, who), what, collection))
	w.warn("this signature alone lets " + checksummed(who) + " move tokens, without a transaction of this account")
	w.end("can be used until", deadline)
}

// safe reads a transaction of a Safe wallet, whose call would otherwise be
// shown as bytes.
func (td *typedData) safe(w *writer, chain *big.Int) {
	m := td.message
	to := m.get("to").addressValue()
	data, _ := hexBytes(m.get("data").text)
	what := "transaction"
	if m.get("operation").text == "1" {
		what = "delegate call"
	}
	w.summary = fmt.Sprintf("confirm a %s of the wallet %s to %s",
		what, checksummed(td.domain.get("verifyingContract").addressValue()), checksummed(to))
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
		w.warn("a delegate call: the code at " + checksummed(to) + " gets full control of the wallet")
	default:
		w.warn("an unknown operation of the wallet")
	}
	w.callRead = true
	if len(data) > 0 {
		c := describeCall(w, chain, to, data)
		w.summary += ": " + c
	}
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
