package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// TestHelloOfAFasterFounder: what a device says of itself before the circle stands here
// is said once, and counts when it does. Otherwise this device would take it for one
// that cannot deal, for as long as the connection lasts.
func TestHelloOfAFasterFounder(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 752)
	fast, slow, third := l.devices[0], l.devices[1], l.devices[2]
	var held []parcel
	hold := false
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if !hold || to != slow {
			return b
		}
		if _, err := wire.ParseFrame(b); err == nil && from == third {
			held = append(held, parcel{from, to, wire.ProtocolSession, b})
			return nil
		}
		if b[0] == message.MsgEntry {
			return nil
		}
		return b
	}
	l.beginFounding(2, 3)
	run := func(what string, ok func() bool) {
		t.Helper()
		if !l.run(2*time.Minute, ok) {
			t.Fatalf("%s\n%s", what, l.logs())
		}
	}
	run("no question", func() bool {
		return l.all(3, func(c *core) bool { return c.Founding.State() == api.FoundingConfirming })
	})
	hold = true
	for _, d := range l.devices {
		if err := d.core.Confirm(d.core.Founding.Session.Hex(), true); err != nil {
			t.Fatal(err)
		}
		d.core.settle()
	}
	run("the others do not get through", func() bool { return fast.core.Circle != nil && third.core.Circle != nil })
	l.run(time.Second, nil)
	if slow.core.Circle != nil {
		t.Fatal("it is through, and the test shows nothing")
	}
	hold = false
	l.wire = append(l.wire, held...)
	run("it does not get through", func() bool { return slow.core.Circle != nil })
	for _, s := range []wire.Slot{1, 3} {
		if p := slow.core.Peers[s]; p == nil || !p.Told || !p.Share {
			t.Errorf("it does not know how far device %d is: %+v", s, p)
		}
	}
}

// TestLostHelloIsRepeated: how far a device is, it says once. If the link had no room for
// it, it is said again with the next tick, and no more often.
func TestLostHelloIsRepeated(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 753)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	hellos := 0
	l.watch = func(from, to *labDevice, _ string, b []byte) {
		if from == phone && to == laptop && b[0] == message.MsgHello {
			hellos++
		}
	}
	phone.full = true
	phone.core.step(l.now, func() { phone.core.Broadcast(message.MsgHello, phone.core.Hello()) })
	l.run(2*time.Second, nil)
	if hellos != 0 {
		t.Fatal("the link had room")
	}
	phone.full = false
	l.run(time.Minute, nil)
	if hellos != 1 {
		t.Errorf("said %d times", hellos)
	}
}
