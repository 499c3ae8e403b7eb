package standing

import (
	"time"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// A connection that stands says that the machine at its other end is there, and
// not that the device is: its process may be stopped, or its loop may wait for a
// terminal. What counts is what the device says. It says something each minute at
// least; while somebody looks or waits here, it is asked to.

const (
	// PingAfter is the silence after which a device is asked whether it is there,
	// and pingPatience how long it may take to answer before it is said not to be.
	PingAfter    = 10 * time.Second
	PingPatience = 800 * time.Millisecond

	// MissedBeats in a row say that a device is not there, if nobody asks it.
	MissedBeats = 3
)

// pingID is the id of no item. Whoever hears of it asks for it, whatever version it
// is, and that is the answer.
var pingID wire.Hash

// Hears reports whether the device in slot is connected and says something. It may
// be tried all the same where no other can take its place.
func (me *Standing) Hears(slot wire.Slot) bool {
	p := me.Peers[slot]
	if p == nil || !p.Online || p.unanswered() && me.Now.Sub(p.pingedAt).Abs() >= PingPatience {
		return false
	}
	return me.Now.Sub(p.There).Abs() < MissedBeats*(me.Config.Timings.Beat+me.Config.Timings.IdleTick)
}

// unanswered reports whether the device was asked whether it is there, and has said
// nothing since.
func (p *Peer) unanswered() bool { return p.There.Before(p.pingedAt) }

// Ping asks the devices that have said nothing for a while whether they are there,
// and reports whether one of them has a moment left to answer.
func (me *Standing) Ping() (waiting bool) {
	if me.Circle == nil {
		return false
	}
	for _, d := range me.Members() {
		p := me.Peers[d.Slot]
		if p == nil || !p.Online || me.Now.Sub(p.There).Abs() < PingAfter {
			continue
		}
		if !p.unanswered() {
			p.pingedAt = me.Now
		}
		if me.Now.Sub(p.pingSent).Abs() >= PingAfter {
			p.pingSent = me.Now
			me.Sync(d.Slot, message.MsgHave, message.Have{IDs: []wire.Hash{pingID}})
		}
		waiting = waiting || me.Now.Sub(p.pingedAt).Abs() < PingPatience
	}
	return waiting
}

// Heard takes over when peers said something that still waits to be looked at.
func (me *Standing) Heard(at map[string]time.Time) {
	for _, d := range me.Members() {
		if p, t := me.Peers[d.Slot], at[string(d.Peer)]; p != nil && p.Online && t.After(p.LastSeen) {
			p.LastSeen, p.There = t, Latest(t, p.There)
		}
	}
}

// Unheard ranks a device behind others if it says nothing.
func (me *Standing) Unheard(slot wire.Slot) int {
	if me.Hears(slot) {
		return 0
	}
	return 1
}

// Without reports whether the device in slot is known to hold no share of the
// epoch that this device is in, so that no session with it can succeed.
func (me *Standing) Without(slot wire.Slot) bool {
	if slot == me.Circle.Slot {
		return !me.HasShare()
	}
	p := me.Peers[slot]
	return p != nil && p.Told && !p.Share && p.Record == me.Circle.Hash
}
