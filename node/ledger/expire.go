package ledger

import (
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
)

// Expire closes what has outlived its time on this device's clock, and what has
// lost its meaning before that.
func (lg *Ledger) Expire() {
	for _, r := range lg.OpenByAge() {
		if !r.Open() || standing.Unix(lg.me.Now) < r.Meta.Received+uint64(r.Request.Lifetime) && !lg.moot(r) {
			continue
		}
		r.Meta.Expired = true
		if err := lg.me.Config.Journal.Update(func(tx journal.Tx) error { return PutMeta(tx, r) }); err != nil {
			lg.me.Log.Error("expiry not stored", "request", r.ID, "err", err)
		}
		lg.sequel.Stop(r, "expired")
		lg.noteClosed(r)
	}
}

// moot reports whether nothing can come of r any more. Only the device that asked
// for a signature opens its session, so that nobody should be asked to approve
// it once that one is out.
func (lg *Ledger) moot(r *Request) bool {
	if lg.me.Circle.Evicted != nil {
		return false
	}
	if r.Change != nil {
		return r.Change.Moot(circleFacts{lg, r})
	}
	return slices.ContainsFunc(lg.me.Circle.Head().Record.Former, func(f roster.Former) bool { return f.Slot == r.From() })
}

// Expires is when the request expires, on the clock of this device.
func (r *Request) Expires() time.Time {
	return time.Unix(int64(r.Meta.Received)+int64(r.Request.Lifetime), 0)
}
