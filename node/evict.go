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
func (cg *changes) evict() {
	if cg.judging.vigil.Judge == nil || cg.redeals.redealing() || cg.me.pausing(cg.evictAt) {
		return
	}
	for _, e := range cg.judging.vigil.Judge.Proposals() {
		if slices.ContainsFunc(e.Removed, func(r recovery.Removal) bool { return r.State == roster.Stolen }) {
			continue // the request of the person who said so leads to it
		}
		cg.me.log.Warn("removing", "why", e.Why)
		if err := cg.startRedeal(plan{kind: roster.Remove, removed: removals(e.Removed), agree: e.Members}); err != nil {
			cg.me.log.Warn("removal not started", "err", err)
			cg.evictAt = cg.me.now.Add(10 * time.Second)
		}
	}
}

// evictionFailed makes the next attempt wait.
func (cg *changes) evictionFailed(a *attempt) {
	if cg.judging.vigil.Judge == nil || a.request != (wire.RequestID{}) {
		return
	}
	var slots []wire.Slot
	for _, r := range a.proposal.Removed {
		slots = append(slots, r.Slot)
	}
	if len(slots) > 0 {
		cg.judging.vigil.Judge.Aborted(slots...)
	}
}

// removals turns what the judge proposes into what a proposal says.
func removals(list []recovery.Removal) (out []refresh.Removal) {
	for _, r := range list {
		out = append(out, refresh.Removal{Slot: r.Slot, State: r.State})
	}
	return out
}
