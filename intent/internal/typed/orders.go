package typed

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/warifu/warifu/intent/internal/eip712"
	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/words"
)

// orderWarning is the danger of every order.
const orderWarning = "this signature alone lets whoever fills the order take what it gives, without a transaction of this account"

// order reads an order of an exchange whose fields stand side by side: CoW
// (GPv2), 0x, 1inch and their likes, and those of markets for collections.
func (td *teller) order(w *words.Writer, r reading) bool {
	chain := td.chain()
	var gives, gets string
	switch {
	case r.is(roleGives) && r.is(roleGivesAmount) && r.is(roleGets) && r.is(roleGetsAmount):
		gives = td.tokens(w, r.field(roleGives), r.field(roleGivesAmount))
		gets = td.tokens(w, r.field(roleGets), r.field(roleGetsAmount))
		if r.field(roleGetsAmount).Num.Sign() == 0 {
			w.Warn("the order asks for nothing in return")
		}
	case r.is(roleGivesAmount) && r.is(roleGetsAmount) && r.is(roleBytes): // 0x of version 3
		gives = r.field(roleGivesAmount).Text + " base units of an asset that stands in bytes only"
		gets = r.field(roleGetsAmount).Text + " base units of another"
	case r.is(roleCollection) && r.is(rolePrice), r.is(roleCollection) && r.is(roleToken) && r.is(roleAmount) && r.is(roleOwner):
		return td.collectionOrder(w, r)
	case r.is(rolePrice) && r.is(roleOwner) && r.is(roleBytes): // Wyvern
		gives = "what the call in its bytes moves"
		gets = r.field(rolePrice).Text + " base units of a token"
	case r.is(roleCollection) && r.is(roleOwner) && r.is(roleEnd): // Blur of version 2
		gives = "tokens of the collection at " + w.Address(chain, r.field(roleCollection).Address())
		gets = "what stands elsewhere"
	default:
		return false
	}
	orderSummary(w, chain, gives, gets)
	w.Flag("order gives", gives)
	w.Line("order gets", gets)
	if fee := r.field(roleFee).Num; fee != nil && fee.Sign() > 0 {
		w.Flag("order fee", fee.String()+" base units besides")
	}
	td.orderParties(w, r)
	return true
}

// tokens names an amount of a token.
func (td *teller) tokens(w *words.Writer, token, n eip712.Value) string {
	a := token.Address()
	return words.Amount(td.chain(), a, n.Num) + " of the token at " + w.Address(td.chain(), a)
}

func orderSummary(w *words.Writer, chain *big.Int, gives, gets string) {
	w.Summary = "order: give " + gives + " for " + gets
	if chain != nil {
		w.Summary += " on " + words.ChainName(chain)
	}
}

// more says in the summary how many others there are.
func more(w *words.Writer, first string, others int) {
	w.Summary = first
	if others > 0 {
		w.Summary += fmt.Sprintf(", and %d more", others)
	}
}

// orderParties tells who is paid, who gives, and until when.
func (td *teller) orderParties(w *words.Writer, r reading) {
	w.Warn(orderWarning)
	self := common.Address(w.Ctx.Address)
	if v := r.field(roleReceiver); v.Type != "" {
		if a := v.Address(); a != self && a != (common.Address{}) {
			w.Warn("what the order gets goes to " + eth.Checksum(a) + ", which is not this account")
		}
	}
	if v := r.field(roleOwner); v.Type != "" && v.Address() != self {
		w.Warn("the order names the giver " + v.Text + ", which is not this account")
	}
	if r.is(roleEnd) {
		ends(w, "can be used until", r.field(roleEnd).Num)
	}
}

// collectionOrder reads an order over a token of a collection, which a field
// of its own says to be an offer or a bid.
func (td *teller) collectionOrder(w *words.Writer, r reading) bool {
	chain := td.chain()
	token := "a token"
	if r.is(roleID) {
		token = "the token with the id " + r.field(roleID).Text
	}
	token += " of the collection at " + w.Address(chain, r.field(roleCollection).Address())
	n := r.field(rolePrice)
	if n.Type == "" {
		n = r.field(roleAmount)
	}
	price := n.Text + " base units"
	if r.is(roleToken) {
		price = td.tokens(w, r.field(roleToken), n)
	}
	gives, gets := "", ""
	switch side := r.side(); side {
	case sideSells:
		gives, gets = token, price
		if n.Num.Sign() == 0 {
			w.Warn("the order asks for nothing in return")
		}
	case sideBuys:
		gives, gets = price, token
	default:
		gives, gets = "either "+token, "or the other way, "+price
	}
	orderSummary(w, chain, gives, gets)
	w.Flag("order gives", gives)
	w.Line("order gets", gets)
	td.orderParties(w, r)
	return true
}

type side uint8

const (
	sideUnknown side = iota
	sideSells
	sideBuys
)

