package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// mailbox reports whether p is the attempt that made the newest epoch while
// this device was asleep, so that its share of that epoch waits at the others:
// it may have heard of the epoch before it hears of the attempt. It returns the
// record before.
func (c *core) mailbox(p refresh.Proposal) (roster.Record, bool) {
	n := len(c.circle.chain)
	if n < 2 || c.hasShare() || c.redealing() || c.circle.evicted != nil {
		return roster.Record{}, false
	}
	head := c.circle.chain[n-1].Record
	return c.circle.chain[n-2].Record, head.Change.Attempt == p.Attempt() && slices.Contains(p.Sleepers, c.circle.slot)
}

// wakeUp listens to an attempt that was made without this device, and that the
// one in slot from told it of. Anybody could have made the proposal up: until every
// member turns out to have been ready for it, it stands in the way of nothing. Not
// of another one either: each device may have this one listen to something else,
// and none may twice within the time that it takes to hear what was said.
func (c *core) wakeUp(from wire.Slot, a *attempt, parent roster.Record, self wire.Slot) error {
	if c.redealing() {
		return nil // it has a vote of its own to see through
	}
	w := c.waking
	if w != nil && w.proposal.Attempt() == a.proposal.Attempt() {
		return nil
	}
	p := c.peer(from)
	if c.now.Sub(p.wokeAt).Abs() < attemptLost {
		return nil
	}
	p.wokeAt = c.now
	if w != nil {
		c.drop(w.live)
	}
	m, effects, err := refresh.New(c.redealConfig(a.proposal, parent, self))
	if err != nil {
		return err
	}
	a.after = c.attempt != nil && keepsShares(c.attempt)
	c.prepare(a, m)
	c.waking = a
	c.begin(a.live, effects)
	return nil
}

// sleepOn drops a re-deal that this device was waking up into, once the circle
// has gone past its epoch. The share that it would find there is worth nothing
// any more, and must not pass for one of the newest.
func (c *core) sleepOn() {
	head := c.circle.head().Record
	if w := c.waking; w != nil && head.Epoch >= w.proposal.Epoch && head.Change.Attempt != w.proposal.Attempt() {
		c.waking = nil
		c.drop(w.live)
	}
}

// wokenUp makes an attempt that this device has woken up into its own.
func (c *core) wokenUp() {
	w := c.waking
	if w == nil || !w.machine.InForce() {
		return
	}
	if old := c.attempt; old != nil {
		c.drop(old.live)
	}
	c.waking, c.attempt = nil, w
	for _, p := range c.peers {
		p.wokeAt = time.Time{} // who told of it told the truth
	}
}
