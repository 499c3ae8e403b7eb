package typed

import (
	"fmt"
	"math/big"
	"slices"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/eip712"
	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/text"
	"github.com/warifu/warifu/intent/internal/words"
)

// recognise looks for typed data by which assets move without a transaction of
// the owner, and reports whether it knows what is signed. It goes by names and
// types of fields alone, since those decide what a contract reads.
func (td *teller) recognise(w *words.Writer) bool {
	for _, read := range []func(*words.Writer) bool{
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
func has(v eip712.Value, fields ...string) bool {
	for _, f := range fields {
		name, typ, _ := strings.Cut(f, ":")
		have := v.Get(name)
		if have.Type == "" || typ != "" && have.Type != typ {
			return false
		}
	}
	return v.Shape == eip712.Structure
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
	eip712.Value
	at [roles]int
}

// rolesOf finds the roles. The first field that fits a role has it.
func rolesOf(v eip712.Value) reading {
	r := reading{Value: v}
	for i := range r.at {
		r.at[i] = -1
	}
	for i, m := range v.Members {
		a, ok := eip712.ParseAtom(m.Type)
		if !ok || a.Size != 0 {
			continue
		}
		if which, ok := roleNames[a.Family+" "+plainName(m.Name)]; ok && r.at[which] < 0 {
			r.at[which] = i
		}
	}
	return r
}

func (r reading) is(which role) bool { return r.at[which] >= 0 }

func (r reading) field(which role) eip712.Value {
	if r.at[which] < 0 {
		return eip712.Value{}
	}
	return r.Items[r.at[which]]
}

// A grant is what a signature of typed data lets somebody take.
type grant struct {
	token  common.Address
	amount *big.Int
	whole  bool     // all that there is, now and later
	ends   *big.Int // Unix seconds until which it may be taken; nil if nothing says so
}

// grantOf reads an amount; the largest of its type means no limit.
func grantOf(token common.Address, v eip712.Value) grant {
	a, _ := eip712.ParseAtom(v.Type)
	return grant{token: token, amount: v.Num, whole: words.Unlimited(v.Num) || a.Bits >= 64 && v.Num.Cmp(eth.MaxUint(uint(a.Bits))) == 0}
}

// permit2 reads permissions for tokens that stand in a structure of their own,
// or a list of them, as Uniswap's Permit2 has them.
func (td *teller) permit2(w *words.Writer) bool {
	m := td.Message
	r := rolesOf(m)
	for _, field := range []string{"details", "permitted"} {
		inner := m.Get(field)
		if inner.Type == "" || !r.is(roleSpender) {
			continue
		}
		grants := grantsOf(inner)
		if len(grants) == 0 {
			continue
		}
		td.permit(w, eip712.Value{}, r.field(roleSpender), r.field(roleEnd).Num, grants...)
		r.others(w, field)
		for _, item := range each(inner) {
			rolesOf(item).others(w)
		}
		return true
	}
	return false
}

// each returns the items of a list, or what is none as the only one.
func each(v eip712.Value) []eip712.Value {
	if v.Shape == eip712.List {
		return v.Items
	}
	return []eip712.Value{v}
}

// grantsOf returns the amounts inside one structure, or a list of them, that
// names a token.
func grantsOf(v eip712.Value) []grant {
	var out []grant
	for _, item := range each(v) {
		r := rolesOf(item)
		if !r.is(roleToken) || !r.is(roleAmount) {
			continue
		}
		g := grantOf(r.field(roleToken).Address(), r.field(roleAmount))
		g.ends = r.field(roleEnd).Num
		out = append(out, g)
	}
	return out
}

// permitOrOrder looks for permissions and orders under any names, in the
// message and in the structures inside it. What is around those inside stays
// unknown.
func (td *teller) permitOrOrder(w *words.Writer) bool {
	if r := rolesOf(td.Message); td.order(w, r) || td.flatPermit(w, r) {
		return true
	}
	found, first := 0, ""
	var look func(v eip712.Value)
	look = func(v eip712.Value) {
		if v.Shape == eip712.Structure {
			if found == maxGrants {
				w.Warn(fmt.Sprintf("only the first %d permissions and orders are told in words", maxGrants))
				return
			}
			if r := rolesOf(v); td.order(w, r) || td.flatPermit(w, r) {
				if found++; found == 1 {
					first = w.Summary
				}
				return
			}
		}
		for _, item := range v.Items {
			look(item)
		}
	}
	for _, item := range td.Message.Items {
		look(item)
	}
	if found > 0 {
		more(w, first, found-1)
	}
	return false
}

// others warns of fields besides those that have a role in a permission: a
// contract may read anything out of them.
func (r reading) others(w *words.Writer, except ...string) {
	for i, m := range r.Members {
		name := plainName(m.Name)
		harmless := r.Items[i].Shape == eip712.Atom && slices.Contains([]string{"nonce", "salt", "validafter"}, name)
		if harmless || slices.Contains(r.at[:], i) || slices.Contains(except, name) {
			continue
		}
		w.Warn("there is the further field " + text.Quote(m.Name) + ", whose meaning is unknown")
	}
}

// flatPermit reads a permission whose fields stand side by side: of ERC-2612,
// DAI, ERC-3009, ERC-4494, and their likes under other names.
func (td *teller) flatPermit(w *words.Writer, r reading) bool {
	who, end := r.field(roleSpender), r.field(roleEnd).Num
	token := common.Address{}
	if c := td.contract(); c != nil {
		token = *c
	}
	if r.is(roleToken) {
		token = r.field(roleToken).Address()
	} else if r.is(roleCollection) {
		token = r.field(roleCollection).Address()
	}
	to := r.field(roleTo)
	if to.Type == "" {
		to = r.field(roleReceiver)
	}
	switch {
	case who.Type == "" && to.Type != "" && r.is(roleOwner) && r.is(roleAmount) && !r.is(roleBytes): // ERC-3009
		td.permit(w, r.field(roleOwner), to, end, grantOf(token, r.field(roleAmount)))
	case who.Type == "":
		return false
	case r.is(roleID):
		what := "the token with the id " + r.field(roleID).Text
		if r.is(roleAmount) {
			what = r.field(roleAmount).Text + " of " + what
		}
		td.hand(w, token, who, end, what)
	case r.is(roleAmount):
		td.permit(w, r.field(roleOwner), who, end, grantOf(token, r.field(roleAmount)))
	case r.is(roleFlag) && plainName(r.Members[r.at[roleSpender]].Name) != "spender":
		if r.field(roleFlag).Text == "true" {
			td.hand(w, token, who, end, "every token, now and later,")
		}
	case r.is(roleFlag):
		g := grant{token: token, amount: new(big.Int)}
		if r.field(roleFlag).Text == "true" {
			g.amount, g.whole = eth.MaxUint(256), true
		}
		if end != nil && end.Sign() == 0 { // as the contract of DAI reads it
			end = eth.MaxUint(256)
		}
		td.permit(w, r.field(roleOwner), who, end, g)
	default:
		return false
	}
	r.others(w)
	return true
}

func (td *teller) permit(w *words.Writer, owner, spender eip712.Value, deadline *big.Int, grants ...grant) {
	chain, who := td.chain(), spender.Address()
	gives := false
	for i, g := range grants {
		if i == maxGrants {
			w.Flag("allows", fmt.Sprintf("… %d more", len(grants)-i))
			w.Warn("allows: too many permissions to be shown whole")
			break
		}
		if g.amount.Sign() == 0 {
			w.Line("allows", "nothing of the token at "+w.Address(chain, g.token)+" (takes an earlier permission back)")
			continue
		}
		what := words.Amount(chain, g.token, g.amount)
		if g.whole && !words.Unlimited(g.amount) {
			what = "unlimited, " + what
		}
		if !gives {
			w.Summary = fmt.Sprintf("let %s take %s", eth.Checksum(who), what)
			if len(grants) > 1 {
				w.Summary += fmt.Sprintf(" and %d more", len(grants)-1)
			}
			if chain != nil {
				w.Summary += " on " + words.ChainName(chain)
			}
		}
		gives = true
		w.Flag("allows", fmt.Sprintf("%s to take %s of the token at %s", w.Address(chain, who), what, w.Address(chain, g.token)))
		if g.whole {
			w.Warn("the amount is unlimited: all of these tokens, now and later, can be taken")
		}
		switch {
		case g.ends == nil:
		case g.ends.Sign() == 0: // as Permit2 reads it
			w.Line("may be taken until", "the end of the block in which the signature is used")
		default:
			ends(w, "may be taken until", g.ends)
		}
	}
	if gives {
		w.Warn("this signature alone lets " + eth.Checksum(who) + " take tokens, without a transaction of this account")
	}
	if owner.Text != "" && owner.Address() != common.Address(w.Ctx.Address) {
		w.Warn("the permission names the owner " + owner.Text + ", which is not this account")
	}
	ends(w, "can be used until", deadline)
}

// ends writes a date given in Unix seconds, or that there is none.
func ends(w *words.Writer, label string, seconds *big.Int) {
	if seconds == nil || seconds.BitLen() > 36 {
		w.Flag(label, "no end")
		w.Warn("the permission does not expire")
		return
	}
	w.Line(label, unixTime(seconds.Uint64()))
}

// hand tells that a signature lets somebody move tokens of a collection.
func (td *teller) hand(w *words.Writer, at common.Address, to eip712.Value, deadline *big.Int, what string) {
	chain, who := td.chain(), to.Address()
	collection := w.Address(chain, at)
	w.Summary = fmt.Sprintf("let %s move %s of the collection at %s", eth.Checksum(who), what, collection)
	if chain != nil {
		w.Summary += " on " + words.ChainName(chain)
	}
	w.Flag("allows", fmt.Sprintf("%s to move %s of the collection at %s", w.Address(chain, who), what, collection))
	w.Warn("this signature alone lets " + eth.Checksum(who) + " move tokens, without a transaction of this account")
	ends(w, "can be used until", deadline)
}
