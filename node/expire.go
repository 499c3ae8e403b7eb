package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
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
		c.stopSigning(r, "expired")
		c.noteClosed(r)
	}
}

// moot reports whether nothing can come of r any more. Only the device that asked
// for a signature opens its session, so that nobody should be asked to approve
// it once that one is out. And a freeze or an accusation that persons took back
// is over: were its request still open, the person who said it would be heard to
// say it again in the next epoch, and a device that came in with that epoch,
// which did not hear the thaw, would be frozen where nobody else is.
func (c *core) moot(r *openRequest) bool {
	if c.circle.evicted != nil {
		return false
	}
	about := wire.Slot(0)
	switch {
	case r.change == nil:
		return slices.ContainsFunc(c.circle.head().Record.Former, func(f roster.Former) bool { return f.Slot == r.from() })
	case c.aboutUnknown(r):
		return false
	case r.request.Kind == api.KindLost || r.request.Kind == api.KindReplace:
		about = c.subject(r)
	case r.request.Kind != api.KindFreeze:
		return false
	}
	by := c.present(r)
	return c.judge != nil && len(by) > 0 && c.frozen() == "" && !c.inEffect(r) && !slices.ContainsFunc(by, func(s wire.Slot) bool {
		return !c.judge.TakenBack(recovery.Word{ID: r.id, By: s}, about)
	})
}

func (r *openRequest) expires() time.Time {
	return time.Unix(int64(r.meta.Received)+int64(r.request.Lifetime), 0)
}
