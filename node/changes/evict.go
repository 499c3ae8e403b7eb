package changes

import (
	"slices"
	"time"

	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// evict proposes the removal of who has been silent for too long.
func (cg *Changes) evict() {
	if cg.judging.Vigil.Judge == nil || cg.redeals.Redealing() || cg.me.Pausing(cg.evictAt) {
		return
	}
	for _, e := range cg.judging.Vigil.Judge.Proposals() {
		if slices.ContainsFunc(e.Removed, func(r recovery.Removal) bool { return r.State == roster.Stolen }) {
			continue // the request of the person who said so leads to it
		}
		cg.me.Log.Warn("removing", "why", e.Why)
		if err := cg.StartRedeal(Plan{Kind: roster.Remove, Removed: removals(e.Removed), Agree: e.Members}); err != nil {
			cg.me.Log.Warn("removal not started", "err", err)
			cg.evictAt = cg.me.Now.Add(10 * time.Second)
		}
	}
}

// evictionFailed makes the next attempt wait.
func (cg *Changes) evictionFailed(a *redeal.Attempt) {
	if cg.judging.Vigil.Judge == nil || a.Request != (wire.RequestID{}) {
		return
	}
	var slots []wire.Slot
	for _, r := range a.Proposal.Removed {
		slots = append(slots, r.Slot)
	}
	if len(slots) > 0 {
		cg.judging.Vigil.Judge.Aborted(slots...)
	}
}

// removals turns what the judge proposes into what a proposal says.
func removals(list []recovery.Removal) (out []refresh.Removal) {
	for _, r := range list {
		out = append(out, refresh.Removal{Slot: r.Slot, State: r.State})
	}
	return out
}
