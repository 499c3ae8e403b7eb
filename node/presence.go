package node

import (
	"time"

	"github.com/warifu/warifu/wire"
)

// A connection that stands says that the machine at its other end is there, and
// not that the device is: its process may be stopped, or its loop may wait for a
// terminal. What counts is what the device says. It says something each minute at
// least; while somebody looks or waits here, it is asked to.

const (
	// pingAfter is the silence after which a device is asked whether it is there,
	// and pingPatience how long it may take to answer before it is said not to be.
	pingAfter    = 10 * time.Second
	pingPatience = 800 * time.Millisecond

	// missedBeats in a row say that a device is not there, if nobody asks it.
	missedBeats = 3
)

// pingID is the id of no item. Whoever hears of it asks for it, whatever version it
// is, and that is the answer.
var pingID wire.Hash

// hears reports whether the device in slot is connected and says something. It may
// be tried all the same where no other can take its place.
func (c *core) hears(slot wire.Slot) bool {
	p := c.peers[slot]
	if p == nil || !p.online || p.unanswered() && c.now.Sub(p.pingedAt).Abs() >= pingPatience {
		return false
	}
	return c.now.Sub(p.there).Abs() < missedBeats*(c.cfg.Timings.Beat+c.cfg.Timings.IdleTick)
}

// unanswered reports whether the device was asked whether it is there, and has said
// nothing since.
func (p *peer) unanswered() bool { return p.there.Before(p.pingedAt) }

// ping asks the devices that have said nothing for a while whether they are there,
// and reports whether one of them has a moment left to answer.
func (c *core) ping() (waiting bool) {
	if c.circle == nil {
		return false
	}
	for _, d := range c.members() {
		p := c.peers[d.Slot]
		if p == nil || !p.online || c.now.Sub(p.there).Abs() < pingAfter {
			continue
		}
		if !p.unanswered() {
			p.pingedAt = c.now
		}
		if c.now.Sub(p.pingSent).Abs() >= pingAfter {
			p.pingSent = c.now
			c.sync(d.Slot, msgHave, have{IDs: []wire.Hash{pingID}})
		}
		waiting = waiting || c.now.Sub(p.pingedAt).Abs() < pingPatience
	}
	return waiting
}

// heard takes over when peers said something that still waits to be looked at.
func (c *core) heard(at map[string]time.Time) {
	for _, d := range c.members() {
		if p, t := c.peers[d.Slot], at[string(d.Peer)]; p != nil && p.online && t.After(p.lastSeen) {
			p.lastSeen, p.there = t, latest(t, p.there)
		}
	}
}

// unheard ranks a device behind others if it says nothing.
func unheard(c *core, slot wire.Slot) int {
	if c.hears(slot) {
		return 0
	}
	return 1
}

// without reports whether the device in slot is known to hold no share of the
// epoch that this device is in, so that no session with it can succeed.
func (c *core) without(slot wire.Slot) bool {
	if slot == c.circle.slot {
		return !c.hasShare()
	}
	p := c.peers[slot]
	return p != nil && p.told && !p.share && p.record == c.circle.hash
}
