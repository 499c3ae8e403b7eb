package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// evict proposes the removal of who has been silent for too long.
func (c *core) evict() {
	if c.vigil.Judge == nil || c.redealing() || c.pausing(c.evictAt) {
		return
	}
	for _, e := range c.vigil.Judge.Proposals() {
		if slices.ContainsFunc(e.Removed, func(r recovery.Removal) bool { return r.State == roster.Stolen }) {
			continue // the request of the person who said so leads to it
		}
		c.log.Warn("removing", "why", e.Why)
		if err := c.startRedeal(plan{kind: roster.Remove, removed: removals(e.Removed), agree: e.Members}); err != nil {
			c.log.Warn("removal not started", "err", err)
			c.evictAt = c.now.Add(10 * time.Second)
		}
	}
}

// evictionFailed makes the next attempt wait.
func (c *core) evictionFailed(a *attempt) {
	if c.vigil.Judge == nil || a.request != (wire.RequestID{}) {
		return
	}
	var slots []wire.Slot
	for _, r := range a.proposal.Removed {
		slots = append(slots, r.Slot)
	}
	if len(slots) > 0 {
		c.vigil.Judge.Aborted(slots...)
	}
}

// removals turns what the judge proposes into what a proposal says.
func removals(list []recovery.Removal) (out []refresh.Removal) {
	for _, r := range list {
		out = append(out, refresh.Removal{Slot: r.Slot, State: r.State})
	}
	return out
}
