package intent

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// orderWarning is the danger of every order.
const orderWarning = "this signature alone lets whoever fills the order take what it gives, without a transaction of this account"

// order reads an order of an exchange whose fields stand side by side: CoW
// (GPv2), 0x, 1inch and their likes, and those of markets for collections.
func (td *typedData) order(w *writer, r reading) bool {
	chain := td.chain()
	var gives, gets string
	switch {
	case r.is(roleGives) && r.is(roleGivesAmount) && r.is(roleGets) && r.is(roleGetsAmount):
		gives = td.tokens(w, r.field(roleGives), r.field(roleGivesAmount))
		gets = td.tokens(w, r.field(roleGets), r.field(roleGetsAmount))
		if r.field(roleGetsAmount).num.Sign() == 0 {
			w.warn("the order asks for nothing in return")
		}
	case r.is(roleGivesAmount) && r.is(roleGetsAmount) && r.is(roleBytes): // 0x of version 3
		gives = r.field(roleGivesAmount).text + " base units of an asset that stands in bytes only"
		gets = r.field(roleGetsAmount).text + " base units of another"
	case r.is(roleCollection) && r.is(rolePrice), r.is(roleCollection) && r.is(roleToken) && r.is(roleAmount) && r.is(roleOwner):
		return td.collectionOrder(w, r)
	case r.is(rolePrice) && r.is(roleOwner) && r.is(roleBytes): // Wyvern
		gives = "what the call in its bytes moves"
		gets = r.field(rolePrice).text + " base units of a token"
	case r.is(roleCollection) && r.is(roleOwner) && r.is(roleEnd): // Blur of version 2
		gives = "tokens of the collection at " + w.address(chain, r.field(roleCollection).addressValue())
		gets = "what stands elsewhere"
	default:
		return false
	}
	w.orderSummary(chain, gives, gets)
	w.flag("order gives", gives)
	w.line("order gets", gets)
	if fee := r.field(roleFee).num; fee != nil && fee.Sign() > 0 {
		w.flag("order fee", fee.String()+" base units besides")
	}
	td.orderParties(w, r)
	return true
}

// tokens names an amount of a token.
func (td *typedData) tokens(w *writer, token, n value) string {
	a := token.addressValue()
	return amount(td.chain(), a, n.num) + " of the token at " + w.address(td.chain(), a)
}

func (w *writer) orderSummary(chain *big.Int, gives, gets string) {
	w.summary = "order: give " + gives + " for " + gets
	if chain != nil {
		w.summary += " on " + chainName(chain)
	}
}

// more says in the summary how many others there are.
func (w *writer) more(first string, others int) {
	w.summary = first
	if others > 0 {
		w.summary += fmt.Sprintf(", and %d more", others)
	}
}

// orderParties tells who is paid, who gives, and until when.
func (td *typedData) orderParties(w *writer, r reading) {
	w.warn(orderWarning)
	self := common.Address(w.ctx.Address)
	if v := r.field(roleReceiver); v.typ != "" {
		if a := v.addressValue(); a != self && a != (common.Address{}) {
			w.warn("what the order gets goes to " + checksummed(a) + ", which is not this account")
		}
	}
	if v := r.field(roleOwner); v.typ != "" && v.addressValue() != self {
		w.warn("the order names the giver " + v.text + ", which is not this account")
	}
	if r.is(roleEnd) {
		w.end("can be used until", r.field(roleEnd).num)
	}
}

