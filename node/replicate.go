package node

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/policy"
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
	slices.SortFunc(all, func(a, b *openRequest) int {
		if a.meta.Received != b.meta.Received {
			return int(int64(b.meta.Received) - int64(a.meta.Received))
		}
		return slices.Compare(a.id[:], b.id[:])
	})
	return all
}

func (c *core) itemsOf(r *openRequest) []item {
	out := []item{r.item}
	for _, m := range r.answers() {
		for _, s := range sortedSlots(m) {
			out = append(out, m[s])
		}
	}
	return out
}

func (c *core) onHave(from wire.Slot, h have) error {
	if c.circle == nil {
		return nil
	}
	if len(h.IDs) > maxInventory {
		return fmt.Errorf("node: inventory of %d items: %w", len(h.IDs), wire.ErrMalformed)
	}
	held := map[wire.Hash]bool{}
	for _, id := range c.inventory() {
		held[id] = true
	}
	var missing []wire.Hash
	for _, id := range h.IDs {
		if !held[id] && !c.forgotten.has(id) {
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

func (c *core) onWant(from wire.Slot, w want) error {
	if c.circle == nil {
		return nil
	}
	if len(w.IDs) > maxInventory {
		return fmt.Errorf("node: request for %d items: %w", len(w.IDs), wire.ErrMalformed)
	}
	wanted := map[wire.Hash]bool{}
	for _, id := range w.IDs {
		wanted[id] = true
	}
	var batch []item
	size := 0
	for _, it := range c.everyItem() {
		if !wanted[it.id] {
			continue
		}
		n := len(it.item.Body) + 128
		if size+n > batchBytes {
			c.sync(from, msgItems, items{Items: batch})
			batch, size = nil, 0
		}
		batch, size = append(batch, it.item), size+n
	}
	if len(batch) > 0 {
		c.sync(from, msgItems, items{Items: batch})
	}
	return nil
}

func (c *core) onItems(_ wire.Slot, in items) error {
	if c.circle == nil {
		return nil
	}
	// The first error stands for all. A message has room for thousands of items.
	var first error
	bad := 0
	for _, it := range in.Items {
		if err := c.take(it); err != nil {
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
func (c *core) take(it item) error {
	if err := verifyItem(c.circle.record, it); err != nil {
		return err
	}
	if it.From == c.circle.slot && it.Type != itemReceipt && !c.knows(it) && !c.letGo(it) {
		// This device's own word, which it does not remember. Somebody
		// restored an old copy of its store, or made the item while another
		// copy of this device runs. Either way it cannot be acted on here.
		if ok, _ := c.unremembered.say(c.now, 1); ok {
			c.log.Error("another device holds a statement of this device that this device does not remember: was its data restored from a backup?")
		}
	}
	if it.Type == itemRequest {
		return c.takeRequest(it)
	}
	r, apply, err := c.examine(it)
	if err != nil {
		return err
	}
	if r == nil {
		if !c.aboutForgotten(it) {
			c.orphan(it)
		}
		return nil
	}
	if apply == nil || c.knows(it) || c.groundless(r, it) {
		return nil
	}
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, it) }); err != nil {
		return storeError(err)
	}
	apply()
	switch {
	case r.receipt != nil:
		c.stopSigning(r, "signed")
		c.noteClosed(r)
	case len(r.denied) > 0:
		c.stopSigning(r, "denied")
		c.noteClosed(r)
	default:
		c.act(r)
	}
	c.notify(r)
	return nil
}

// letGo reports whether it belongs to a request that this device has forgotten on
// purpose.
func (c *core) letGo(it item) bool {
	about, err := it.about()
	return err == nil && c.forgotten.has(wire.Hash(about))
}

// knows reports whether it is held already.
func (c *core) knows(it item) bool {
	id := it.id()
	about, _ := it.about()
	r := c.requests[about]
	if r == nil {
		return false
	}
	for _, held := range c.itemsOf(r) {
		if held.id() == id {
			return true
		}
	}
	return false
}

func (c *core) takeRequest(it item) error {
	req, err := parseRequest(c.circle.record.Circle, it.From, it.Body)
	if err != nil {
		return err
	}
	id := requestID(it.Body)
	if c.requests[id] != nil || c.wasForgotten(it, req) {
		return nil
	}
	if n := c.countOpen(it.From); n >= maxOpenPerDevice {
		return fmt.Errorf("node: %s has %d open requests, one more is not taken", c.name(it.From), n)
	}
	r := c.understand(it, req)
	r.meta = meta{Version: 1, Received: unix(c.now), Epoch: c.circle.record.Epoch}
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error {
		return errors.Join(putItem(tx, it), putMeta(tx, r))
	}); err != nil {
		return storeError(err)
	}
	c.requests[id] = r
	c.log.Info("request received", "request", id, "from", c.name(it.From), "kind", r.request.Kind)
	c.adoptOrphans()
	c.applyPolicy(r)
	c.notify(r)
	return nil
}

// applyPolicy answers for the person where the person's rules say so.
func (c *core) applyPolicy(r *openRequest) {
	if !r.open() || r.unclear != nil || r.change != nil || has(r.approved, c.circle.slot) {
		return
	}
	d, why := c.decide(r)
	var err error
	switch {
	case d == policy.Allow && !c.cfg.Keeper.Locked():
		err = c.approve(r, false)
	case d == policy.Deny:
		err = c.deny(r)
	default:
		return
	}
	c.log.Info("answered by policy", "request", r.id, "why", why, "err", err)
}

func has(m map[wire.Slot]item, s wire.Slot) bool { _, ok := m[s]; return ok }

// examine checks an answer or receipt against its request, and returns that
// request with what accepting the item would do. The request is nil if it is
// not known; the function is nil if the item changes nothing.
func (c *core) examine(it item) (*openRequest, func(), error) {
	switch it.Type {
	case itemAnswer:
		a, err := parseAnswer(it.Body)
		if err != nil {
			return nil, nil, err
		}
		r := c.requests[a.Request]
		if r == nil {
			return nil, nil, nil
		}
		// The first of each verdict counts: the same can be said in many ways, and
		// each would be stored.
		if a.Verdict == verdictDeny {
			if has(r.denied, it.From) {
				return r, nil, nil
			}
			if !c.deniable(r, it.From) {
				return r, nil, nil // nobody acquits itself, nor another
			}
			return r, func() { r.denied[it.From] = it }, nil
		}
		if a.Verdict == verdictReleased {
			if has(r.released, it.From) {
				return r, nil, nil
			}
			return r, func() { r.released[it.From] = it }, nil
		}
		if a.Epoch > c.circle.record.Epoch {
			return nil, nil, nil // of an epoch that this device will come to
		}
		if a.Epoch != c.circle.record.Epoch || wire.Hash(a.Record) != c.circle.hash {
			return r, nil, nil // of another epoch: counts for nothing
		}
		if has(r.approved, it.From) {
			return r, nil, nil
		}
		return r, func() { r.approved[it.From] = it }, nil
	case itemReceipt:
		p, err := parseReceipt(it.Body)
		if err != nil {
			return nil, nil, err
		}
		r := c.requests[p.Request]
		if r == nil {
			return nil, nil, nil
		}
		if r.unclear != nil || has(r.receipts, it.From) {
			return r, nil, nil
		}
		res, err := intent.Finish(intent.Kind(r.request.Kind), r.request.Payload, r.context, p.Raw)
		if err != nil {
			return nil, nil, fmt.Errorf("node: receipt whose signature does not verify: %w", err)
		}
		return r, func() {
			r.receipts[it.From] = it
			if r.receipt == nil {
				r.receipt, r.result = &p, res
				if !r.started.IsZero() {
					r.elapsed = c.cfg.Now().Sub(r.started)
				}
			}
		}, nil
	}
	return nil, nil, fmt.Errorf("node: item of unknown type %d", it.Type)
}

// maxOrphans bounds the answers that are kept until their request comes.
const maxOrphans = 256

func (c *core) orphan(it item) {
	if len(c.orphans) >= maxOrphans {
		c.orphans = c.orphans[1:]
	}
	c.orphans = append(c.orphans, it)
}

func (c *core) adoptOrphans() {
	old := c.orphans
	c.orphans = nil
	for _, it := range old {
		if err := c.take(it); err != nil {
			c.log.Debug("held item refused", "err", err)
		}
	}
}

// decide applies the policy of this device to a request that it could decode,
// and gives the reasons in words.
func (c *core) decide(r *openRequest) (policy.Decision, string) {
	f := policy.Facts{
		Kind: r.request.Kind, Account: r.account.Name, Purpose: r.intent.Purpose, Initiator: r.from(),
		Warnings: len(r.intent.Warnings),
	}
	d, reasons := policy.Decide(f, c.cfg.Rules, policy.History{Denied: sortedSlots(r.denied)})
	return d, strings.Join(reasons, "; ")
}
