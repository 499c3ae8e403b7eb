package ledger

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Replication is push now, pull at the next contact. A new item goes to every
// member that is connected; on every new connection, and now and then on an
// old one, each side lists what it holds and asks for what it lacks.

// ByAge lists requests with the newest first, so that what is cut off when
// there are too many is the oldest.
func (lg *Ledger) ByAge() []*Request {
	all := make([]*Request, 0, len(lg.Requests))
	for _, r := range lg.Requests {
		all = append(all, r)
	}
	return sortByAge(all)
}

func sortByAge(all []*Request) []*Request {
	slices.SortFunc(all, func(a, b *Request) int {
		if a.Meta.Received != b.Meta.Received {
			return int(int64(b.Meta.Received) - int64(a.Meta.Received))
		}
		return slices.Compare(a.ID[:], b.ID[:])
	})
	return all
}

// OnHave asks a member for those of its items that this device lacks.
func (lg *Ledger) OnHave(from wire.Slot, h message.Have) error {
	if lg.me.Circle == nil {
		return nil
	}
	if len(h.IDs) > message.MaxInventory {
		return fmt.Errorf("node: inventory of %d items: %w", len(h.IDs), wire.ErrMalformed)
	}
	var missing []wire.Hash
	for _, id := range h.IDs {
		if !lg.Stock.Has(id) && !lg.forgotten.has(id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		lg.me.Sync(from, message.MsgWant, message.Want{IDs: missing})
	}
	return nil
}

// batchBytes bounds the items of one message, leaving room for their frame.
const batchBytes = wire.MaxSyncMessage - 8<<10

// How many bytes of items one device is sent because it asks for them: as much as
// it can lack at once, and then as fast as it can come to lack more. What is over
// that it finds in the next inventory.
const (
	MaxAnswered = 16 << 20
	answerRate  = 64 << 10 // in a second
)

// OnWant sends a member the items that it asks for, as far as its allowance goes.
func (lg *Ledger) OnWant(from wire.Slot, w message.Want) error {
	if lg.me.Circle == nil {
		return nil
	}
	if len(w.IDs) > message.MaxInventory {
		return fmt.Errorf("node: request for %d items: %w", len(w.IDs), wire.ErrMalformed)
	}
	p := lg.me.Peer(from)
	p.Answered.Drain(lg.me.Now, answerRate)
	asked := make(map[wire.Hash]bool, len(w.IDs))
	var batch []message.Item
	size := 0
	for _, id := range w.IDs {
		it, ok := lg.Stock.Items[id]
		if !ok || asked[id] {
			continue
		}
		asked[id] = true
		n := len(it.Body) + 128
		if !p.Answered.Add(n, MaxAnswered) {
			break
		}
		if size+n > batchBytes {
			lg.me.Sync(from, message.MsgItems, message.Items{Items: batch})
			batch, size = nil, 0
		}
		batch, size = append(batch, it), size+n
	}
	if len(batch) > 0 {
		lg.me.Sync(from, message.MsgItems, message.Items{Items: batch})
	}
	return nil
}

// OnItems takes the items of a message. One that an honest device cannot have
// passed on ends it: nothing after it is looked at.
func (lg *Ledger) OnItems(from wire.Slot, in message.Items) error {
	if lg.me.Circle == nil {
		return nil
	}
	// The first error stands for all. A message has room for thousands of items.
	var first error
	bad := 0
	for i, it := range in.Items {
		err := lg.Take(it)
		if errors.Is(err, standing.ErrSpoilt) {
			return fmt.Errorf("%w (and the %d items after it are left)", lg.me.BlameItem(from, it, err), len(in.Items)-i-1)
		}
		if err != nil {
			if bad++; bad == 1 {
				first = err
			}
		}
	}
	if bad > 1 {
		return fmt.Errorf("%w (and %d more items of the message)", first, bad-1)
	}
	return first
}

// Take accepts one item, whoever passed it on: verified, stored, then acted on.
// What is known already, and what would change nothing, costs no verification.
func (lg *Ledger) Take(it message.Item) error {
	id := it.ID()
	if lg.Stock.Has(id) {
		return nil
	}
	d, ok := lg.me.Circle.Record.Device(it.From)
	if !ok {
		return fmt.Errorf("node: item from slot %d, which is not in the circle", it.From)
	}
	if it.From == lg.me.Circle.Slot && it.Type != message.ItemReceipt {
		if err := lg.takeOwn(id, d, it); err != nil {
			return err
		}
	}
	if it.Type == message.ItemRequest {
		return lg.takeRequest(id, d, it)
	}
	x, err := lg.examine(it)
	if err != nil {
		return err
	}
	if x.request == nil {
		return lg.waitFor(id, d, x.about, it)
	}
	if x.apply == nil || lg.groundless(x.request, it) {
		return nil
	}
	return lg.takeAnswer(d, it, x)
}

// takeAnswer stores an answer or receipt that changes something, and acts on it.
func (lg *Ledger) takeAnswer(d roster.Device, it message.Item, x examined) error {
	if err := lg.me.VerifyItem(d, it); err != nil {
		return err
	}
	if err := x.check(); err != nil {
		return err
	}
	r := x.request
	if err := lg.me.Config.Journal.Update(func(tx journal.Tx) error { return putItem(tx, it) }); err != nil {
		return standing.StoreError(err)
	}
	x.apply()
	lg.Stock.add(r.ID, it)
	switch {
	case r.Receipt != nil:
		lg.sequel.Stop(r, "signed")
		lg.noteClosed(r)
	case len(r.Denied) > 0:
		lg.sequel.Stop(r, "denied")
		lg.noteClosed(r)
	default:
		lg.me.Stir()
	}
	return nil
}

// takeOwn looks at a word of this device that it does not hold. If it does not
// remember it, somebody restored an old copy of its store, or made the item while
// another copy of this device runs. Either way it cannot be acted on here. It is
// looked at once.
func (lg *Ledger) takeOwn(id wire.Hash, d roster.Device, it message.Item) error {
	if lg.disowned.has(id) || lg.letGo(it) || lg.void(id, it) {
		return nil
	}
	if err := lg.me.VerifyItem(d, it); err != nil {
		return err
	}
	lg.disowned.Add(id)
	if ok, _ := lg.unremembered.Say(lg.me.Now, 1); ok {
		lg.me.Log.Error("another device holds a statement of this device that this device does not remember: was its data restored from a backup?")
	}
	return nil
}

// void reports whether an item is an approval of another epoch, which this device
// has stored.
func (lg *Ledger) void(id wire.Hash, it message.Item) bool {
	about, err := it.About()
	r := lg.Requests[about]
	return err == nil && r != nil && slices.Contains(r.void, id)
}

// letGo reports whether it belongs to a request that this device has forgotten on
// purpose.
func (lg *Ledger) letGo(it message.Item) bool {
	about, err := it.About()
	return err == nil && lg.forgotten.has(wire.Hash(about))
}

func (lg *Ledger) takeRequest(itemID wire.Hash, d roster.Device, it message.Item) error {
	req, err := message.ParseRequest(lg.me.Circle.Record.Circle, it.From, it.Body)
	if err != nil {
		return err
	}
	id := message.RequestID(it.Body)
	if lg.Requests[id] != nil || lg.wasForgotten(itemID, req) {
		return nil
	}
	if n := lg.countOpen(it.From); n >= MaxOpenPerDevice {
		return fmt.Errorf("node: %s has %d open requests, one more is not taken", lg.me.Name(it.From), n)
	}
	if n := lg.CountChanges(it.From); change.Kind(req.Kind).Known() && n >= MaxOpenChanges {
		return fmt.Errorf("node: %s asks for %d changes of the circle, one more is not taken", lg.me.Name(it.From), n)
	}
	if err := lg.me.VerifyItem(d, it); err != nil {
		return err
	}
	r := lg.understand(it, req)
	if lg.unborn(r) {
		return fmt.Errorf("node: %s asks for something about device %d, which there is not", lg.me.Name(it.From), r.Change.Slot)
	}
	r.Meta = Meta{Version: 1, Received: standing.Unix(lg.me.Now), Epoch: lg.me.Circle.Record.Epoch}
	if err := lg.me.Config.Journal.Update(func(tx journal.Tx) error {
		return errors.Join(putItem(tx, it), PutMeta(tx, r))
	}); err != nil {
		return standing.StoreError(err)
	}
	lg.enlist(r)
	if ok, kept := lg.me.Peer(it.From).Received.Say(lg.me.Now, MaxReceived); ok {
		lg.me.Log.Info("request received", "request", id, "from", lg.me.Name(it.From), "kind", r.Request.Kind, "others", kept)
	}
	lg.TakeWaiting(func(o EarlyAnswer) bool { return o.about == id })
	lg.sequel.Arrived(r)
	return nil
}

// MaxReceived is how many requests of one device are written of in a minute.
const MaxReceived = 30

// unborn reports whether a change is about a device that there has never been, as
// far as this one knows. If it only has not heard of it yet, it is told of the
// change again when it has.
func (lg *Ledger) unborn(r *Request) bool {
	return r.Change != nil && wire.Slot(r.Change.Slot) >= lg.me.Circle.Head().Record.NextSlot() && wire.Slot(r.Change.Slot) >= lg.me.Circle.Record.NextSlot()
}

// Has reports whether m has an item of the device in slot s.
func Has(m map[wire.Slot]message.Item, s wire.Slot) bool { _, ok := m[s]; return ok }

// examined is what accepting an answer or a receipt would do.
type examined struct {
	about   wire.RequestID
	request *Request     // nil if it is not known, or not known in that epoch
	check   func() error // what is left to be found out, which takes longer
	apply   func()       // nil if the item changes nothing
}

func nothingLeft() error { return nil }

// examine looks at an answer or receipt beside its request, but for its signature.
func (lg *Ledger) examine(it message.Item) (x examined, err error) {
	x.check = nothingLeft
	switch it.Type {
	case message.ItemAnswer:
		a, err := message.ParseAnswer(it.Body)
		if err != nil {
			return x, err
		}
		x.about = a.Request
		r := lg.Requests[a.Request]
		if r == nil {
			return x, nil
		}
		// The first of each verdict counts: the same can be said in many ways, and
		// each would be stored.
		switch {
		case a.Verdict == message.VerdictDeny:
			x.request = r
			if !Has(r.Denied, it.From) && lg.deniable(r, it.From) { // nobody acquits itself, nor another
				x.apply = func() { r.Denied[it.From] = it }
			}
		case a.Verdict == message.VerdictReleased:
			x.request = r
			if !Has(r.released, it.From) {
				x.apply = func() { r.released[it.From] = it }
			}
		case a.Epoch > lg.me.Circle.Record.Epoch: // of an epoch that this device will come to
		default:
			x.request = r
			if a.Epoch == lg.me.Circle.Record.Epoch && wire.Hash(a.Record) == lg.me.Circle.Hash && !Has(r.Approved, it.From) {
				x.apply = func() { r.Approved[it.From] = it }
			}
		}
		return x, nil
	case message.ItemReceipt:
		p, err := message.ParseReceipt(it.Body)
		if err != nil {
			return x, err
		}
		x.about = p.Request
		r := lg.Requests[p.Request]
		x.request = r
		if r == nil || r.Unclear != nil || Has(r.Receipts, it.From) {
			return x, nil
		}
		var res intent.Result
		x.check = func() (err error) {
			if lg.Decoded(r); r.Unclear != nil {
				return r.Unclear
			}
			if res, err = lg.resultOf(r, p); err != nil {
				return fmt.Errorf("%w: %w", standing.ErrSpoilt, err)
			}
			return nil
		}
		x.apply = func() {
			r.Receipts[it.From] = it
			if r.Receipt == nil {
				r.Receipt, r.Result = &p, res
				if !r.Started.IsZero() {
					r.Elapsed = lg.me.Config.Now().Sub(r.Started)
				}
			}
		}
		return x, nil
	}
	return x, fmt.Errorf("node: item of unknown type %d", it.Type)
}

// waitFor keeps an answer until its request comes.
func (lg *Ledger) waitFor(id wire.Hash, d roster.Device, about wire.RequestID, it message.Item) error {
	if lg.aboutForgotten(id, about) || lg.Waiting.has(id) {
		return nil
	}
	if err := lg.me.VerifyItem(d, it); err != nil {
		return err
	}
	lg.Waiting.add(EarlyAnswer{id, about, it})
	return nil
}

// TakeWaiting takes the answers that can be looked at by now.
func (lg *Ledger) TakeWaiting(now func(EarlyAnswer) bool) {
	for _, a := range lg.Waiting.take(now) {
		if err := lg.Take(a.item); err != nil {
			lg.me.Log.Debug("held item refused", "err", err)
		}
	}
}
