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
