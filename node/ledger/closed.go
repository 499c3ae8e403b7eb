package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// What is kept of closed requests. There are two kinds.
//
// What enough persons agreed to matters to them, and only they can make more
// of it: the newest [keepClosed] are kept, and all that are younger than
// [keepClosedFor].
//
// What came to nothing any one device can make as fast as it likes, by denying
// its own requests. So every device has a share of the others' disks, and its
// oldest ones make room for its new ones, whatever their age. No device can
// push out what another asked for.
const (
	keepClosed    = 1000
	keepClosedFor = 30 * 24 * time.Hour

	MaxIdlePerDevice = 128
	MaxIdleBytes     = 8 << 20 // of items, as they are stored, of one device's requests
)

// idle reports whether r came to nothing, so that forgetting it costs nobody
// anything. It is not idle if a signature of it exists or may exist. Nor if
// this device or enough others agreed to it: were it forgotten, it might be shown to
// this device again without the denial or the expiry that closed it, and then
// those approvals would count.
func (lg *Ledger) idle(r *Request) bool {
	return r.Receipt == nil && !r.Meta.Released && !Has(r.Approved, lg.me.Circle.Slot) &&
		len(r.Approved) < lg.me.Circle.Record.Threshold
}

// noteClosed notes durably when r was closed, and drops the excess.
func (lg *Ledger) noteClosed(r *Request) {
	lg.TellReleased(r)
	if r.Meta.Closed != 0 {
		return
	}
	r.Meta.Closed = max(standing.Unix(lg.me.Now), 1)
	if err := lg.me.Config.Journal.Update(func(tx journal.Tx) error { return PutMeta(tx, r) }); err != nil {
		lg.me.Log.Error("closing not stored", "request", r.ID, "err", err)
	}
	lg.Prune()
}

// Prune forgets the closed requests that are too many, the earliest closed
// first.
func (lg *Ledger) Prune() {
	agreed := 0
	count, bytes := map[wire.Slot]int{}, map[wire.Slot]int{}
	for _, r := range lg.latestClosed() {
		var over bool
		if lg.idle(r) {
			count[r.From()]++
			bytes[r.From()] += r.size()
			over = count[r.From()] > MaxIdlePerDevice || bytes[r.From()] > MaxIdleBytes
		} else {
			agreed++
			over = agreed > keepClosed && standing.Unix(lg.me.Now) >= r.Meta.Closed+uint64(keepClosedFor/time.Second)
		}
		if over && !lg.Forget(r) {
			return
		}
	}
}

// latestClosed lists what is closed and not being signed, the latest first.
func (lg *Ledger) latestClosed() []*Request {
	var out []*Request
	for _, r := range lg.ByAge() {
		if r.Meta.Closed != 0 && r.Live == nil {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *Request) int { return cmp.Compare(b.Meta.Closed, a.Meta.Closed) })
	return out
}

// Forget removes r with all that belongs to it, and reports whether it could.
func (lg *Ledger) Forget(r *Request) bool {
	if err := lg.me.Config.Journal.Update(func(tx journal.Tx) error { return deleteRequest(tx, r) }); err != nil {
		lg.me.Log.Error("old request not removed", "request", r.ID, "err", err)
		return false
	}
	lg.forgotten.Add(wire.Hash(r.ID))
	for _, id := range slices.Concat(lg.Stock.forget(r.ID), r.void) {
		lg.forgotten.Add(id)
	}
	delete(lg.Requests, r.ID)
	delete(lg.Unclosed, r.ID)
	return true
}

// ForgetAll lets go, in memory, of requests that have no meaning any more: this device
// is in no circle.
func (lg *Ledger) ForgetAll() {
	clear(lg.Requests)
	clear(lg.Unclosed)
	lg.Stock, lg.Waiting = stock{}, nil
}

// Answers are the items of r beside the request itself, by what they say.
func (r *Request) Answers() []map[wire.Slot]message.Item {
	return []map[wire.Slot]message.Item{r.Approved, r.Denied, r.released, r.Receipts}
}

// stored lists the items of r that are in the journal.
func (r *Request) stored() []wire.Hash {
	out := []wire.Hash{r.Item.ID()}
	for _, m := range r.Answers() {
		for _, s := range standing.SortedSlots(m) {
			out = append(out, m[s].ID())
		}
	}
	return append(out, r.void...)
}

// ItemOverhead is what an item has beside its body: signature, type, slot and
// its place in the journal, in bytes, rounded up.
const ItemOverhead = 256

// size is what the items of r take in the journal, in bytes.
func (r *Request) size() int {
	n := len(r.Item.Body) + ItemOverhead
	for _, m := range r.Answers() {
		for _, it := range m {
			n += len(it.Body) + ItemOverhead
		}
	}
	return n + len(r.void)*2*ItemOverhead
}

// wasForgotten reports whether a request was here before and is not to come
// again. For a while that is known of each; after a restart only of what is
// older than anything that is kept. Its age may be that of a wrong clock, so
// that it counts only once something of that age was forgotten.
func (lg *Ledger) wasForgotten(id wire.Hash, req message.Request) bool {
	if lg.forgotten.has(id) {
		return true
	}
	if lg.me.Now.Unix()-int64(min(req.Created, 1<<40)) <= int64(keepClosedFor.Seconds()) {
		return false
	}
	kept := 0
	for _, r := range lg.Requests {
		if r.Meta.Closed != 0 && !lg.idle(r) {
			kept++
		}
	}
	return kept >= keepClosed
}

// aboutForgotten reports whether an item belongs to a request that was forgotten.
// Then it is not asked for again either.
func (lg *Ledger) aboutForgotten(id wire.Hash, about wire.RequestID) bool {
	if !lg.forgotten.has(wire.Hash(about)) {
		return false
	}
	lg.forgotten.Add(id)
	return true
}

// maxForgotten bounds the names of what was forgotten. It is more than one
// inventory can list: while other devices still hold what this one let go, a
// name that is dropped for a newer one costs one more transfer and no more.
const maxForgotten = 2 * message.MaxInventory

// forgotten remembers, in memory, the ids of requests and items that this
// device has let go, so that it does not ask for them at every contact with a
// device that still holds them.
type forgotten struct {
	ids  map[wire.Hash]struct{}
	ring []wire.Hash
	next int // in ring, once that is full: the oldest
}

func (f *forgotten) has(id wire.Hash) bool { _, ok := f.ids[id]; return ok }

// Add remembers an id, in the place of the oldest if there are too many.
func (f *forgotten) Add(id wire.Hash) {
	if f.has(id) {
		return
	}
	if f.ids == nil {
		f.ids = map[wire.Hash]struct{}{}
	}
	f.ids[id] = struct{}{}
	if len(f.ring) < maxForgotten {
		f.ring = append(f.ring, id)
		return
	}
	delete(f.ids, f.ring[f.next])
	f.ring[f.next] = id
	f.next = (f.next + 1) % maxForgotten
}
