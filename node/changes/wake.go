package changes

import (
	"slices"

	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// mailbox reports whether p is the attempt that made the newest epoch while
// this device was asleep, so that its share of that epoch waits at the others:
// it may have heard of the epoch before it hears of the attempt. It returns the
// record before.
func (cg *Changes) mailbox(p refresh.Proposal) (roster.Record, bool) {
	n := len(cg.me.Circle.Chain)
	if n < 2 || cg.me.HasShare() || cg.redeals.Redealing() || cg.me.Circle.Evicted != nil {
		return roster.Record{}, false
	}
	head := cg.me.Circle.Chain[n-1].Record
	return cg.me.Circle.Chain[n-2].Record, head.Change.Attempt == p.Attempt() && slices.Contains(p.Sleepers, cg.me.Circle.Slot)
}

// wakeUp listens to an attempt that was made without this device, and that the
// one in slot from told it of. Anybody could have made the proposal up: until every
// member turns out to have been ready for it, it stands in the way of nothing. Not
// of another one either: each device may have this one listen to something else,
// and none may twice within the time that it takes to hear what was said.
func (cg *Changes) wakeUp(from wire.Slot, a *redeal.Attempt, parent roster.Record, self wire.Slot) error {
	if cg.redeals.Redealing() {
		return nil // it has a vote of its own to see through
	}
	w := cg.redeals.Waking
	if w != nil && w.Proposal.Attempt() == a.Proposal.Attempt() {
		return nil
	}
	p := cg.me.Peer(from)
	if cg.me.Now.Sub(p.WokeAt).Abs() < redeal.AttemptLost {
		return nil
	}
	p.WokeAt = cg.me.Now
	if w != nil {
		cg.drive.Drop(w.Live)
	}
	m, effects, err := refresh.New(cg.redeals.RedealConfig(a.Proposal, parent, self))
	if err != nil {
		return err
	}
	a.After = cg.redeals.Attempt != nil && redeal.KeepsShares(cg.redeals.Attempt)
	cg.redeals.Prepare(a, m)
	cg.redeals.Waking = a
	cg.drive.Begin(a.Live, effects)
	return nil
}
