package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
)

// tick does what time asks for.
func (c *core) tick(now time.Time) {
	c.stayAwake(now)
	c.step(now, c.passTime)
}

func (c *core) passTime() {
	now := c.Now
	c.Expire()
	c.TickSessions()
	c.TickShown()
	c.TickJoining()
	c.TickFounding()
	c.TickParting()
	c.TickResume()
	c.Vigil.Tick(c.Now, c.awake, 2*c.Config.Timings.Beat)
	c.TickRedeal()
	c.Stir()
	if c.Circle == nil {
		return
	}
	c.TickAddrs()
	if len(c.Watchers) > 0 { // somebody waits here
		c.Ping()
	}
	every := c.beatEvery()
	if now.Sub(c.LastBeat) >= every || now.Before(c.LastBeat) {
		c.LastBeat = now
		c.Broadcast(message.MsgBeat, c.MyBeat())
	}
	if now.Sub(c.lastHave) >= c.Config.Timings.Inventory || now.Before(c.lastHave) {
		c.lastHave = now
		c.Broadcast(message.MsgHave, message.Have{IDs: c.Inventory()})
	}
	for _, slot := range standing.SortedSlots(c.Peers) {
		p := c.Peers[slot]
		if p.Unhailed && p.Online {
			p.Unhailed = false
			c.Sync(slot, message.MsgHello, c.Hello())
		}
		if p.Stale && p.Online {
			p.Stale = false
			c.Sync(slot, message.MsgHave, message.Have{IDs: c.Inventory()})
		}
	}
}

// beatEvery is the time between heartbeats: often enough that nobody who is
// there is taken for quiet.
func (c *core) beatEvery() time.Duration {
	every := min(c.Config.Timings.Beat, time.Duration(c.Circle.Record.Settings.Quiet)*time.Second/4)
	if c.busy() {
		every = min(every, c.Config.Timings.LiveBeat)
	}
	return every
}

// tickEvery is the time to the next tick.
func (c *core) tickEvery() time.Duration {
	if c.busy() {
		return c.Config.Timings.Tick
	}
	if c.Circle != nil {
		return min(c.Config.Timings.IdleTick, max(c.beatEvery(), c.Config.Timings.Tick))
	}
	return c.Config.Timings.IdleTick
}

// busy reports whether the loop should tick fast.
func (c *core) busy() bool {
	return c.Founding != nil || c.Joining != nil || c.Interrupted() || slices.ContainsFunc(c.LiveSessions(), func(l *drive.Session) bool { return !l.Done && !c.Resting(l) })
}

// stayAwake counts the time for which this device has been running: never more
// than passed between two ticks of a running loop, whatever the clock says.
func (c *core) stayAwake(now time.Time) {
	// Since the last tick and not since c.now, which moves with every event.
	if d := now.Sub(c.ticked); d > 0 && !c.ticked.IsZero() {
		c.awake += min(d, 2*c.Config.Timings.IdleTick)
	}
	c.ticked = now
}
