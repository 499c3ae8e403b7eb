package standing

import (
	"testing"
	"time"
)

// TestNoiseIsBounded: so many lines in a period, and the first of the next says how many
// were not written.
func TestNoiseIsBounded(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	var n Noise
	for i := range 10 {
		if ok, kept := n.Say(now, 3); ok != (i < 3) || kept != 0 {
			t.Errorf("line %d: written %v, after %d others", i, ok, kept)
		}
	}
	now = now.Add(noisePeriod - 1)
	if ok, _ := n.Say(now, 3); ok {
		t.Error("one more in the same period")
	}
	now = now.Add(1)
	if ok, kept := n.Say(now, 3); !ok || kept != 8 {
		t.Errorf("in the next period: written %v, after %d others, want 8", ok, kept)
	}
	if ok, kept := n.Say(now, 3); !ok || kept != 0 {
		t.Errorf("they are told of again: written %v, after %d others", ok, kept)
	}
	// A clock that is set back silences nobody for long.
	for range 3 {
		n.Say(now, 3)
	}
	if ok, _ := n.Say(now.Add(-noisePeriod), 3); !ok {
		t.Error("nothing is written since the clock was set back")
	}
}
