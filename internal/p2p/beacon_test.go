package p2p_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/zeroconf/v2"

	"github.com/warifu/warifu/internal/p2p"
)

var (
	circleKey = [32]byte{1}
	otherKey  = [32]byte{2}
	noon      = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
)

func TestBeaconRoundTrip(t *testing.T) {
	t.Parallel()
	text := p2p.SealBeacon(circleKey, noon, "a", 7, 4001, 4002)
	for _, tc := range []struct {
		name     string
		key      [32]byte
		at       time.Time
		instance string
		text     string
		want     bool
	}{
		{"same", circleKey, noon, "a", text, true},
		{"clock-behind", circleKey, noon.Add(-p2p.BeaconEpoch), "a", text, true},
		{"clock-ahead", circleKey, noon.Add(p2p.BeaconEpoch), "a", text, true},
		{"too-old", circleKey, noon.Add(2 * p2p.BeaconEpoch), "a", text, false},
		{"from-the-future", circleKey, noon.Add(-2 * p2p.BeaconEpoch), "a", text, false},
		{"other-circle", otherKey, noon, "a", text, false},
		{"other-service", circleKey, noon, "b", text, false},
		{"truncated", circleKey, noon, "a", text[:len(text)-4], false},
		{"longer", circleKey, noon, "a", text + "AAAA", false},
		{"flipped", circleKey, noon, "a", "A" + strings.ToLower(text[1:]), false},
		{"empty", circleKey, noon, "a", "", false},
	} {
		slot, tcp, quic, ok := p2p.OpenBeacon(tc.key, tc.at, tc.instance, tc.text)
		if ok != tc.want {
			t.Errorf("%s: opened %v, want %v", tc.name, ok, tc.want)
		}
		if ok && (slot != 7 || tcp != 4001 || quic != 4002) {
			t.Errorf("%s: slot %d, ports %d and %d", tc.name, slot, tcp, quic)
		}
	}
}

// A beacon shows nothing that stays the same, and its text fits one string of a
// TXT record.
func TestBeaconIsUnlinkable(t *testing.T) {
	t.Parallel()
	a := p2p.SealBeacon(circleKey, noon, "a", 7, 4001, 4002)
	b := p2p.SealBeacon(circleKey, noon, "a", 7, 4001, 4002)
	c := p2p.SealBeacon(otherKey, noon, "a", 1, 0, 65535)
	if len(a) != len(b) || len(a) != len(c) {
		t.Error("lengths differ")
	}
	if len(a) > 255 {
		t.Errorf("%d characters", len(a))
	}
	same := 0
	for i := range a {
		if a[i] == b[i] {
			same++
		}
	}
	// Two random strings of n base64 characters agree in n/64 places.
	if same > len(a)/4 {
		t.Errorf("%d of %d characters are the same", same, len(a))
	}
}

