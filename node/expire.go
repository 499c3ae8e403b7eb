package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/roster"
)

// expire closes what has outlived its time on this device's clock, and what has
// lost its meaning before that.
func (c *core) expire() {
	for _, r := range c.openByAge() {
		if !r.open() || unix(c.now) < r.meta.Received+uint64(r.request.Lifetime) && !c.moot(r) {
			continue
		}
		r.meta.Expired = true
		if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putMeta(tx, r) }); err != nil {
			c.log.Error("expiry not stored", "request", r.id, "err", err)
		}
		c.sequel.stop(r, "expired")
		c.noteClosed(r)
	}
}

// moot reports whether nothing can come of r any more. Only the device that asked
// for a signature opens its session, so that nobody should be asked to approve
// it once that one is out.
func (c *core) moot(r *openRequest) bool {
	if c.circle.evicted != nil {
		return false
	}
	if r.change != nil {
		return r.change.Moot(circleFacts{c, r})
	}
	return slices.ContainsFunc(c.circle.head().Record.Former, func(f roster.Former) bool { return f.Slot == r.from() })
}

func (r *openRequest) expires() time.Time {
	return time.Unix(int64(r.meta.Received)+int64(r.request.Lifetime), 0)
}
