package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/wire"
)

// A keyWatch looks at every device at every step, and compares what it says of old
// shares with who is out of the circle.
type keyWatch struct {
	t     *testing.T
	l     *lab
	steps int // at which old shares were alive
	above int // at which more were alive than are the key, and fewer than it out of reach
	keys  int // at which some device could say that the key may be with others
}

func (k *keyWatch) look() {
	for _, d := range k.l.devices {
		c := d.core
		if c == nil || c.Circle == nil {
			continue
		}
		now := c.Circle.Record
		lost, key := 0, false
		for _, e := range c.Circle.Chain {
			if e.Record.Epoch >= now.Epoch {
				continue
			}
			out := 0
			for _, x := range e.Record.Devices {
				if _, in := now.ByIdentity(x.Identity); !in && x.Identity != c.Self.Public {
					out++
				}
			}
			lost = max(lost, out)
			key = key || out >= e.Record.Threshold
		}
		ch := c.Changed()
		said := ch.OldSharesOut >= ch.OldSharesKey
		warned := len(d.warned("together they are the key")) > 0
		if said != key || warned != (key && c.Circle.Evicted == nil) {
			k.t.Fatalf("%s in epoch %d, with %d old shares of one epoch out of reach: says %d of %d, warns %q", d.name, now.Epoch, lost, ch.OldSharesOut, ch.OldSharesKey, d.warned("alive"))
		}
		if ch.OldSharesAlive > 0 {
			k.steps++
		}
		if ch.OldSharesAlive > ch.OldSharesKey && !key {
			k.above++
		}
		if key {
			k.keys++
		}
	}
}

// until runs the lab, and looks at every step.
func (k *keyWatch) until(done func() bool) {
	k.t.Helper()
	if !k.l.run(2*time.Minute, func() bool { k.look(); return done() }) {
		k.t.Fatalf("it does not come to that\n%s", k.l.logs())
	}
	k.l.run(5*time.Second, func() bool { k.look(); return false })
}

// TestOldSharesOfALeave: while a device leaves, more old shares are alive than are
// the key, and at no step can anybody but the circle's devices have as many.
func TestOldSharesOfALeave(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 331)
	l.found(2, 3)
	k := &keyWatch{t: t, l: l}
	l.devices[1].change(change.Leave, change.Payload{})
	k.until(l.in(0, l.devices[0], l.devices[2]))
	if k.above == 0 || k.keys != 0 {
		t.Errorf("%+v", *k)
	}
	if o := l.devices[1].core.OldShares(); len(o.Out) != 0 {
		t.Errorf("for the one that left its own share is out of reach: %+v", o)
	}
	for _, d := range []*labDevice{l.devices[0], l.devices[2]} {
		if s := d.core.Status(); s.OldSharesAlive != 1 || s.OldSharesOut != 1 || s.OldSharesKey != 2 || !slices.Equal(s.OldSharesOn, []string{"laptop"}) {
			t.Errorf("%s: %d alive, %d out, %d are the key, on %v", d.name, s.OldSharesAlive, s.OldSharesOut, s.OldSharesKey, s.OldSharesOn)
		}
	}
}

// TestOldSharesOfALost: the same while one is removed and another sleeps, who is
// told to be started; and while a new device takes the place of one.
func TestOldSharesOfALost(t *testing.T) {
	t.Parallel()
	l := newLab(t, 6, 332)
	l.found(3, 5)
	k := &keyWatch{t: t, l: l}
	phone, laptop, tablet, desktop, server, watch := l.devices[0], l.devices[1], l.devices[2], l.devices[3], l.devices[4], l.devices[5]
	desktop.kill()
	r := phone.change(change.Lost, change.Payload{Slot: 4})
	laptop.approves(r.ID)
	tablet.approves(r.ID)
	k.until(l.in(0, phone, laptop, tablet, server))
	l.introduce(phone, watch)
	r = phone.change(change.Replace, change.Payload{Slot: 3, Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.ID)
	server.approves(r.ID)
	k.until(func() bool { return phone.core.Circle.Record.Epoch > 1 && !phone.core.Redealing() })
	if k.above == 0 || k.keys != 0 {
		t.Errorf("%+v", *k)
	}
}

// TestOldSharesAreOfTheirEpoch: how many old shares are the key is said by the epoch
// that they are of. Two of three are nothing although two sign now, and three are
// the key.
func TestOldSharesAreOfTheirEpoch(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5, 333)
	l.found(3, 5)
	k := &keyWatch{t: t, l: l}
	d := l.devices
	lose := func(slot uint16, by ...*labDevice) {
		d[slot-1].kill()
		e := by[0].core.Circle.Record.Epoch
		r := by[0].change(change.Lost, change.Payload{Slot: slot})
		for _, o := range by[1:] {
			o.approves(r.ID)
		}
		k.until(l.in(e, by...))
	}
	lose(5, d[0], d[1], d[2], d[3])
	lose(4, d[0], d[1], d[2])
	r := d[0].change(change.Threshold, change.Payload{Threshold: 2})
	d[1].approves(r.ID)
	d[2].approves(r.ID)
	k.until(l.in(2, d[0], d[1], d[2]))
	if s := d[0].core.Status(); s.Threshold != 2 || s.OldSharesOut != 2 || s.OldSharesKey != 3 || k.keys != 0 {
		t.Errorf("of %d shares %d are out and %d are the key, %+v", s.OldSharesAlive, s.OldSharesOut, s.OldSharesKey, *k)
	}
	lose(3, d[0], d[1])
	if s := d[0].core.Status(); s.OldSharesOut != 3 || s.OldSharesKey != 3 || k.keys == 0 {
		t.Errorf("%d are out, %d are the key, %+v", s.OldSharesOut, s.OldSharesKey, *k)
	}
	if got := d[0].warned("together they are the key"); len(got) != 1 || !strings.Contains(got[0], "3 of 3, on tablet, desktop and server, out of the circle's reach") {
		t.Errorf("warned of %q", got)
	}
}

// TestCopyCountsAsOut: the share of a device that runs twice is with others.
func TestCopyCountsAsOut(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 334)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	laptop.change(change.Leave, change.Payload{})
	if !l.run(time.Minute, l.in(0, phone, tablet)) {
		t.Fatal("it stays")
	}
	for _, boot := range []byte{1, 2, 1} {
		b := tablet.core.Vigil.Judge.NextBeat(true, true, 0)
		b.Boot = [8]byte{boot}
		if _, err := phone.core.Vigil.Judge.Heard(recovery.SignBeat(b, tablet.core.Self.Sign)); err != nil {
			t.Fatal(err)
		}
	}
	if o := phone.core.OldShares(); !slices.Equal(o.Out, []wire.Slot{2, 3}) || o.Key != 2 || len(phone.warned("together they are the key")) != 1 {
		t.Errorf("%+v, %q", o, phone.warned("alive"))
	}
}
