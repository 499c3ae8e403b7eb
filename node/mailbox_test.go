package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// withoutTests lets no test signature come about, so that a re-deal is given up
// once everybody is ready for it.
func withoutTests(_, _ *labDevice, b []byte) []byte {
	if typ, body, err := message.SplitMessage(b); err == nil && typ == message.MsgTest {
		var m message.Test
		if wire.Unmarshal(body, &m) == nil {
			return nil
		}
	}
	return b
}

// givenUp lets a refresh that d asks for die, and reports it if it does not.
func (l *lab) givenUp(d *labDevice, all ...*labDevice) {
	l.t.Helper()
	before := map[*labDevice]int{}
	for _, x := range all {
		before[x] = len(x.core.Dead)
	}
	was := l.tamper
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if b = withoutTests(from, to, b); b == nil || was == nil {
			return b
		}
		return was(from, to, b)
	}
	r := d.change(change.Refresh, change.Payload{})
	if !l.run(5*time.Minute, func() bool {
		for _, x := range all {
			if len(x.core.Dead) == before[x] || x.core.Redealing() {
				return false
			}
		}
		return true
	}) {
		l.t.Fatalf("the second re-deal is not given up\n%s", l.logs())
	}
	d.core.Now = l.now
	if err := d.core.Deny(r); err != nil {
		l.t.Fatal(err)
	}
	l.run(2*time.Second, nil)
	l.tamper = was
}

// TestRetiringKeepsTheMailbox: a person gives up on a device that sleeps, and its
// old shares are destroyed. What was sealed for the sleeper is all that makes two
// of the key then, should a second device burn: a re-deal that comes to nothing
// must not take it along.
func TestRetiringKeepsTheMailbox(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 90)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	tablet.kill()
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.Circle.Head().Record.Epoch == 1 && phone.core.Circle.Head().Record.Epoch == 1
	}) {
		t.Fatalf("no new epoch without the sleeper\n%s", l.logs())
	}
	l.run(5*time.Second, nil)
	for _, d := range []*labDevice{phone, laptop} {
		d.core.Now = l.now
		if err := d.core.RetireNow(); err != nil {
			t.Fatal(err)
		}
	}
	l.givenUp(laptop, laptop, phone)
	laptop.kill() // its disk burns
	phone.kill()
	phone.start()
	tablet.start()
	if !l.run(5*time.Minute, func() bool { return tablet.core.HasShare() && tablet.core.Circle.Record.Epoch == 1 }) {
		t.Fatalf("the share that waited for the sleeper is gone, and with it the key\n%s", l.logs())
	}
	l.signsWith(phone, tablet)
	l.signsWith(tablet, phone)
}

// TestLocksAreRepeatedAfterAFailedRedeal: one device has not heard yet that all
// have locked. That those who have try another re-deal, which dies, must not
// leave it with its old share for good.
func TestLocksAreRepeatedAfterAFailedRedeal(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 91)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		if f, err := wire.ParseFrame(b); err == nil && to == tablet {
			var s simStatement
			if wire.Unmarshal(f.Body, &s) == nil && s.Kind == simLock {
				return nil
			}
		}
		return b
	}
	laptop.change(change.Refresh, change.Payload{})
	through := func(d *labDevice) bool { return d.core.Circle.Record.Epoch == 1 && d.core.OldestShare() == 1 }
	if !l.run(time.Minute, func() bool {
		return through(phone) && through(laptop) && tablet.core.Circle.Head().Record.Epoch == 1
	}) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	if through(tablet) {
		t.Fatal("it heard of the locks")
	}
	l.givenUp(laptop, laptop, phone, tablet)
	l.tamper = nil
	if !l.run(10*time.Minute, func() bool { return through(tablet) && !tablet.holdsOf(0) }) {
		t.Errorf("it keeps its old share\n%s", l.logs())
	}
	l.signsWith(phone, tablet)
}
