package node

import (
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func (c *core) highest() uint64 {
	if c.circle == nil {
		return 0
	}
	return c.circle.highest
}

func (c *core) chain() roster.Chain {
	if c.circle == nil {
		return nil
	}
	return c.circle.chain
}

// settleChain makes a certified and final epoch the head in memory.
func (c *core) settleChain(a *attempt, e roster.Entry) {
	if c.circle == nil {
		c.circle = &circle{chain: slices.Clone(a.chain), fenced: map[wire.DeviceID]bool{}, addrs: c.addrsAfter(a)}
	}
	k := c.circle
	if k.head().Record.Epoch < e.Record.Epoch {
		k.chain = append(slices.Clone(k.chain), e)
	}
	k.addrs, k.older, k.discovery, k.headKey = c.addrsAfter(a), c.olderKeys(a), a.discovery, a.epochKey
	if me, ok := e.Record.ByIdentity(c.self.public); ok {
		k.slot = me.Slot
	}
	c.followRecord()
}

// enterEpoch makes this device sign in the epoch of an attempt.
func (c *core) enterEpoch(a *attempt, rec roster.Record) {
	if c.circle == nil {
		c.circle = &circle{chain: slices.Clone(a.chain), fenced: map[wire.DeviceID]bool{}, addrs: c.addrsAfter(a), discovery: a.discovery}
	}
	k := c.circle
	k.record, k.hash, k.shareKey, k.evicted = rec, rec.Hash(), a.epochKey, nil
	if me, ok := rec.ByIdentity(c.self.public); ok {
		k.slot = me.Slot
	}
	c.around.entered()
	clear(c.pairing)
	c.log.Info("this device signs in a new epoch", "epoch", rec.Epoch)
	c.changeEpoch()
}

// leaveEpoch goes back to the certified head: the attempt came to nothing.
func (c *core) leaveEpoch() {
	if err := c.toHead(); err != nil {
		// This device would have been new, and is in no epoch of the chain.
		c.leaveCircle()
		return
	}
	c.log.Warn("this device is back in the epoch before", "epoch", c.circle.record.Epoch)
	c.changeEpoch()
}

// leaveCircle forgets a circle that this device did not come into, with all that
// has no meaning outside.
func (c *core) leaveCircle() {
	for _, l := range c.liveSessions() {
		if l.owner.personal() {
			c.drop(l)
		}
	}
	c.circle, c.vigil.Judge = nil, nil
	c.forgetAll()
	c.log.Warn("this device did not come into the circle")
}

// changeEpoch ends what belonged to the other epoch. An approval counts in one
// epoch only, so what this device's person has approved is said again.
func (c *core) changeEpoch() {
	for _, l := range c.liveSessions() {
		if l.owner.personal() {
			c.drop(l)
		}
	}
	c.expire() // what is over must not be said again
	for _, r := range c.byAge() {
		c.renew(r)
	}
	c.prune() // approvals that are void hold nothing back
	for _, d := range c.members() {
		if d.Identity != c.self.public && c.link.Connected(d.Peer) {
			c.peer(d.Slot).online = true
		}
	}
	c.broadcast(msgHello, c.hello())
	c.takeWaiting(func(earlyAnswer) bool { return true })
	c.around.tryAll()
}

// olderKeys are the discovery keys under which members may still show
// themselves that have not locked into the epoch of an attempt: they were
// asleep, and where addresses change meanwhile nobody else can bring the two
// together. When all have, nobody needs them any more. If they are too many,
// those in the middle go: who sleeps for long has one of the first.
func (c *core) olderKeys(a *attempt) [][32]byte {
	if c.circle == nil || a.machine.AllLocked() {
		return nil
	}
	older := slices.Clone(c.circle.older)
	if c.circle.discovery != a.discovery {
		older = append(older, c.circle.discovery)
	}
	if n := len(older); n > maxOlder {
		older = slices.Delete(older, n/2, n/2+1)
	}
	return older
}
