package node

import (
	"slices"
	"time"
)

// tick does what time asks for.
func (c *core) tick(now time.Time) {
	c.stayAwake(now)
	c.step(now, c.passTime)
}

func (c *core) passTime() {
	now := c.now
	c.expire()
	c.tickSessions()
	c.tickShown()
	c.tickJoining()
	c.tickFounding()
	c.tickParting()
	c.tickResume()
	c.vigil.Tick(c.now, c.awake, 2*c.cfg.Timings.Beat)
	c.tickRedeal()
	c.changeCircle()
	if c.circle == nil {
		return
	}
	c.tickAddrs()
	if len(c.watchers) > 0 { // somebody waits here
		c.ping()
	}
	every := c.beatEvery()
	if now.Sub(c.lastBeat) >= every || now.Before(c.lastBeat) {
		c.lastBeat = now
		c.broadcast(msgBeat, c.myBeat())
	}
	if now.Sub(c.lastHave) >= c.cfg.Timings.Inventory || now.Before(c.lastHave) {
		c.lastHave = now
		c.broadcast(msgHave, have{IDs: c.inventory()})
	}
	for _, slot := range sortedSlots(c.peers) {
		if p := c.peers[slot]; p.stale && p.online {
			p.stale = false
			c.sync(slot, msgHave, have{IDs: c.inventory()})
		}
	}
	c.tryAll()
}

// beatEvery is the time between heartbeats: often enough that nobody who is
// there is taken for quiet.
func (c *core) beatEvery() time.Duration {
	every := min(c.cfg.Timings.Beat, time.Duration(c.circle.record.Settings.Quiet)*time.Second/4)
	if c.busy() {
		every = min(every, c.cfg.Timings.LiveBeat)
	}
	return every
}

// tickEvery is the time to the next tick.
func (c *core) tickEvery() time.Duration {
	if c.busy() {
		return c.cfg.Timings.Tick
	}
	if c.circle != nil {
		return min(c.cfg.Timings.IdleTick, max(c.beatEvery(), c.cfg.Timings.Tick))
	}
	return c.cfg.Timings.IdleTick
}

// busy reports whether the loop should tick fast.
func (c *core) busy() bool {
	return c.founding != nil || c.joining != nil || c.interrupted() || slices.ContainsFunc(c.liveSessions(), func(l *live) bool { return !l.done && !c.resting(l) })
}

// stayAwake counts the time for which this device has been running: never more
// than passed between two ticks of a running loop, whatever the clock says.
func (c *core) stayAwake(now time.Time) {
	// Since the last tick and not since c.now, which moves with every event.
	if d := now.Sub(c.ticked); d > 0 && !c.ticked.IsZero() {
		c.awake += min(d, 2*c.cfg.Timings.IdleTick)
	}
	c.ticked = now
}
