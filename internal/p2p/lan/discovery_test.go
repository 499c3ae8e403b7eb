package lan

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/zeroconf/v2"
	ma "github.com/multiformats/go-multiaddr"
)

// entry is what mDNS says of a device that listens on TCP port 4001.
func entry(key [32]byte, at time.Time, slot uint16, ips ...net.IP) *zeroconf.ServiceEntry {
	e := &zeroconf.ServiceEntry{AddrIPv4: ips}
	e.Instance = "0123"
	e.Text = []string{sealBeacon(key, at, e.Instance, slot, 4001, 0)}
	return e
}

// A finder is a discovery at noon, in slot 1, that wants to know where "two" is,
// and what it was led to.
type finder struct {
	*Discovery
	led []string // each address once, in order
}

func newFinder(t *testing.T, networks ...string) *finder {
	f := new(finder)
	f.Discovery = NewDiscovery(Config{
		Now:     func() time.Time { return noon },
		Allowed: func(id peer.ID) bool { return id == "two" },
		Sighted: func(id peer.ID, slot uint16, addrs []ma.Multiaddr) {
			if id != "two" || slot != 2 {
				t.Errorf("slot %d, %q", slot, id)
			}
			for _, a := range addrs {
				if !slices.Contains(f.led, a.String()) {
					f.led = append(f.led, a.String())
				}
			}
		},
		Log: slog.New(slog.DiscardHandler),
	})
	f.onLink = func() func(netip.Addr) bool {
		return func(ip netip.Addr) bool {
			return slices.ContainsFunc(networks, func(p string) bool { return netip.MustParsePrefix(p).Contains(ip.Unmap()) })
		}
	}
	f.Set(circleKey, nil, 1, map[uint16][]byte{2: []byte("two"), 4: []byte("four")})
	return f
}

// hear judges a service that was found, as if mDNS had.
func (f *finder) hear(e *zeroconf.ServiceEntry) { f.sighted(f.circle(), e) }

// A sighting of a member leads where the answer says; sightings of another circle,
// of an unknown slot and of the device itself lead nowhere.
func TestSighting(t *testing.T) {
	t.Parallel()
	f := newFinder(t, "10.0.0.0/16", "127.0.0.0/8", "fe80::/64")
	here := net.IPv4(10, 0, 0, 1)
	for _, e := range []*zeroconf.ServiceEntry{
		entry(otherKey, noon, 2, here),
		entry(circleKey, noon.Add(-time.Hour), 2, here),
		entry(circleKey, noon, 3, here), // nobody's slot
		entry(circleKey, noon, 4, here), // not allowed
		entry(circleKey, noon, 1, here), // our own
		{},
	} {
		f.hear(e)
	}
	if len(f.led) != 0 {
		t.Fatalf("led to %q", f.led)
	}
	e := entry(circleKey, noon, 2, here, net.IPv4(127, 0, 0, 1), net.IPv4(224, 0, 0, 1), net.IPv4zero)
	e.AddrIPv6 = []net.IP{net.ParseIP("fe80::1")}
	f.hear(e)
	if len(f.led) != 1 || f.led[0] != "/ip4/10.0.0.1/tcp/4001" {
		t.Errorf("led to %q", f.led)
	}
	// A member that is behind shows the beacon of an older key.
	f.Set(circleKey, [][32]byte{otherKey}, 1, map[uint16][]byte{2: []byte("two")})
	f.hear(entry(otherKey, noon, 2, net.IPv4(10, 0, 0, 2)))
	if len(f.led) != 2 {
		t.Errorf("led to %q", f.led)
	}
}

// TestReplayedBeacon: somebody who has heard a beacon says it again, elsewhere
// or with other addresses. It leads to addresses of the network that the device
// is on and to no other, to a few of those, and to none once its device has
// shown the beacon of a later quarter of an hour.
func TestReplayedBeacon(t *testing.T) {
	t.Parallel()
	f := newFinder(t, "192.168.7.0/24", "2001:db8:1::/64")
	heard := entry(circleKey, noon, 2)
	say := func(e *zeroconf.ServiceEntry, ips ...string) {
		again := *e
		for _, ip := range ips {
			again.AddrIPv4 = append(again.AddrIPv4, net.ParseIP(ip))
		}
		f.hear(&again)
	}
	say(heard, "203.0.113.1", "8.8.8.8", "10.0.0.1", "192.168.8.1", "2001:db8:2::1", "169.254.1.1")
	if len(f.led) != 0 {
		t.Errorf("led to %q", f.led)
	}
	say(heard, "192.168.7.1", "203.0.113.1", "2001:db8:1::1")
	if want := []string{"/ip4/192.168.7.1/tcp/4001", "/ip6/2001:db8:1::1/tcp/4001"}; !slices.Equal(f.led, want) {
		t.Errorf("led to %q", f.led)
	}
	for i := range 200 {
		say(heard, fmt.Sprintf("192.168.7.%d", i))
	}
	if len(f.led) > MaxAddrs {
		t.Errorf("one beacon led to %d addresses", len(f.led))
	}
	// A newer one, as clocks may differ by a quarter of an hour.
	say(entry(circleKey, noon.Add(beaconEpoch), 2), "192.168.7.200")
	before := len(f.led)
	say(entry(circleKey, noon, 2), "192.168.7.201")
	say(heard, "192.168.7.202")
	if len(f.led) != before || !strings.Contains(f.led[before-1], "192.168.7.200") {
		t.Errorf("an old beacon led to %q", f.led[before-1:])
	}
	for range 100 {
		say(entry(circleKey, noon.Add(beaconEpoch), 2), "192.168.7.200")
	}
	if n := len(f.seen[2].texts); n > maxBeaconTexts {
		t.Errorf("%d beacons are remembered", n)
	}
}
