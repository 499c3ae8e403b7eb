package node

import (
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/wire"
)

// TestTimePassesForABusyDevice has something happen shortly before every tick.
// The device was awake all the same, and must count it, or it would never
// suspect anybody.
func TestTimePassesForABusyDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 31)
	l.found(2, 2)
	c := l.devices[0].core
	before := c.awake
	const length = time.Minute
	for range length / time.Second {
		l.now = l.now.Add(time.Second)
		c.onDown(l.now, []byte("a stranger"), "an event")
		c.tick(l.now)
	}
	if got := c.awake - before; got < length-time.Second || got > length+time.Second {
		t.Errorf("awake for %v of %v", got, length)
	}
}

// TestRestartsAreNoCopies kills a device again and again, each time after its
// heartbeat has reached the others and before its first tick. It is never
// taken for two, by itself or by others.
func TestRestartsAreNoCopies(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 32)
	l.found(2, 3)
	phone := l.devices[0]
	for range 5 {
		for i := range 3 {
			phone.kill()
			phone.start()
			for range 3 - i { // as many connections, and a heartbeat on each
				l.cut(phone, l.devices[1], "connection reset")
				l.connect()
			}
			l.run(time.Minute, func() bool { return len(l.wire) == 0 })
		}
		l.run(3*time.Minute, nil)
	}
	for _, d := range l.devices {
		for _, other := range l.devices {
			if d.core.Vigil.Judge.Copied(other.core.Circle.Slot) {
				t.Errorf("%s takes %s for two", d.name, other.name)
			}
		}
		if heard, _ := d.core.Vigil.Judge.View(phone.core.Circle.Slot); heard.Silent > 120 {
			t.Errorf("%s has not heard the phone for %d seconds", d.name, heard.Silent)
		}
	}
}

// TestDamagedJudgeStaysFrozen: what a device has forgotten may have been a
// freeze, so that it freezes itself, and hears again what is said in requests
// that are open.
func TestDamagedJudgeStaysFrozen(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 32)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	freeze := phone.change(change.Freeze, change.Payload{})
	l.run(2*time.Second, nil)
	l.step = time.Minute
	for _, d := range l.devices {
		d.core.Config.Timings = l.timings()
	}
	if !l.run(30*time.Hour, func() bool { return !laptop.request(freeze.ID).Open() }) {
		t.Fatal("the request that froze the circle stays open")
	}
	l.step = 500 * time.Millisecond
	damage := func() {
		laptop.kill()
		put(laptop, standing.BucketCircle, judging.JudgeKey, []byte("?"))
		laptop.start()
	}
	damage()
	if err := laptop.core.MaySign(); codeOf(err) != api.CodeFrozen {
		t.Errorf("after a start with a damaged judge: %v", err)
	}
	phone.change(change.Lost, change.Payload{Slot: uint16(tablet.core.Circle.Slot)})
	l.run(2*time.Second, nil)
	damage()
	l.run(5*time.Second, nil)
	if v, _ := laptop.core.Vigil.Judge.View(3); v.State != recovery.Frozen || !laptop.core.Banned(3) {
		t.Errorf("the accused is %v", v.State)
	}
	r := laptop.change(change.Thaw, change.Payload{})
	phone.approves(r.ID)
	l.run(5*time.Second, nil)
	if why := laptop.core.Frozen(); why != "" {
		t.Errorf("still frozen after a thaw: %s", why)
	}
	laptop.kill()
	laptop.start()
	if why := laptop.core.Frozen(); why != "" {
		t.Errorf("after the next start: %s", why)
	}
}

// TestRemovalWithoutWhoseCountdownRuns: one device was off for a while, so that
// its countdown for a silent device ends later than those of the others. They
// are enough, and must not ask it for what it would refuse.
func TestRemovalWithoutWhoseCountdownRuns(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5, 33)
	l.found(3, 5)
	l.step = time.Hour
	for _, d := range l.devices {
		d.core.Config.Timings = l.timings()
	}
	laptop, gone, late := l.devices[1], l.devices[0], l.devices[4]
	gone.kill()
	late.kill()
	l.run(2*24*time.Hour, nil)
	late.start()
	late.core.Config.Timings = l.timings()
	day := 24 * time.Hour
	attempts := map[wire.SessionID]bool{}
	if !l.run(60*day, func() bool {
		if a := laptop.core.Attempt; a != nil {
			attempts[a.Proposal.Session()] = true
		}
		return laptop.core.Circle.Head().Record.Epoch > 0
	}) {
		t.Fatalf("the silent device stays\n%s", l.logs())
	}
	if rec := laptop.core.Circle.Head().Record; len(attempts) != 1 || !slices.Equal(rec.Change.Members, []wire.Slot{2, 3, 4}) {
		t.Errorf("%d attempts, and members %v in the end", len(attempts), rec.Change.Members)
	}
	if !l.run(day, l.in(0, l.devices[1:]...)) {
		t.Errorf("who did not agree does not come along\n%s", l.logs())
	}
}
