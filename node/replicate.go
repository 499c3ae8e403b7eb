package node

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Replication is push now, pull at the next contact. A new item goes to every
// member that is connected; on every new connection, and now and then on an
// old one, each side lists what it holds and asks for what it lacks.

// byAge lists requests with the newest first, so that what is cut off when
// there are too many is the oldest.
func (lg *ledger) byAge() []*openRequest {
	all := make([]*openRequest, 0, len(lg.requests))
	for _, r := range lg.requests {
		all = append(all, r)
	}
	return sortByAge(all)
}

func sortByAge(all []*openRequest) []*openRequest {
	slices.SortFunc(all, func(a, b *openRequest) int {
		if a.meta.Received != b.meta.Received {
			return int(int64(b.meta.Received) - int64(a.meta.Received))
		}
		return slices.Compare(a.id[:], b.id[:])
	})
	return all
}

func (lg *ledger) onHave(from wire.Slot, h have) error {
	if lg.me.circle == nil {
		return nil
	}
	if len(h.IDs) > maxInventory {
		return fmt.Errorf("node: inventory of %d items: %w", len(h.IDs), wire.ErrMalformed)
	}
	var missing []wire.Hash
	for _, id := range h.IDs {
		if !lg.stock.has(id) && !lg.forgotten.has(id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		lg.me.sync(from, msgWant, want{IDs: missing})
	}
	return nil
}

// batchBytes bounds the items of one message, leaving room for their frame.
const batchBytes = wire.MaxSyncMessage - 8<<10

// How many bytes of items one device is sent because it asks for them: as much as
// it can lack at once, and then as fast as it can come to lack more. What is over
// that it finds in the next inventory.
const (
	maxAnswered = 16 << 20
	answerRate  = 64 << 10 // in a second
)

func (lg *ledger) onWant(from wire.Slot, w want) error {
	if lg.me.circle == nil {
		return nil
	}
	if len(w.IDs) > maxInventory {
		return fmt.Errorf("node: request for %d items: %w", len(w.IDs), wire.ErrMalformed)
	}
	p := lg.me.peer(from)
	p.answered.drain(lg.me.now, answerRate)
	asked := make(map[wire.Hash]bool, len(w.IDs))
	var batch []item
	size := 0
	for _, id := range w.IDs {
		it, ok := lg.stock.items[id]
		if !ok || asked[id] {
			continue
		}
		asked[id] = true
		n := len(it.Body) + 128
		if !p.answered.add(n, maxAnswered) {
			break
		}
		if size+n > batchBytes {
			lg.me.sync(from, msgItems, items{Items: batch})
			batch, size = nil, 0
		}
		batch, size = append(batch, it), size+n
	}
	if len(batch) > 0 {
		lg.me.sync(from, msgItems, items{Items: batch})
	}
	return nil
}

// onItems takes the items of a message. One that an honest device cannot have
// passed on ends it: nothing after it is looked at.
func (lg *ledger) onItems(from wire.Slot, in items) error {
	if lg.me.circle == nil {
		return nil
	}
	// The first error stands for all. A message has room for thousands of items.
	var first error
	bad := 0
	for i, it := range in.Items {
		err := lg.take(it)
		if errors.Is(err, errSpoilt) {
			return fmt.Errorf("%w (and the %d items after it are left)", lg.me.blameItem(from, it, err), len(in.Items)-i-1)
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

// take accepts one item, whoever passed it on: verified, stored, then acted on.
// What is known already, and what would change nothing, costs no verification.
func (lg *ledger) take(it item) error {
	id := it.id()
	if lg.stock.has(id) {
		return nil
	}
	d, ok := lg.me.circle.record.Device(it.From)
	if !ok {
		return fmt.Errorf("node: item from slot %d, which is not in the circle", it.From)
	}
	if it.From == lg.me.circle.slot && it.Type != itemReceipt {
		if err := lg.takeOwn(id, d, it); err != nil {
			return err
		}
	}
	if it.Type == itemRequest {
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
func (lg *ledger) takeAnswer(d roster.Device, it item, x examined) error {
	if err := lg.me.verifyItem(d, it); err != nil {
		return err
	}
	if err := x.check(); err != nil {
		return err
	}
	r := x.request
	if err := lg.me.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, it) }); err != nil {
		return storeError(err)
	}
	x.apply()
	lg.stock.add(r.id, it)
	switch {
	case r.receipt != nil:
		lg.sequel.stop(r, "signed")
		lg.noteClosed(r)
	case len(r.denied) > 0:
		lg.sequel.stop(r, "denied")
		lg.noteClosed(r)
	default:
		lg.sequel.act(r)
	}
	return nil
}

// takeOwn looks at a word of this device that it does not hold. If it does not
// remember it, somebody restored an old copy of its store, or made the item while
// another copy of this device runs. Either way it cannot be acted on here. It is
// looked at once.
func (lg *ledger) takeOwn(id wire.Hash, d roster.Device, it item) error {
	if lg.disowned.has(id) || lg.letGo(it) || lg.void(id, it) {
		return nil
	}
	if err := lg.me.verifyItem(d, it); err != nil {
		return err
	}
	lg.disowned.add(id)
	if ok, _ := lg.unremembered.say(lg.me.now, 1); ok {
		lg.me.log.Error("another device holds a statement of this device that this device does not remember: was its data restored from a backup?")
	}
	return nil
}

// void reports whether an item is an approval of another epoch, which this device
// has stored.
func (lg *ledger) void(id wire.Hash, it item) bool {
	about, err := it.about()
	r := lg.requests[about]
	return err == nil && r != nil && slices.Contains(r.void, id)
}

// letGo reports whether it belongs to a request that this device has forgotten on
// purpose.
func (lg *ledger) letGo(it item) bool {
	about, err := it.about()
	return err == nil && lg.forgotten.has(wire.Hash(about))
}

func (lg *ledger) takeRequest(itemID wire.Hash, d roster.Device, it item) error {
	req, err := parseRequest(lg.me.circle.record.Circle, it.From, it.Body)
	if err != nil {
		return err
	}
	id := requestID(it.Body)
	if lg.requests[id] != nil || lg.wasForgotten(itemID, req) {
		return nil
	}
	if n := lg.countOpen(it.From); n >= maxOpenPerDevice {
		return fmt.Errorf("node: %s has %d open requests, one more is not taken", lg.me.name(it.From), n)
	}
	if n := lg.countChanges(it.From); change.Kind(req.Kind).Known() && n >= maxOpenChanges {
		return fmt.Errorf("node: %s asks for %d changes of the circle, one more is not taken", lg.me.name(it.From), n)
	}
	if err := lg.me.verifyItem(d, it); err != nil {
		return err
	}
	r := lg.understand(it, req)
	if lg.unborn(r) {
		return fmt.Errorf("node: %s asks for something about device %d, which there is not", lg.me.name(it.From), r.change.Slot)
	}
	r.meta = meta{Version: 1, Received: unix(lg.me.now), Epoch: lg.me.circle.record.Epoch}
	if err := lg.me.cfg.Journal.Update(func(tx journal.Tx) error {
		return errors.Join(putItem(tx, it), putMeta(tx, r))
	}); err != nil {
		return storeError(err)
	}
	lg.enlist(r)
	if ok, kept := lg.me.peer(it.From).received.say(lg.me.now, maxReceived); ok {
		lg.me.log.Info("request received", "request", id, "from", lg.me.name(it.From), "kind", r.request.Kind, "others", kept)
	}
	lg.takeWaiting(func(o earlyAnswer) bool { return o.about == id })
	lg.sequel.arrived(r)
	return nil
}

// maxReceived is how many requests of one device are written of in a minute.
const maxReceived = 30

// unborn reports whether a change is about a device that there has never been, as
// far as this one knows. If it only has not heard of it yet, it is told of the
// change again when it has.
func (lg *ledger) unborn(r *openRequest) bool {
	return r.change != nil && wire.Slot(r.change.Slot) >= lg.me.circle.head().Record.NextSlot() && wire.Slot(r.change.Slot) >= lg.me.circle.record.NextSlot()
}

func has(m map[wire.Slot]item, s wire.Slot) bool { _, ok := m[s]; return ok }

// examined is what accepting an answer or a receipt would do.
type examined struct {
	about   wire.RequestID
	request *openRequest // nil if it is not known, or not known in that epoch
	check   func() error // what is left to be found out, which takes longer
	apply   func()       // nil if the item changes nothing
}

func nothingLeft() error { return nil }

// examine looks at an answer or receipt beside its request, but for its signature.
func (lg *ledger) examine(it item) (x examined, err error) {
	x.check = nothingLeft
	switch it.Type {
	case itemAnswer:
		a, err := parseAnswer(it.Body)
		if err != nil {
			return x, err
		}
		x.about = a.Request
		r := lg.requests[a.Request]
		if r == nil {
			return x, nil
		}
		// The first of each verdict counts: the same can be said in many ways, and
		// each would be stored.
		switch {
		case a.Verdict == verdictDeny:
			x.request = r
			if !has(r.denied, it.From) && lg.deniable(r, it.From) { // nobody acquits itself, nor another
				x.apply = func() { r.denied[it.From] = it }
			}
		case a.Verdict == verdictReleased:
			x.request = r
			if !has(r.released, it.From) {
				x.apply = func() { r.released[it.From] = it }
			}
		case a.Epoch > lg.me.circle.record.Epoch: // of an epoch that this device will come to
		default:
			x.request = r
			if a.Epoch == lg.me.circle.record.Epoch && wire.Hash(a.Record) == lg.me.circle.hash && !has(r.approved, it.From) {
				x.apply = func() { r.approved[it.From] = it }
			}
		}
		return x, nil
	case itemReceipt:
		p, err := parseReceipt(it.Body)
		if err != nil {
			return x, err
		}
		x.about = p.Request
		r := lg.requests[p.Request]
		x.request = r
		if r == nil || r.unclear != nil || has(r.receipts, it.From) {
			return x, nil
		}
		var res intent.Result
		x.check = func() (err error) {
			if lg.decoded(r); r.unclear != nil {
				return r.unclear
			}
			if res, err = lg.resultOf(r, p); err != nil {
				return fmt.Errorf("%w: %w", errSpoilt, err)
			}
			return nil
		}
		x.apply = func() {
			r.receipts[it.From] = it
			if r.receipt == nil {
				r.receipt, r.result = &p, res
				if !r.started.IsZero() {
					r.elapsed = lg.me.cfg.Now().Sub(r.started)
				}
			}
		}
		return x, nil
	}
	return x, fmt.Errorf("node: item of unknown type %d", it.Type)
}

// waitFor keeps an answer until its request comes.
func (lg *ledger) waitFor(id wire.Hash, d roster.Device, about wire.RequestID, it item) error {
	if lg.aboutForgotten(id, about) || lg.waiting.has(id) {
		return nil
	}
	if err := lg.me.verifyItem(d, it); err != nil {
		return err
	}
	lg.waiting.add(earlyAnswer{id, about, it})
	return nil
}

// takeWaiting takes the answers that can be looked at by now.
func (lg *ledger) takeWaiting(now func(earlyAnswer) bool) {
	for _, a := range lg.waiting.take(now) {
		if err := lg.take(a.item); err != nil {
			lg.me.log.Debug("held item refused", "err", err)
		}
	}
}
