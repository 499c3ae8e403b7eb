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
func (c *core) byAge() []*openRequest {
	all := make([]*openRequest, 0, len(c.requests))
	for _, r := range c.requests {
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

func (c *core) onHave(from wire.Slot, h have) error {
	if c.circle == nil {
		return nil
	}
	if len(h.IDs) > maxInventory {
		return fmt.Errorf("node: inventory of %d items: %w", len(h.IDs), wire.ErrMalformed)
	}
	var missing []wire.Hash
	for _, id := range h.IDs {
		if !c.stock.has(id) && !c.forgotten.has(id) {
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		c.sync(from, msgWant, want{IDs: missing})
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

func (c *core) onWant(from wire.Slot, w want) error {
	if c.circle == nil {
		return nil
	}
	if len(w.IDs) > maxInventory {
		return fmt.Errorf("node: request for %d items: %w", len(w.IDs), wire.ErrMalformed)
	}
	p := c.peer(from)
	p.answered.drain(c.now, answerRate)
	asked := make(map[wire.Hash]bool, len(w.IDs))
	var batch []item
	size := 0
	for _, id := range w.IDs {
		it, ok := c.stock.items[id]
		if !ok || asked[id] {
			continue
		}
		asked[id] = true
		n := len(it.Body) + 128
		if !p.answered.add(n, maxAnswered) {
			break
		}
		if size+n > batchBytes {
			c.sync(from, msgItems, items{Items: batch})
			batch, size = nil, 0
		}
		batch, size = append(batch, it), size+n
	}
	if len(batch) > 0 {
		c.sync(from, msgItems, items{Items: batch})
	}
	return nil
}

// onItems takes the items of a message. One that an honest device cannot have
// passed on ends it: nothing after it is looked at.
func (c *core) onItems(from wire.Slot, in items) error {
	if c.circle == nil {
		return nil
	}
	// The first error stands for all. A message has room for thousands of items.
	var first error
	bad := 0
	for i, it := range in.Items {
		err := c.take(it)
		if errors.Is(err, errSpoilt) {
			return fmt.Errorf("%w (and the %d items after it are left)", c.blameItem(from, it, err), len(in.Items)-i-1)
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
func (c *core) take(it item) error {
	id := it.id()
	if c.stock.has(id) {
		return nil
	}
	d, ok := c.circle.record.Device(it.From)
	if !ok {
		return fmt.Errorf("node: item from slot %d, which is not in the circle", it.From)
	}
	if it.From == c.circle.slot && it.Type != itemReceipt {
		if err := c.takeOwn(id, d, it); err != nil {
			return err
		}
	}
	if it.Type == itemRequest {
		return c.takeRequest(id, d, it)
	}
	x, err := c.examine(it)
	if err != nil {
		return err
	}
	if x.request == nil {
		return c.waitFor(id, d, x.about, it)
	}
	if x.apply == nil || c.groundless(x.request, it) {
		return nil
	}
	return c.takeAnswer(d, it, x)
}

// takeAnswer stores an answer or receipt that changes something, and acts on it.
func (c *core) takeAnswer(d roster.Device, it item, x examined) error {
	if err := c.verifyItem(d, it); err != nil {
		return err
	}
	if err := x.check(); err != nil {
		return err
	}
	r := x.request
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, it) }); err != nil {
		return storeError(err)
	}
	x.apply()
	c.stock.add(r.id, it)
	switch {
	case r.receipt != nil:
		c.sequel.stop(r, "signed")
		c.noteClosed(r)
	case len(r.denied) > 0:
		c.sequel.stop(r, "denied")
		c.noteClosed(r)
	default:
		c.sequel.act(r)
	}
	return nil
}

// takeOwn looks at a word of this device that it does not hold. If it does not
// remember it, somebody restored an old copy of its store, or made the item while
// another copy of this device runs. Either way it cannot be acted on here. It is
// looked at once.
func (c *core) takeOwn(id wire.Hash, d roster.Device, it item) error {
	if c.disowned.has(id) || c.letGo(it) || c.void(id, it) {
		return nil
	}
	if err := c.verifyItem(d, it); err != nil {
		return err
	}
	c.disowned.add(id)
	if ok, _ := c.unremembered.say(c.now, 1); ok {
		c.log.Error("another device holds a statement of this device that this device does not remember: was its data restored from a backup?")
	}
	return nil
}

// void reports whether an item is an approval of another epoch, which this device
// has stored.
func (c *core) void(id wire.Hash, it item) bool {
	about, err := it.about()
	r := c.requests[about]
	return err == nil && r != nil && slices.Contains(r.void, id)
}

// letGo reports whether it belongs to a request that this device has forgotten on
// purpose.
func (c *core) letGo(it item) bool {
	about, err := it.about()
	return err == nil && c.forgotten.has(wire.Hash(about))
}

func (c *core) takeRequest(itemID wire.Hash, d roster.Device, it item) error {
	req, err := parseRequest(c.circle.record.Circle, it.From, it.Body)
	if err != nil {
		return err
	}
	id := requestID(it.Body)
	if c.requests[id] != nil || c.wasForgotten(itemID, req) {
		return nil
	}
	if n := c.countOpen(it.From); n >= maxOpenPerDevice {
		return fmt.Errorf("node: %s has %d open requests, one more is not taken", c.name(it.From), n)
	}
	if n := c.countChanges(it.From); change.Kind(req.Kind).Known() && n >= maxOpenChanges {
		return fmt.Errorf("node: %s asks for %d changes of the circle, one more is not taken", c.name(it.From), n)
	}
	if err := c.verifyItem(d, it); err != nil {
		return err
	}
	r := c.understand(it, req)
	if c.unborn(r) {
		return fmt.Errorf("node: %s asks for something about device %d, which there is not", c.name(it.From), r.change.Slot)
	}
	r.meta = meta{Version: 1, Received: unix(c.now), Epoch: c.circle.record.Epoch}
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error {
		return errors.Join(putItem(tx, it), putMeta(tx, r))
	}); err != nil {
		return storeError(err)
	}
	c.enlist(r)
	if ok, kept := c.peer(it.From).received.say(c.now, maxReceived); ok {
		c.log.Info("request received", "request", id, "from", c.name(it.From), "kind", r.request.Kind, "others", kept)
	}
	c.takeWaiting(func(o earlyAnswer) bool { return o.about == id })
	c.sequel.arrived(r)
	return nil
}

// maxReceived is how many requests of one device are written of in a minute.
const maxReceived = 30

// unborn reports whether a change is about a device that there has never been, as
// far as this one knows. If it only has not heard of it yet, it is told of the
// change again when it has.
func (c *core) unborn(r *openRequest) bool {
	return r.change != nil && wire.Slot(r.change.Slot) >= c.circle.head().Record.NextSlot() && wire.Slot(r.change.Slot) >= c.circle.record.NextSlot()
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
func (c *core) examine(it item) (x examined, err error) {
	x.check = nothingLeft
	switch it.Type {
	case itemAnswer:
		a, err := parseAnswer(it.Body)
		if err != nil {
			return x, err
		}
		x.about = a.Request
		r := c.requests[a.Request]
		if r == nil {
			return x, nil
		}
		// The first of each verdict counts: the same can be said in many ways, and
		// each would be stored.
		switch {
		case a.Verdict == verdictDeny:
			x.request = r
			if !has(r.denied, it.From) && c.deniable(r, it.From) { // nobody acquits itself, nor another
				x.apply = func() { r.denied[it.From] = it }
			}
		case a.Verdict == verdictReleased:
			x.request = r
			if !has(r.released, it.From) {
				x.apply = func() { r.released[it.From] = it }
			}
		case a.Epoch > c.circle.record.Epoch: // of an epoch that this device will come to
		default:
			x.request = r
			if a.Epoch == c.circle.record.Epoch && wire.Hash(a.Record) == c.circle.hash && !has(r.approved, it.From) {
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
		r := c.requests[p.Request]
		x.request = r
		if r == nil || r.unclear != nil || has(r.receipts, it.From) {
			return x, nil
		}
		var res intent.Result
		x.check = func() (err error) {
			if c.decoded(r); r.unclear != nil {
				return r.unclear
			}
			if res, err = c.resultOf(r, p); err != nil {
				return fmt.Errorf("%w: %w", errSpoilt, err)
			}
			return nil
		}
		x.apply = func() {
			r.receipts[it.From] = it
			if r.receipt == nil {
				r.receipt, r.result = &p, res
				if !r.started.IsZero() {
					r.elapsed = c.cfg.Now().Sub(r.started)
				}
			}
		}
		return x, nil
	}
	return x, fmt.Errorf("node: item of unknown type %d", it.Type)
}

// waitFor keeps an answer until its request comes.
func (c *core) waitFor(id wire.Hash, d roster.Device, about wire.RequestID, it item) error {
	if c.aboutForgotten(id, about) || c.waiting.has(id) {
		return nil
	}
	if err := c.verifyItem(d, it); err != nil {
		return err
	}
	c.waiting.add(earlyAnswer{id, about, it})
	return nil
}

// takeWaiting takes the answers that can be looked at by now.
func (c *core) takeWaiting(now func(earlyAnswer) bool) {
	for _, a := range c.waiting.take(now) {
		if err := c.take(a.item); err != nil {
			c.log.Debug("held item refused", "err", err)
		}
	}
}
