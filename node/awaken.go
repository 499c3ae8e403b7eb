package node

import "time"

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

// followRecord tells the judge of a newer certified epoch.
func (c *core) followRecord() {
	c.sleepOn()
	c.vigil.Forget()
	c.lastBeat = time.Time{} // others hear soon that this device is in it
	if c.vigil.Judge == nil || c.circle.evicted != nil {
		if err := c.startJudge(); err != nil {
			c.log.Error("judge not started", "err", err)
		}
		return
	}
	c.vigil.Follow(c.circle.head().Record, c.now)
}
