package node

import (
	"cmp"
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
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

	maxIdlePerDevice = 128
	maxIdleBytes     = 8 << 20 // of items, as they are stored, of one device's requests
)

// idle reports whether r came to nothing, so that forgetting it costs nobody
// anything. It is not idle if a signature of it exists or may exist. Nor if
// this device or a quorum agreed to it: were it forgotten, it might be shown to
// this device again without the denial or the expiry that closed it, and then
// those approvals would count.
func (lg *ledger) idle(r *openRequest) bool {
	return r.receipt == nil && !r.meta.Released && !has(r.approved, lg.me.circle.slot) &&
		len(r.approved) < lg.me.circle.record.Threshold
}

// noteClosed notes durably when r was closed, and lets go of what is too much.
func (lg *ledger) noteClosed(r *openRequest) {
	lg.tellReleased(r)
	if r.meta.Closed != 0 {
		return
	}
	r.meta.Closed = max(unix(lg.me.now), 1)
	if err := lg.me.cfg.Journal.Update(func(tx journal.Tx) error { return putMeta(tx, r) }); err != nil {
		lg.me.log.Error("closing not stored", "request", r.id, "err", err)
	}
	lg.prune()
}

// prune forgets the closed requests that are too many, the earliest closed
// first.
func (lg *ledger) prune() {
	agreed := 0
	count, bytes := map[wire.Slot]int{}, map[wire.Slot]int{}
	for _, r := range lg.latestClosed() {
		var over bool
		if lg.idle(r) {
			count[r.from()]++
			bytes[r.from()] += r.size()
			over = count[r.from()] > maxIdlePerDevice || bytes[r.from()] > maxIdleBytes
		} else {
			agreed++
			over = agreed > keepClosed && unix(lg.me.now) >= r.meta.Closed+uint64(keepClosedFor/time.Second)
		}
		if over && !lg.forget(r) {
			return
		}
	}
}

// latestClosed lists what is closed and not being signed, the latest first.
func (lg *ledger) latestClosed() []*openRequest {
	var out []*openRequest
	for _, r := range lg.byAge() {
		if r.meta.Closed != 0 && r.live == nil {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *openRequest) int { return cmp.Compare(b.meta.Closed, a.meta.Closed) })
	return out
}

// forget removes r with all that belongs to it, and reports whether it could.
func (lg *ledger) forget(r *openRequest) bool {
	if err := lg.me.cfg.Journal.Update(func(tx journal.Tx) error { return deleteRequest(tx, r) }); err != nil {
		lg.me.log.Error("old request not removed", "request", r.id, "err", err)
		return false
	}
	lg.forgotten.add(wire.Hash(r.id))
	for _, id := range slices.Concat(lg.stock.forget(r.id), r.void) {
		lg.forgotten.add(id)
	}
	delete(lg.requests, r.id)
	delete(lg.unclosed, r.id)
	return true
}

// forgetAll lets go, in memory, of requests that have no meaning any more: this device
// is in no circle.
func (lg *ledger) forgetAll() {
	clear(lg.requests)
	clear(lg.unclosed)
	lg.stock, lg.waiting = stock{}, nil
}

// answers are the items of r beside the request itself, by what they say.
func (r *openRequest) answers() []map[wire.Slot]item {
	return []map[wire.Slot]item{r.approved, r.denied, r.released, r.receipts}
}

// stored lists the items of r that are in the journal.
func (r *openRequest) stored() []wire.Hash {
	out := []wire.Hash{r.item.id()}
	for _, m := range r.answers() {
		for _, s := range sortedSlots(m) {
			out = append(out, m[s].id())
		}
	}
	return append(out, r.void...)
}

// itemOverhead is what an item has beside its body: signature, type, slot and
// its place in the journal, in bytes, rounded up.
const itemOverhead = 256

// size is what the items of r take in the journal, in bytes.
func (r *openRequest) size() int {
	n := len(r.item.Body) + itemOverhead
	for _, m := range r.answers() {
		for _, it := range m {
			n += len(it.Body) + itemOverhead
		}
	}
	return n + len(r.void)*2*itemOverhead
}

// wasForgotten reports whether a request was here before and is not to come
// again. For a while that is known of each; after a restart only of what is
// older than anything that is kept. Its age may be that of a wrong clock, so
// that it counts only once something of that age was forgotten.
func (lg *ledger) wasForgotten(id wire.Hash, req request) bool {
	if lg.forgotten.has(id) {
		return true
	}
	if lg.me.now.Unix()-int64(min(req.Created, 1<<40)) <= int64(keepClosedFor.Seconds()) {
		return false
	}
	kept := 0
	for _, r := range lg.requests {
		if r.meta.Closed != 0 && !lg.idle(r) {
			kept++
		}
	}
	return kept >= keepClosed
}

// aboutForgotten reports whether an item belongs to a request that was forgotten.
// Then it is not asked for again either.
func (lg *ledger) aboutForgotten(id wire.Hash, about wire.RequestID) bool {
	if !lg.forgotten.has(wire.Hash(about)) {
		return false
	}
	lg.forgotten.add(id)
	return true
}

// maxForgotten bounds the names of what was forgotten. It is more than one
// inventory can list: while other devices still hold what this one let go, a
// name that is dropped for a newer one costs one more transfer and no more.
const maxForgotten = 2 * maxInventory

// forgotten remembers, in memory, the ids of requests and items that this
// device has let go, so that it does not ask for them at every contact with a
// device that still holds them.
type forgotten struct {
	ids  map[wire.Hash]struct{}
	ring []wire.Hash
	next int // in ring, once that is full: the oldest
}

func (f *forgotten) has(id wire.Hash) bool { _, ok := f.ids[id]; return ok }

func (f *forgotten) add(id wire.Hash) {
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
