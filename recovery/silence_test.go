package recovery_test

import (
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
)

// TestSilentDeviceIsRemoved walks the way of a lost phone with the default
// settings.
func TestSilentDeviceIsRemoved(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	l.hear(2, 3)
	l.run(2*day-minute, 2)
	l.want(3, recovery.Live)
	l.run(2*minute, 2)
	l.want(3, recovery.Quiet)
	l.run(5*day, 2)
	l.want(3, recovery.Suspect)
	l.suspected(2, 3, false)
	l.run(minute, 2)
	l.want(3, recovery.Grace)
	l.run(14*day, 2)
	l.want(3, recovery.Grace) // the other does not agree yet
	l.suspected(2, 3, true)
	l.run(minute, 2)
	l.want(3, recovery.Evicting)
	p := l.Proposals()
	if len(p) != 1 || p[0].Removed[0] != (recovery.Removal{Slot: 3, State: roster.Silent}) || len(p[0].Members) != 2 {
		t.Fatalf("proposals %+v", p)
	}
	t.Log(p[0].Why)
	for _, n := range l.Notices(0) {
		t.Log(l.Words(n))
	}
}
