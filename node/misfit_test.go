package node

import (
	"strings"
	"testing"
	"time"
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
	slot := laptop.core.circle.slot
	said := func() string { return strings.Join(c.warnings(), "\n") }
	if strings.Contains(said(), "another release") {
		t.Fatal("told while all is well")
	}
	for _, row := range []struct {
		ours, theirs int
		update       string
	}{{1, 2, "update this device"}, {2, 1, "update " + laptop.name}} {
		c.peer(slot).misfit = misfit{"/warifu/sync", row.ours, row.theirs, c.now}
		w := said()
		for _, want := range []string{laptop.name + " runs another release", row.update, "/warifu/sync"} {
			if !strings.Contains(w, want) {
				t.Errorf("%d and %d: %q does not say %q", row.ours, row.theirs, w, want)
			}
		}
	}
	c.peer(slot).misfit.at = c.now.Add(-misfitFor - time.Second)
	if strings.Contains(said(), "another release") {
		t.Error("told for ever")
	}
	c.peer(slot).misfit.at = c.now
	c.onUp(c.now, laptop.id)
	if strings.Contains(said(), "another release") {
		t.Error("told although they talk")
	}
}
