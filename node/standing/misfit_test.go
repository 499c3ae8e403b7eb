package standing

import (
	"strings"
	"testing"
	"time"
)

// TestMisfitWords: they name both versions and which of the two devices is to be updated,
// for a while after the two met last, on either side of the clock.
func TestMisfitWords(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		ours, theirs int
		update       string
	}{{1, 2, "update this device"}, {2, 1, "update laptop"}} {
		m := Misfit{Protocol: "/warifu/sync", Ours: c.ours, Theirs: c.theirs, At: now}
		for _, at := range []time.Duration{0, misfitFor, -misfitFor} {
			got := m.Words("laptop", now.Add(at))
			for _, want := range []string{"laptop runs another release", c.update, "/warifu/sync"} {
				if !strings.Contains(got, want) {
					t.Errorf("%d and %d, after %v: %q does not say %q", c.ours, c.theirs, at, got, want)
				}
			}
		}
		for _, at := range []time.Duration{misfitFor + 1, -misfitFor - 1} {
			if got := m.Words("laptop", now.Add(at)); got != "" {
				t.Errorf("after %v: %q", at, got)
			}
		}
	}
	if got := (Misfit{At: now}).Words("laptop", now); got != "" {
		t.Errorf("of two that fit: %q", got)
	}
}
