package node

import (
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// mailbox reports whether p is the attempt that made the newest epoch while
// this device was asleep, so that its share of that epoch waits at the others:
// it may have heard of the epoch before it hears of the attempt. It returns the
// record before.
func (cg *changes) mailbox(p refresh.Proposal) (roster.Record, bool) {
	n := len(cg.me.circle.chain)
	if n < 2 || cg.me.hasShare() || cg.redeals.redealing() || cg.me.circle.evicted != nil {
		return roster.Record{}, false
	}
	head := cg.me.circle.chain[n-1].Record
	return cg.me.circle.chain[n-2].Record, head.Change.Attempt == p.Attempt() && slices.Contains(p.Sleepers, cg.me.circle.slot)
}

// wakeUp listens to an attempt that was made without this device, and that the
// one in slot from told it of. Anybody could have made the proposal up: until every
// member turns out to have been ready for it, it stands in the way of nothing. Not
// of another one either: each device may have this one listen to something else,
// and none may twice within the time that it takes to hear what was said.
func (cg *changes) wakeUp(from wire.Slot, a *attempt, parent roster.Record, self wire.Slot) error {
	if cg.redeals.redealing() {
		return nil // it has a vote of its own to see through
	}
	w := cg.redeals.waking
	if w != nil && w.proposal.Attempt() == a.proposal.Attempt() {
		return nil
	}
	p := cg.me.peer(from)
	if cg.me.now.Sub(p.wokeAt).Abs() < attemptLost {
		return nil
	}
	p.wokeAt = cg.me.now
	if w != nil {
		cg.drive.drop(w.live)
	}
	m, effects, err := refresh.New(cg.redeals.redealConfig(a.proposal, parent, self))
	if err != nil {
		return err
	}
	a.after = cg.redeals.attempt != nil && keepsShares(cg.redeals.attempt)
	cg.redeals.prepare(a, m)
	cg.redeals.waking = a
	cg.drive.begin(a.live, effects)
	return nil
}
