package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/roster"
)

// expire closes what has outlived its time on this device's clock, and what has
// lost its meaning before that.
func (lg *ledger) expire() {
	for _, r := range lg.openByAge() {
		if !r.open() || unix(lg.me.now) < r.meta.Received+uint64(r.request.Lifetime) && !lg.moot(r) {
			continue
		}
		r.meta.Expired = true
		if err := lg.me.cfg.Journal.Update(func(tx journal.Tx) error { return putMeta(tx, r) }); err != nil {
			lg.me.log.Error("expiry not stored", "request", r.id, "err", err)
		}
		lg.sequel.stop(r, "expired")
		lg.noteClosed(r)
	}
}

// moot reports whether nothing can come of r any more. Only the device that asked
// for a signature opens its session, so that nobody should be asked to approve
// it once that one is out.
func (lg *ledger) moot(r *openRequest) bool {
	if lg.me.circle.evicted != nil {
		return false
	}
	if r.change != nil {
		return r.change.Moot(circleFacts{lg, r})
	}
	return slices.ContainsFunc(lg.me.circle.head().Record.Former, func(f roster.Former) bool { return f.Slot == r.from() })
}

func (r *openRequest) expires() time.Time {
	return time.Unix(int64(r.meta.Received)+int64(r.request.Lifetime), 0)
}