// side says what the giver of an order does, as Blur (side), LooksRare
// (isOrderAsk, quoteType) and 0x (direction) write it.
func (r reading) side() side {
	for i, m := range r.Members {
		v := r.Items[i].Text
		switch plainName(m.Name) + ":" + m.Type + "=" + v {
		case "side:uint8=1", "isorderask:bool=true", "quotetype:uint8=1", "direction:uint8=0":
			return sideSells
		case "side:uint8=0", "isorderask:bool=false", "quotetype:uint8=0", "direction:uint8=1":
			return sideBuys
		}
	}
	return sideUnknown
}

// seaport reads one order of Seaport, or a tree of them that is signed as one
// (a bulk order). It reports whether there is nothing else.
func (td *teller) seaport(w *words.Writer) bool {
	var orders []eip712.Value
	alone := true
	var look func(v eip712.Value)
	look = func(v eip712.Value) {
		if has(v, "offerer:address", "offer", "consideration") {
			orders = append(orders, v)
			return
		}
		alone = alone && v.Shape != eip712.Atom
		for _, item := range v.Items {
			look(item)
		}
	}
	look(td.Message)
	if len(orders) == 0 {
		return false
	}
	first, full := "sign empty orders", 0
	nothing, foreign := 0, 0 // orders that give for nothing, or in another's name
	for i, o := range orders {
		if i == maxOrders {
			w.Flag("order", fmt.Sprintf("… %d more", len(orders)-i))
			w.Warn(fmt.Sprintf("orders: %d are not told in words", len(orders)-i))
			break
		}
		label := "order"
		if len(orders) > 1 {
			label = fmt.Sprintf("order %d", i+1)
		}
		empty, unpaid, other := td.seaportOrder(w, o, label)
		if empty {
			continue
		}
		if full++; full == 1 {
			first = w.Summary
		}
		if unpaid {
			nothing++
		}
		if other {
			foreign++
		}
	}
	more(w, first, full+max(0, len(orders)-maxOrders)-1)
	if len(orders) > 1 {
		w.Warn(fmt.Sprintf("one signature for %d orders: each can be filled by itself", len(orders)))
	}
	w.Warn(orderWarning)
	if nothing > 0 {
		w.Warn(fmt.Sprintf("%d of %d orders give this account nothing in return", nothing, len(orders)))
	}
	if foreign > 0 {
		w.Warn(fmt.Sprintf("%d of %d orders name another giver than this account", foreign, len(orders)))
	}
	return alone
}

// seaportOrder tells one order and reports whether it is empty, whether it
// gives without anything in return for this account, and whether the giver is
// another account.
func (td *teller) seaportOrder(w *words.Writer, o eip712.Value, label string) (empty, unpaid, foreign bool) {
	chain, self := td.chain(), common.Address(w.Ctx.Address)
	offerer := o.Get("offerer").Address()
	if offerer == (common.Address{}) && len(o.Get("offer").Items) == 0 {
		w.Line(label, "(empty)") // fills a tree up
		return true, false, false
	}
	var gives, gets, others []string
	for _, item := range o.Get("offer").Items {
		gives = append(gives, td.seaportItem(w, item, true))
	}
	for _, item := range o.Get("consideration").Items {
		text := td.seaportItem(w, item, false)
		if to := item.Get("recipient"); to.Type == "address" && to.Address() == self {
			gets = append(gets, text)
		} else {
			others = append(others, text+" to "+to.Text)
		}
	}
	w.Flag(label+" gives", several(gives))
	w.Line(label+" gets", several(gets))
	if len(others) > 0 {
		w.Line(label+" pays others", several(others))
	}
	orderSummary(w, chain, several(gives), several(gets))
	if end := o.Get("endTime").Num; end != nil {
		ends(w, label+" can be used until", end)
	}
	return false, len(gets) == 0, offerer != self
}

// several lists what an order moves, cut to a few.
func several(items []string) string {
	if len(items) == 0 {
		return "nothing"
	}
	if rest := len(items) - maxListed; rest > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:maxListed], ", "), rest)
	}
	return strings.Join(items, ", ")
}

// seaportItem names an item of an order (ItemType of Seaport). Its amount goes
// from one number to another in the life of the order; the worse for the giver
// is told.
func (td *teller) seaportItem(w *words.Writer, item eip712.Value, given bool) string {
	chain := td.chain()
	kind, token := item.Get("itemType").Text, item.Get("token")
	id, n, end := item.Get("identifierOrCriteria"), item.Get("startAmount").Num, item.Get("endAmount").Num
	if token.Type != "address" || id.Num == nil || n == nil || end == nil {
		return "something unknown"
	}
	if (n.Cmp(end) < 0) == given {
		n = end
	}
	a := token.Address()
	where := " of the collection at " + w.Address(chain, a)
	many := ""
	if n.Cmp(big.NewInt(1)) != 0 {
		many = n.String() + " of "
	}
	switch kind {
	case "0":
		return words.Coins(chain, n)
	case "1":
		return words.Amount(chain, a, n) + " of the token at " + w.Address(chain, a)
	case "2", "3":
		return many + "the token with the id " + id.Text + where
	case "4", "5":
		if id.Num.Sign() == 0 {
			return many + "any token" + where
		}
		return many + "a token that a hash names" + where
	}
	return "something unknown at " + w.Address(chain, a)
}
