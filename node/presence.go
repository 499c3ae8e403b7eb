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
func (me *standing) hears(slot wire.Slot) bool {
	p := me.peers[slot]
	if p == nil || !p.online || p.unanswered() && me.now.Sub(p.pingedAt).Abs() >= pingPatience {
		return false
	}
	return me.now.Sub(p.there).Abs() < missedBeats*(me.cfg.Timings.Beat+me.cfg.Timings.IdleTick)
}

// unanswered reports whether the device was asked whether it is there, and has said
// nothing since.
func (p *peer) unanswered() bool { return p.there.Before(p.pingedAt) }

// ping asks the devices that have said nothing for a while whether they are there,
// and reports whether one of them has a moment left to answer.
func (me *standing) ping() (waiting bool) {
	if me.circle == nil {
		return false
	}
	for _, d := range me.members() {
		p := me.peers[d.Slot]
		if p == nil || !p.online || me.now.Sub(p.there).Abs() < pingAfter {
			continue
		}
		if !p.unanswered() {
			p.pingedAt = me.now
		}
		if me.now.Sub(p.pingSent).Abs() >= pingAfter {
			p.pingSent = me.now
			me.sync(d.Slot, msgHave, have{IDs: []wire.Hash{pingID}})
		}
		waiting = waiting || me.now.Sub(p.pingedAt).Abs() < pingPatience
	}
	return waiting
}

// heard takes over when peers said something that still waits to be looked at.
func (me *standing) heard(at map[string]time.Time) {
	for _, d := range me.members() {
		if p, t := me.peers[d.Slot], at[string(d.Peer)]; p != nil && p.online && t.After(p.lastSeen) {
			p.lastSeen, p.there = t, latest(t, p.there)
		}
	}
}

// unheard ranks a device behind others if it says nothing.
func (me *standing) unheard(slot wire.Slot) int {
	if me.hears(slot) {
		return 0
	}
	return 1
}

// without reports whether the device in slot is known to hold no share of the
// epoch that this device is in, so that no session with it can succeed.
func (me *standing) without(slot wire.Slot) bool {
	if slot == me.circle.slot {
		return !me.hasShare()
	}
	p := me.peers[slot]
	return p != nil && p.told && !p.share && p.record == me.circle.hash
}
