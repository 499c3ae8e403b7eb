package node

import (
	"bytes"
	"maps"
	"slices"
	"time"

	"github.com/warifu/warifu/wire"
)

// step has the core take one event in, and then draws what follows from it.
func (c *core) step(now time.Time, take func()) {
	c.Now = now
	take()
	c.settle()
}

// maxSettle bounds how often consequences of consequences are drawn in one step. In all
// simulated worlds once is enough; what is left is drawn with the next event.
const maxSettle = 8

// settle draws what follows from an event. What persons have agreed to is begun, and the
// sessions that have become possible are opened: in this order, so that nothing is signed
// with a device that was just called lost. Then what was said goes out, the link learns
// whom this device talks to, and every call that waits looks again.
func (c *core) settle() {
	for n := 0; n < maxSettle && c.Stirred(); n++ {
		c.ChangeCircle()
		c.TryAll()
	}
	c.Flush()
	c.admit()
	for w := range c.Watchers {
		w.Signal()
	}
}

// An admission is what the link is told of the devices that this one talks to.
type admission struct {
	peers  map[string][]string // transport id → addresses of everybody who may connect
	beacon [32]byte            // the key under which this device shows itself on the local network
	older  [][32]byte          // keys under which others may still do so
	self   uint16              // slot of this device, 0 if none
	slots  map[uint16][]byte   // slot → transport id of those that are looked for
}

func (a *admission) equal(b *admission) bool {
	return b != nil && a.beacon == b.beacon && a.self == b.self && slices.Equal(a.older, b.older) &&
		maps.EqualFunc(a.slots, b.slots, bytes.Equal) && maps.EqualFunc(a.peers, b.peers, slices.Equal[[]string])
}

// admit tells the link who may connect, if that has changed.
func (c *core) admit() {
	if a := c.admission(); !a.equal(c.admitted) {
		c.admitted = a
		c.Link.SetPeers(a.peers)
		c.Link.SetBeacon(a.beacon, a.older, a.self, a.slots)
	}
}

// admission lists who may connect: members of the circle, devices of a founding in
// progress, those that left and may hear that they did, and nobody else.
func (c *core) admission() *admission {
	out := &admission{peers: map[string][]string{}, slots: map[uint16][]byte{}, self: uint16(c.SelfSlot())}
	for _, d := range c.Members() {
		if d.Identity == c.Self.Public {
			continue
		}
		out.peers[string(d.Peer)] = c.addrsOf(d.Slot)
		out.slots[uint16(d.Slot)] = d.Peer
	}
	for id, addrs := range c.Pairing {
		out.peers[id] = append(out.peers[id], addrs...)
	}
	for id := range c.FormerPeers() {
		out.peers[id] = nil
	}
	for id := range c.Parting {
		if _, ok := out.peers[id]; !ok {
			out.peers[id] = nil
		}
	}
	switch {
	case c.Circle != nil:
		out.beacon, out.older = c.Circle.Discovery, c.Circle.Older
	case c.Founding != nil:
		out.beacon = c.Founding.Discovery
	}
	return out
}

// addrsOf lists where the device in slot may be.
func (c *core) addrsOf(slot wire.Slot) []string {
	var out []string
	if c.Circle != nil {
		out = append(out, c.Circle.Addrs[slot]...)
	}
	if c.Founding != nil {
		out = append(out, c.Founding.Addrs[slot]...)
	}
	if c.Attempt != nil {
		out = append(out, c.Attempt.Addrs[slot]...)
	}
	return out
}
