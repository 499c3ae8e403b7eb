package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
)

// freeze makes a device say nothing any more, though its connections stand.
func (l *lab) freeze(d *labDevice) {
	l.tamper = func(from, _ *labDevice, b []byte) []byte {
		if from == d {
			return nil
		}
		return b
	}
}

// sees reports whether d says that other is online.
func (d *labDevice) sees(other *labDevice) bool {
	i := slices.IndexFunc(d.core.Circle.Record.Devices, func(x roster.Device) bool { return x.Name == other.name })
	return d.core.ViewDevice(d.core.Circle.Record.Devices[i]).Online
}

// TestOnlineMeansHeard: a device whose connection stands and that says nothing is
// not said to be online: soon if somebody asks, after a few heartbeats if nobody
// does. With the next word it is back.
func TestOnlineMeansHeard(t *testing.T) {
	t.Parallel()
	for _, asked := range []bool{true, false} {
		l := newLab(t, 3, 730)
		l.found(2, 3)
		phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
		l.run(2*time.Minute, nil)
		l.freeze(laptop)
		limit := standing.MissedBeats * (l.timings().Beat + l.timings().IdleTick)
		look := func() bool {
			phone.core.Now = l.now
			if asked {
				phone.core.Ping()
			}
			return !phone.sees(laptop)
		}
		if asked {
			limit = standing.PingAfter + 4*l.step
		} else if l.run(limit/2, look) {
			t.Error("a device that says nothing for a minute or two is said to be away although nobody asked it")
		}
		if !l.run(limit+2*time.Minute, look) {
			t.Errorf("asked %v: a device that says nothing is online after %v", asked, limit)
		}
		if !phone.sees(tablet) {
			t.Error("a device that answers is not online")
		}
		if !phone.core.Online(2) {
			t.Error("the connection is gone")
		}
		l.tamper = nil
		if !l.run(2*time.Minute, func() bool { phone.core.Now = l.now; phone.core.Ping(); return phone.sees(laptop) }) {
			t.Error("it speaks and is not online")
		}
	}
}

// TestSilentDeviceIsCountedOnLast: who waits is told that a device which approved says
// nothing, and it is a sleeper of a re-deal if the others are enough.
func TestSilentDeviceIsCountedOnLast(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 731)
	l.found(3, 4)
	phone, laptop := l.devices[0], l.devices[1]
	r := phone.ask("without the laptop")
	r.NotUntil = l.now.Add(standing.LongestPause)
	for _, d := range l.devices[1:] {
		d.approves(r.ID)
	}
	if !l.run(time.Minute, func() bool { return len(r.Approved) == 4 }) {
		t.Fatal("not approved")
	}
	l.freeze(laptop)
	w := phone.core.Watch(r, false) // somebody waits
	if !l.run(standing.PingAfter+2*time.Minute, func() bool { return !phone.core.Hears(2) }) {
		t.Error("it is heard although it says nothing")
	}
	select {
	case <-w.Poke:
	default:
		t.Error("who waits is not told")
	}
	if names, why := phone.core.WaitingFor(r); slices.Contains(names, laptop.name) && !strings.Contains(why, "start "+laptop.name) {
		t.Errorf("waiting for %v: %s", names, why)
	}
	ask := phone.change(change.Refresh, change.Payload{})
	if a := phone.core.Attempt; a == nil || !slices.Contains(a.Proposal.Sleepers, 2) || len(a.Proposal.Members) != 3 {
		t.Errorf("the re-deal of %v counts on a device that says nothing", ask.ID)
	}
}

// TestConnectionIsNoWord: a connection that comes up, which may be what is left of
// one that was cut, changes nothing about when a device was last seen.
func TestConnectionIsNoWord(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 732)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	seen := func() time.Time { return *phone.core.ViewDevice(phone.core.Circle.Record.Devices[1]).LastSeen }
	was := seen()
	l.now = l.now.Add(time.Minute)
	phone.core.onDown(l.now, laptop.id, "the connection was lost")
	phone.core.onUp(l.now, laptop.id)
	if now := seen(); !now.Equal(was) {
		t.Errorf("a device that said nothing for a minute was last seen %v before", l.now.Sub(now))
	}
	if !phone.sees(laptop) {
		t.Error("a device that has just connected is not online")
	}
	if l.run(time.Second, nil); !seen().After(was.Add(50 * time.Second)) {
		t.Error("it speaks and was not seen")
	}
}
