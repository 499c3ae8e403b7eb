package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/standing"
)

// TestMisfitIsTold: status names the device whose release does not fit, both
// versions and which of the two is to be updated, until they can talk or have
// not met for a while.
func TestMisfitIsTold(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 241)
	l.found(2, 2)
	phone, laptop := l.devices[0], l.devices[1]
	c := phone.core
	slot := laptop.core.Circle.Slot
	said := func() string { return strings.Join(c.Warnings(), "\n") }
	if strings.Contains(said(), "another release") {
		t.Fatal("told while all is well")
	}
	for _, row := range []struct {
		ours, theirs int
		update       string
	}{{1, 2, "update this device"}, {2, 1, "update " + laptop.name}} {
		c.Peer(slot).Misfit = standing.Misfit{Protocol: "/warifu/sync", Ours: row.ours, Theirs: row.theirs, At: c.Now}
		w := said()
		for _, want := range []string{laptop.name + " runs another release", row.update, "/warifu/sync"} {
			if !strings.Contains(w, want) {
				t.Errorf("%d and %d: %q does not say %q", row.ours, row.theirs, w, want)
			}
		}
	}
	c.Peer(slot).Misfit.At = c.Now.Add(-time.Hour)
	if strings.Contains(said(), "another release") {
		t.Error("told for ever")
	}
	c.Peer(slot).Misfit.At = c.Now
	c.onUp(c.Now, laptop.id)
	if strings.Contains(said(), "another release") {
		t.Error("told although they talk")
	}
}
