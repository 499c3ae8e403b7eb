package node

import (
	"testing"
	"time"
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
			if d.core.judge.Copied(other.core.circle.slot) {
				t.Errorf("%s takes %s for two", d.name, other.name)
			}
		}
		if heard, _ := d.core.judge.View(phone.core.circle.slot); heard.Silent > 120 {
			t.Errorf("%s has not heard the phone for %d seconds", d.name, heard.Silent)
		}
	}
}