func TestBeaconPlainIsStrict(t *testing.T) {
	t.Parallel()
	good := make([]byte, 32)
	good[0], good[2], good[4] = 1, 7, 80
	for _, tc := range []struct {
		name string
		edit func([]byte) []byte
		want bool
	}{
		{"good", func(b []byte) []byte { return b }, true},
		{"version", func(b []byte) []byte { b[0] = 2; return b }, false},
		{"slot-0", func(b []byte) []byte { b[2] = 0; return b }, false},
		{"no-port", func(b []byte) []byte { b[4] = 0; return b }, false},
		{"padding", func(b []byte) []byte { b[31] = 1; return b }, false},
		{"short", func(b []byte) []byte { return b[:31] }, false},
		{"long", func(b []byte) []byte { return append(b, 0) }, false},
	} {
		if got := p2p.ParseBeacon(tc.edit(append([]byte(nil), good...))); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// entry is what mDNS says of a device that listens on TCP port 4001.
func entry(key [32]byte, at time.Time, slot uint16, ips ...net.IP) *zeroconf.ServiceEntry {
	e := &zeroconf.ServiceEntry{AddrIPv4: ips}
	e.Instance = "0123"
	e.Text = []string{p2p.SealBeacon(key, at, e.Instance, slot, 4001, 0)}
	return e
}

// A sighting of a member makes it be dialed where the answer says; sightings of
// another circle, of an unknown slot and of the device itself do nothing.
func TestSighting(t *testing.T) {
	t.Parallel()
	l, err := p2p.New(p2p.Config{
		Key:       key(1),
		Listen:    []string{tcpOnly},
		Protocols: map[string]int{proto: 1},
		Now:       func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := canceled()
	defer cancel()
	defer l.Run(ended)
	id := []byte(idOf(t, 2))
	l.SetPeers(map[string][]string{string(id): nil})
	l.SetBeacon(circleKey, nil, 1, map[uint16][]byte{2: id, 4: []byte(idOf(t, 4))})

	l.OnLink("10.0.0.0/16", "127.0.0.0/8", "fe80::/64")

	here := net.IPv4(10, 0, 0, 1)
	for _, e := range []*zeroconf.ServiceEntry{
		entry(otherKey, noon, 2, here),
		entry(circleKey, noon.Add(-time.Hour), 2, here),
		entry(circleKey, noon, 3, here), // nobody's slot
		entry(circleKey, noon, 4, here), // not allowed
		entry(circleKey, noon, 1, here), // our own
		{},
	} {
		l.Sighted(e)
	}
	if got := l.Known(id); len(got) != 0 {
		t.Fatalf("learned %q", got)
	}
	e := entry(circleKey, noon, 2, here, net.IPv4(127, 0, 0, 1), net.IPv4(224, 0, 0, 1), net.IPv4zero)
	e.AddrIPv6 = []net.IP{net.ParseIP("fe80::1")}
	l.Sighted(e)
	if got := l.Known(id); len(got) != 1 || got[0] != "/ip4/10.0.0.1/tcp/4001" {
		t.Errorf("learned %q", got)
	}
	// A member that is behind shows the beacon of an older key.
	l.SetBeacon(circleKey, [][32]byte{otherKey}, 1, map[uint16][]byte{2: id})
	l.Sighted(entry(otherKey, noon, 2, net.IPv4(10, 0, 0, 2)))
	if got := l.Known(id); len(got) != 2 {
		t.Errorf("learned %q", got)
	}
	for i := range 100 {
		l.Sighted(entry(circleKey, noon, 2, net.IPv4(10, 0, 1, byte(i))))
	}
	if got := l.Known(id); len(got) > 8 {
		t.Errorf("%d addresses are kept", len(got))
	}
}

// TestReplayedBeacon: somebody who has heard a beacon says it again, elsewhere
// or with other addresses. It leads to addresses of the network that the device
// is on and to no other, to a few of those, and to none once its device has
// shown the beacon of a later quarter of an hour.
func TestReplayedBeacon(t *testing.T) {
	t.Parallel()
	l, err := p2p.New(p2p.Config{
		Key:       key(1),
		Listen:    []string{tcpOnly},
		Protocols: map[string]int{proto: 1},
		Now:       func() time.Time { return noon },
	})
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := canceled()
	defer cancel()
	defer l.Run(ended)
	id := []byte(idOf(t, 2))
	l.SetPeers(map[string][]string{string(id): nil})
	l.SetBeacon(circleKey, nil, 1, map[uint16][]byte{2: id})
	l.OnLink("192.168.7.0/24", "2001:db8:1::/64")

	heard := entry(circleKey, noon, 2)
	say := func(e *zeroconf.ServiceEntry, ips ...string) {
		again := *e
		for _, ip := range ips {
			again.AddrIPv4 = append(again.AddrIPv4, net.ParseIP(ip))
		}
		l.Sighted(&again)
	}
	say(heard, "203.0.113.1", "8.8.8.8", "10.0.0.1", "192.168.8.1", "2001:db8:2::1", "169.254.1.1")
	if got := l.Known(id); len(got) != 0 {
		t.Errorf("led to %q", got)
	}
	say(heard, "192.168.7.1", "203.0.113.1", "2001:db8:1::1")
	if got := l.Known(id); !sameAddrs(got, []string{"/ip4/192.168.7.1/tcp/4001", "/ip6/2001:db8:1::1/tcp/4001"}) {
		t.Errorf("led to %q", got)
	}
	tried := map[string]bool{}
	for i := range 200 {
		say(heard, fmt.Sprintf("192.168.7.%d", i))
		for _, a := range l.Known(id) {
			tried[a] = true
		}
	}
	if len(tried) > p2p.MaxBeaconAddrs {
		t.Errorf("one beacon led to %d addresses", len(tried))
	}
	// A newer one, as clocks may differ by a quarter of an hour.
	say(entry(circleKey, noon.Add(p2p.BeaconEpoch), 2), "192.168.7.200")
	before := l.Known(id)
	say(entry(circleKey, noon, 2), "192.168.7.201")
	say(heard, "192.168.7.202")
	if got := l.Known(id); !sameAddrs(got, before) || !strings.Contains(strings.Join(got, " "), "192.168.7.200") {
		t.Errorf("an old beacon led to %q, after %q", got, before)
	}
	for range 100 {
		say(entry(circleKey, noon.Add(p2p.BeaconEpoch), 2), "192.168.7.200")
	}
	if n := l.BeaconsKept(); n > p2p.MaxBeaconTexts {
		t.Errorf("%d beacons are remembered", n)
	}
}

func FuzzBeacon(f *testing.F) {
	f.Add(make([]byte, 32), p2p.SealBeacon(circleKey, noon, "a", 7, 4001, 4002))
	f.Add([]byte{1, 0, 7, 0, 80}, "")
	f.Add([]byte{}, strings.Repeat("A", 96))
	f.Fuzz(func(t *testing.T, plain []byte, text string) {
		p2p.ParseBeacon(plain)
		if slot, tcp, quic, ok := p2p.OpenBeacon(circleKey, noon, "a", text); ok && (slot != 7 || tcp != 4001 || quic != 4002) {
			t.Errorf("forged: slot %d, ports %d and %d", slot, tcp, quic)
		}
	})
}
