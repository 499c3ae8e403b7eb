package intent

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// recognise looks for typed data by which assets move without a transaction of
// the owner, and reports whether it knows what is signed. It goes by names and
// types of fields alone, since those decide what a contract reads.
func (td *typedData) recognise(w *writer) bool {
	for _, read := range []func(*writer) bool{
		td.safe, td.zkSync, td.hyperliquid, td.delegation, td.seaport, td.permit2, td.permitOrOrder,
	} {
		if read(w) {
			return true
		}
	}
	return false
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

// plainName returns the name of a field as it is compared: contracts write
// tokenId, token_id and _tokenID.
func plainName(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }

// A role is what a field means in a permission or an order, whatever its name.
type role uint8

const (
	roleOwner role = iota
	roleSpender
	roleTo
	roleToken
	roleAmount
	roleFlag
	roleID
	roleEnd
	roleBytes
	roleCollection
	rolePrice
	roleGives // what an order gives: a token and its amount
	roleGivesAmount
	roleGets // and what it asks for
	roleGetsAmount
	roleReceiver
	roleFee
	roles
)

// roleNames lists the names of fields for each role, with the family of their
// type.
var roleNames = func() map[string]role {
	out := make(map[string]role)
	for r, names := range map[role]string{
		roleOwner:       "address: owner holder from grantor maker makeraddress trader signer seller offerer swapper",
		roleSpender:     "address: spender operator grantee spenderaddress operatoraddress approved",
		roleTo:          "address: to payee",
		roleToken:       "address: token asset tokenaddress currency erc20 paymenttoken erc20token",
		roleAmount:      "uint: value amount wad allowance amt cap maxamount maxvalue quantity erc20tokenamount",
		roleFlag:        "bool: allowed approved approve allow",
		roleID:          "uint: tokenid id nftid erc721tokenid erc1155tokenid",
		roleEnd:         "uint: deadline expiry expiration expires expiresat validbefore validuntil validto sigdeadline expirationtime expirationtimeseconds endtime until",
		roleBytes:       "bytes: data calldata makerassetdata",
		roleCollection:  "address: collection nft erc721token erc1155token",
		rolePrice:       "uint: price baseprice",
		roleGives:       "address: selltoken makertoken makerasset inputtoken tokenin srctoken fromtoken",
		roleGivesAmount: "uint: sellamount makeramount makingamount inputamount amountin srcamount fromamount makerassetamount",
		roleGets:        "address: buytoken takertoken takerasset outputtoken tokenout dsttoken totoken",
		roleGetsAmount:  "uint: buyamount takeramount takingamount outputamount amountout amountoutmin minamountout dstamount toamount takerassetamount",
		roleReceiver:    "address: receiver recipient",
		roleFee:         "uint: feeamount",
	} {
		family, list, _ := strings.Cut(names, ":")
		for _, name := range strings.Fields(list) {
			out[family+" "+name] = r
		}
	}
	return out
}()

// A reading is a structure with the roles of its fields; -1 is none.
type reading struct {
	value
	at [roles]int
}

// read finds the roles. The first field that fits a role has it.
func (v value) read() reading {
	r := reading{value: v}
	for i := range r.at {
		r.at[i] = -1
	}
	for i, m := range v.members {
		a, ok := parseAtom(m.typ)
		if !ok || a.size != 0 {
			continue
		}
		if which, ok := roleNames[a.family+" "+plainName(m.name)]; ok && r.at[which] < 0 {
			r.at[which] = i
		}
	}
	return r
}

func (r reading) is(which role) bool { return r.at[which] >= 0 }

func (r reading) field(which role) value {
	if r.at[which] < 0 {
		return value{}
	}
	return r.items[r.at[which]]
}

// A grant is what a signature of typed data lets somebody take.
type grant struct {
	token  common.Address
	amount *big.Int
	whole  bool     // all that there is, now and later
	ends   *big.Int // Unix seconds until which it may be taken; nil if nothing says so
}

// grantOf reads an amount; the largest of its type means no limit.
func grantOf(token common.Address, v value) grant {
	a, _ := parseAtom(v.typ)
	return grant{token: token, amount: v.num, whole: unlimited(v.num) || a.bits >= 64 && v.num.Cmp(maxUint(uint(a.bits))) == 0}
}

// permit2 reads permissions for tokens that stand in a structure of their own,
// or a list of them, as Uniswap's Permit2 has them.
func (td *typedData) permit2(w *writer) bool {
	m := td.message
	r := m.read()
	for _, field := range []string{"details", "permitted"} {
		inner := m.get(field)
		if inner.typ == "" || !r.is(roleSpender) {
			continue
		}
		grants := inner.grants()
		if len(grants) == 0 {
			continue
		}
		td.permit(w, value{}, r.field(roleSpender), r.field(roleEnd).num, grants...)
		r.others(w, field)
		for _, item := range inner.each() {
			item.read().others(w)
		}
		return true
	}
	return false
}

// each returns the items of a list, or what is none as the only one.
func (v value) each() []value {
	if v.shape == list {
		return v.items
	}
	return []value{v}
}

// grants returns the amounts inside one structure, or a list of them, that
// names a token.
func (v value) grants() []grant {
	var out []grant
	for _, item := range v.each() {
		r := item.read()
		if !r.is(roleToken) || !r.is(roleAmount) {
			continue
		}
		g := grantOf(r.field(roleToken).addressValue(), r.field(roleAmount))
		g.ends = r.field(roleEnd).num
		out = append(out, g)
	}
	return out
}

// permitOrOrder looks for permissions and orders under any names, in the
// message and in the structures inside it. What is around those inside stays
// unknown.
func (td *typedData) permitOrOrder(w *writer) bool {
	if r := td.message.read(); td.order(w, r) || td.flatPermit(w, r) {
		return true
	}
	found, first := 0, ""
	var look func(v value)
	look = func(v value) {
		if v.shape == structure {
			if found == maxCalls {
				w.warn(fmt.Sprintf("only the first %d permissions and orders are told in words", maxCalls))
				return
			}
			if r := v.read(); td.order(w, r) || td.flatPermit(w, r) {
				if found++; found == 1 {
					first = w.summary
				}
				return
			}
		}
		for _, item := range v.items {
			look(item)
		}
	}
	for _, item := range td.message.items {
		look(item)
	}
	if found > 0 {
		w.more(first, found-1)
	}
	return false
}

// others warns of fields besides those that have a role in a permission: a
// contract may read anything out of them.
func (r reading) others(w *writer, except ...string) {
	for i, m := range r.members {
		name := plainName(m.name)
		harmless := r.items[i].shape == atom && slices.Contains([]string{"nonce", "salt", "validafter"}, name)
		if harmless || slices.Contains(r.at[:], i) || slices.Contains(except, name) {
			continue
		}
		w.warn("there is the further field " + short(m.name) + ", whose meaning is unknown")
	}
}

// flatPermit reads a permission whose fields stand side by side: of ERC-2612,
// DAI, ERC-3009, ERC-4494, and their likes under other names.
func (td *typedData) flatPermit(w *writer, r reading) bool {
	who, end := r.field(roleSpender), r.field(roleEnd).num
	token := common.Address{}
	if c := td.contract(); c != nil {
		token = *c
	}
	if r.is(roleToken) {
		token = r.field(roleToken).addressValue()
	} else if r.is(roleCollection) {
		token = r.field(roleCollection).addressValue()
	}
	to := r.field(roleTo)
	if to.typ == "" {
		to = r.field(roleReceiver)
	}
	switch {
	case who.typ == "" && to.typ != "" && r.is(roleOwner) && r.is(roleAmount) && !r.is(roleBytes): // ERC-3009
		td.permit(w, r.field(roleOwner), to, end, grantOf(token, r.field(roleAmount)))
	case who.typ == "":
		return false
	case r.is(roleID):
		what := "the token with the id " + r.field(roleID).text
		if r.is(roleAmount) {
			what = r.field(roleAmount).text + " of " + what
		}
		td.hand(w, token, who, end, what)
	case r.is(roleAmount):
		td.permit(w, r.field(roleOwner), who, end, grantOf(token, r.field(roleAmount)))
	case r.is(roleFlag) && plainName(r.members[r.at[roleSpender]].name) != "spender":
		if r.field(roleFlag).text == "true" {
			td.hand(w, token, who, end, "every token, now and later,")
		}
	case r.is(roleFlag):
		g := grant{token: token, amount: new(big.Int)}
		if r.field(roleFlag).text == "true" {
			g.amount, g.whole = maxUint(256), true
		}
		if end != nil && end.Sign() == 0 { // as the contract of DAI reads it
			end = maxUint(256)
		}
		td.permit(w, r.field(roleOwner), who, end, g)
	default:
		return false
	}
	r.others(w)
	return true
}

func (td *typedData) permit(w *writer, owner, spender value, deadline *big.Int, grants ...grant) {
	chain, who := td.chain(), spender.addressValue()
	gives := false
	for i, g := range grants {
		if i == maxCalls {
			w.flag("allows", fmt.Sprintf("… %d more", len(grants)-i))
			w.warn("allows: too many permissions to be shown whole")
			break
		}
		if g.amount.Sign() == 0 {
			w.line("allows", "nothing of the token at "+w.address(chain, g.token)+" (takes an earlier permission back)")
			continue
		}
		what := amount(chain, g.token, g.amount)
		if g.whole && !unlimited(g.amount) {
			what = "unlimited, " + what
		}
		if !gives {
			w.summary = fmt.Sprintf("let %s take %s", checksummed(who), what)
			if len(grants) > 1 {
				w.summary += fmt.Sprintf(" and %d more", len(grants)-1)
			}
			if chain != nil {
				w.summary += " on " + chainName(chain)
			}
		}
		gives = true
		w.flag("allows", fmt.Sprintf("%s to take %s of the token at %s", w.address(chain, who), what, w.address(chain, g.token)))
		if g.whole {
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
	w.end("can be used until", deadline)
}

// end writes a date given in Unix seconds, or that there is none.
func (w *writer) end(label string, seconds *big.Int) {
	if seconds == nil || seconds.BitLen() > 36 {
		w.flag(label, "no end")
		w.warn("the permission does not expire")
		return
	}
	w.line(label, unixTime(seconds.Uint64()))
}

// hand tells that a signature lets somebody move tokens of a collection.
func (td *typedData) hand(w *writer, at common.Address, to value, deadline *big.Int, what string) {
	chain, who := td.chain(), to.addressValue()
	collection := w.address(chain, at)
	w.summary = fmt.Sprintf("let %s move %s of the collection at %s", checksummed(who), what, collection)
	if chain != nil {
		w.summary += " on " + chainName(chain)
	}
	w.flag("allows", fmt.Sprintf("%s to move %s of the collection at %s", w.address(chain, who), what, collection))
	w.warn("this signature alone lets " + checksummed(who) + " move tokens, without a transaction of this account")
	w.end("can be used until", deadline)
}
