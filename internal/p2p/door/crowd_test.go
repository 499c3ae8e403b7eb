package door

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
)

// A visitors is a crowd whose guests are known by name.
type visitors struct {
	*crowd
	shown []string // who was shown out, in order
}

func (v *visitors) come(t *testing.T, at, name string) *guest {
	t.Helper()
	g, _ := v.enter(household(netip.MustParseAddr(at)), func() { v.shown = append(v.shown, name) })
	if g == nil {
		t.Fatalf("no place for %s", name)
	}
	return g
}

func (v *visitors) saw(t *testing.T, want ...string) {
	t.Helper()
	if !slices.Equal(v.shown, want) {
		t.Errorf("shown out: %q, want %q", v.shown, want)
	}
	v.shown = nil
}

// TestCrowdIsFair: whoever comes from an address that holds less than others
// gets the place of the oldest of the address that holds most.
func TestCrowdIsFair(t *testing.T) {
	v := &visitors{crowd: newCrowd(6, 4)}
	for i := range 4 {
		v.come(t, "192.0.2.1", fmt.Sprint("a", i))
	}
	v.come(t, "192.0.2.2", "b0")
	v.come(t, "192.0.2.3", "c0")
	v.saw(t)
	v.come(t, "192.0.2.4", "d0")
	v.saw(t, "a0")
	v.come(t, "192.0.2.1", "a4") // at the cost of its own
	v.saw(t, "a1")
	v.come(t, "192.0.2.5", "e0")
	v.come(t, "192.0.2.6", "f0")
	v.saw(t, "a2", "a3")
	v.come(t, "192.0.2.7", "g0") // all hold one: the oldest of all goes
	v.saw(t, "b0")
	v.come(t, "192.0.2.7", "g1") // its own, as nobody holds more
	v.saw(t, "g0")
	if all, here := v.size(household(netip.MustParseAddr("192.0.2.7"))); all != 6 || here != 1 {
		t.Errorf("%d guests, %d of the last address", all, here)
	}
}

// TestCrowdBoundsAnAddress: one address never holds more than its number, also
// if nobody else is there.
func TestCrowdBoundsAnAddress(t *testing.T) {
	v := &visitors{crowd: newCrowd(32, 4)}
	for i := range 400 {
		// Each is another address of one IPv6 network.
		v.come(t, fmt.Sprintf("2001:db8:1:2::%x", i+1), fmt.Sprint(i))
	}
	if all, here := v.size(household(netip.MustParseAddr("2001:db8:1:2::1"))); all != 4 || here != 4 || len(v.shown) != 396 {
		t.Errorf("%d guests, %d of the network, %d shown out", all, here, len(v.shown))
	}
	if len(v.from) != 1 {
		t.Errorf("%d addresses are remembered", len(v.from))
	}
}

// TestCrowdKeepsWhoStays: a guest that stays keeps its place, and one that has
// left is not shown out.
func TestCrowdKeepsWhoStays(t *testing.T) {
	v := &visitors{crowd: newCrowd(2, 2)}
	a := v.come(t, "192.0.2.1", "a")
	v.come(t, "192.0.2.1", "b")
	a.stay()
	v.come(t, "192.0.2.2", "c")
	v.saw(t, "b")
	if !a.leave() || a.leave() {
		t.Error("a guest leaves once")
	}
	v.come(t, "192.0.2.3", "d")
	v.saw(t)
	if all, _ := v.size(netip.Prefix{}); all != 2 {
		t.Errorf("%d guests", all)
	}
	// Guests that cannot be shown out fill a crowd.
	q := newCrowd(2, 2)
	q.enter(household(netip.MustParseAddr("192.0.2.1")), nil)
	q.enter(household(netip.MustParseAddr("192.0.2.2")), nil)
	if g, _ := q.enter(household(netip.MustParseAddr("192.0.2.3")), nil); g != nil {
		t.Error("a place that is not there")
	}
}
