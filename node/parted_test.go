package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// holdsNothing reports whether d has no key but that of its presence.
func (d *labDevice) holdsNothing() bool {
	ids, err := d.keeper.ListEpochKeys()
	return err == nil && slices.Equal(ids, []string{standing.PresenceID}) && !d.core.HoldsShares()
}

// TestWhoLeftDestroysItsShares: a device that was given away keeps nothing of the
// key once those who stay have their fresh shares.
func TestWhoLeftDestroysItsShares(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 93)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.keeper.keys["1-"+strings.Repeat("ab", 16)] = true // of an attempt that came to nothing
	phone.change(change.Leave, change.Payload{})
	if !l.run(2*time.Minute, func() bool {
		return l.in(0, laptop, tablet)() && phone.core.Circle.Evicted != nil && phone.holdsNothing()
	}) {
		t.Fatalf("it keeps %v\n%s", phone.keeper.keys, l.logs())
	}
	if w := phone.core.Warnings(); len(w) != 1 || !strings.HasSuffix(w[0], "; its shares are destroyed") {
		t.Errorf("its person reads %q", w)
	}
	phone.kill()
	phone.start()
	l.run(time.Minute, nil)
	l.signsWith(laptop, tablet)
}

// TestWhoLeftKeepsWhatMayBeNeeded: as long as one who stays sleeps, the old shares
// live, and as many dealers as can be dishonest do not have the one destroyed
// that left.
func TestWhoLeftKeepsWhatMayBeNeeded(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5, 94)
	l.found(3, 5)
	phone, laptop, server := l.devices[0], l.devices[1], l.devices[4]
	server.kill()
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		var h message.Hello
		if typ, body, err := message.SplitMessage(b); err == nil && typ == message.MsgHello && (from == laptop || from == l.devices[2]) && to == phone && wire.Unmarshal(body, &h) == nil {
			h.Oldest = 1 << 30
			return message.EncodeMessage(message.MsgHello, h)
		}
		return b
	}
	phone.change(change.Leave, change.Payload{})
	if !l.run(2*time.Minute, func() bool { return phone.core.Circle.Evicted != nil }) {
		t.Fatalf("it does not learn that it is out\n%s", l.logs())
	}
	for range 2 {
		l.run(time.Minute, nil)
		if !phone.holdsOf(0) || !phone.core.HoldsShares() {
			t.Fatal("a share that may be needed is destroyed")
		}
		if w := phone.core.Warnings(); len(w) != 1 || !strings.Contains(w[0], "it destroys its old shares once") {
			t.Errorf("its person reads %q", w)
		}
		phone.kill()
		phone.start()
	}
	server.start()
	if !l.run(5*time.Minute, phone.holdsNothing) {
		t.Fatalf("it keeps %v when nobody needs it any more\n%s", phone.keeper.keys, l.logs())
	}
}

// TestWhoWasOutForLongDestroysItsShares: those who dealt when it was taken out may be
// out by then, too. A later re-deal that all have locked tells as much.
func TestWhoWasOutForLongDestroysItsShares(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5, 95)
	l.found(3, 5)
	phone, laptop, rest := l.devices[0], l.devices[1], l.devices[2:]
	phone.change(change.Leave, change.Payload{})
	if !l.run(2*time.Minute, func() bool { return laptop.core.Circle.Head().Record.Epoch == 1 }) {
		t.Fatalf("not left\n%s", l.logs())
	}
	phone.kill()
	l.run(10*time.Second, nil)
	if d := laptop.core.Circle.Head().Record.Change.Dealers; !slices.Contains(d, laptop.core.Circle.Slot) {
		t.Fatalf("the laptop does not deal: %v", d)
	}
	laptop.change(change.Leave, change.Payload{})
	if !l.run(2*time.Minute, l.in(1, rest...)) {
		t.Fatalf("the laptop does not leave\n%s", l.logs())
	}
	laptop.kill()
	phone.start()
	if !l.run(5*time.Minute, func() bool { return phone.core.Circle.Evicted != nil && phone.holdsNothing() }) {
		t.Fatalf("it keeps %v\n%s", phone.keeper.keys, l.logs())
	}
}