// collectionOrder reads an order over a token of a collection, which a field
// of its own says to be an offer or a bid.
func (td *typedData) collectionOrder(w *writer, r reading) bool {
	chain := td.chain()
	token := "a token"
	if r.is(roleID) {
		token = "the token with the id " + r.field(roleID).text
	}
	token += " of the collection at " + w.address(chain, r.field(roleCollection).addressValue())
	n := r.field(rolePrice)
	if n.typ == "" {
		n = r.field(roleAmount)
	}
	price := n.text + " base units"
	if r.is(roleToken) {
		price = td.tokens(w, r.field(roleToken), n)
	}
	gives, gets := "", ""
	switch side := r.side(); side {
	case sideSells:
		gives, gets = token, price
		if n.num.Sign() == 0 {
			w.warn("the order asks for nothing in return")
		}
	case sideBuys:
		gives, gets = price, token
	default:
		gives, gets = "either "+token, "or the other way, "+price
	}
	w.orderSummary(chain, gives, gets)
	w.flag("order gives", gives)
	w.line("order gets", gets)
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
	for i, m := range r.members {
		v := r.items[i].text
		switch plainName(m.name) + ":" + m.typ + "=" + v {
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
func (td *typedData) seaport(w *writer) bool {
	var orders []value
	alone := true
	var look func(v value)
	look = func(v value) {
		if v.has("offerer:address", "offer", "consideration") {
			orders = append(orders, v)
			return
		}
		alone = alone && v.shape != atom
		for _, item := range v.items {
			look(item)
		}
	}
	look(td.message)
	if len(orders) == 0 {
		return false
	}
	first, full := "sign empty orders", 0
	nothing, foreign := 0, 0 // orders that give for nothing, or in another's name
	for i, o := range orders {
		if i == maxOrders {
			w.flag("order", fmt.Sprintf("… %d more", len(orders)-i))
			w.warn(fmt.Sprintf("orders: %d are not told in words", len(orders)-i))
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
			first = w.summary
		}
		if unpaid {
			nothing++
		}
		if other {
			foreign++
		}
	}
	w.more(first, full+max(0, len(orders)-maxOrders)-1)
	if len(orders) > 1 {
		w.warn(fmt.Sprintf("one signature for %d orders: each can be filled by itself", len(orders)))
	}
	w.warn(orderWarning)
	if nothing > 0 {
		w.warn(fmt.Sprintf("%d of %d orders give this account nothing in return", nothing, len(orders)))
	}
	if foreign > 0 {
		w.warn(fmt.Sprintf("%d of %d orders name another giver than this account", foreign, len(orders)))
	}
	return alone
}

// seaportOrder tells one order and reports whether it is empty, whether it
// gives without anything in return for this account, and whether the giver is
// another account.
func (td *typedData) seaportOrder(w *writer, o value, label string) (empty, unpaid, foreign bool) {
	chain, self := td.chain(), common.Address(w.ctx.Address)
	offerer := o.get("offerer").addressValue()
	if offerer == (common.Address{}) && len(o.get("offer").items) == 0 {
		w.line(label, "(empty)") // fills a tree up
		return true, false, false
	}
	var gives, gets, others []string
	for _, item := range o.get("offer").items {
		gives = append(gives, td.seaportItem(w, item, true))
	}
	for _, item := range o.get("consideration").items {
		text := td.seaportItem(w, item, false)
		if to := item.get("recipient"); to.typ == "address" && to.addressValue() == self {
			gets = append(gets, text)
		} else {
			others = append(others, text+" to "+to.text)
		}
	}
	w.flag(label+" gives", several(gives))
	w.line(label+" gets", several(gets))
	if len(others) > 0 {
		w.line(label+" pays others", several(others))
	}
	w.orderSummary(chain, several(gives), several(gets))
	if end := o.get("endTime").num; end != nil {
		w.end(label+" can be used until", end)
	}
	return false, len(gets) == 0, offerer != self
}

// several lists what an order moves, cut to a few.
func several(items []string) string {
	if len(items) == 0 {
		return "nothing"
	}
	if rest := len(items) - maxFindings; rest > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(items[:maxFindings], ", "), rest)
	}
	return strings.Join(items, ", ")
}

// seaportItem names an item of an order (ItemType of Seaport). Its amount goes
// from one number to another in the life of the order; the worse for the giver
// is told.
func (td *typedData) seaportItem(w *writer, item value, given bool) string {
	chain := td.chain()
	kind, token := item.get("itemType").text, item.get("token")
	id, n, end := item.get("identifierOrCriteria"), item.get("startAmount").num, item.get("endAmount").num
	if token.typ != "address" || id.num == nil || n == nil || end == nil {
		return "something unknown"
	}
	if (n.Cmp(end) < 0) == given {
		n = end
	}
	a := token.addressValue()
	where := " of the collection at " + w.address(chain, a)
	many := ""
	if n.Cmp(big.NewInt(1)) != 0 {
		many = n.String() + " of "
	}
	switch kind {
	case "0":
		return coins(chain, n)
	case "1":
		return amount(chain, a, n) + " of the token at " + w.address(chain, a)
	case "2", "3":
		return many + "the token with the id " + id.text + where
	case "4", "5":
		if id.num.Sign() == 0 {
			return many + "any token" + where
		}
		return many + "a token that a hash names" + where
	}
	return "something unknown at " + w.address(chain, a)
}
