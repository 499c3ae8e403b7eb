package lan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

// stateOf is a machine that has these addresses.
func stateOf(ips ...string) State {
	var s State
	for _, ip := range ips {
		s.list = append(s.list, netip.MustParseAddr(ip))
	}
	return s
}

// Where a device is reached, by what its interfaces have: what leads to most
// comes first, and link-local addresses of IPv6 never.
func TestReach(t *testing.T) {
	t.Parallel()
	everywhere := []ma.Multiaddr{
		ma.StringCast("/ip6/::/udp/7/quic-v1"), ma.StringCast("/ip6/::/tcp/7"),
		ma.StringCast("/ip4/0.0.0.0/udp/7/quic-v1"), ma.StringCast("/ip4/0.0.0.0/tcp/7"),
	}
	for _, tc := range []struct {
		name   string
		listen []ma.Multiaddr
		has    []string
		want   []string
		only   bool // link-local addresses of IPv6, and there is a network
	}{
		{"all kinds", everywhere, []string{"127.0.0.1", "::1", "fe80::1", "169.254.1.1", "fd00::1", "192.0.2.1"}, []string{
			"/ip4/192.0.2.1/tcp/7", "/ip4/192.0.2.1/udp/7/quic-v1", "/ip6/fd00::1/tcp/7", "/ip6/fd00::1/udp/7/quic-v1",
			"/ip4/169.254.1.1/tcp/7", "/ip4/169.254.1.1/udp/7/quic-v1",
			"/ip4/127.0.0.1/tcp/7", "/ip4/127.0.0.1/udp/7/quic-v1", "/ip6/::1/tcp/7", "/ip6/::1/udp/7/quic-v1",
		}, false},
		{"no network", everywhere[3:], []string{"127.0.0.1", "::1"}, []string{"/ip4/127.0.0.1/tcp/7"}, false},
		{"link-local", everywhere[1:2], []string{"127.0.0.1", "::1", "fe80::1"}, []string{"/ip6/::1/tcp/7"}, true},
		{"link-local of IPv4", everywhere[3:], []string{"fe80::1", "169.254.1.1"}, []string{"/ip4/169.254.1.1/tcp/7"}, false},
		{"one that was chosen", []ma.Multiaddr{ma.StringCast("/ip4/192.0.2.9/tcp/7")}, []string{"192.0.2.1"}, []string{"/ip4/192.0.2.9/tcp/7"}, false},
		{"the system does not tell", everywhere, nil, nil, false},
	} {
		s := stateOf(tc.has...)
		var got []string
		for _, a := range s.Reach(tc.listen) {
			got = append(got, a.String())
		}
		if !slices.Equal(got, tc.want) || s.OnlyLinkLocal() != tc.only {
			t.Errorf("%s: only link-local %v, reached at\n%s\nwant\n%s", tc.name, s.OnlyLinkLocal(), strings.Join(got, "\n"), strings.Join(tc.want, "\n"))
		}
	}
}

// A beacon of a device that has other ports on IPv6 says both; one that has the
// same looks as it always did, and so does one that listens to one version only.
func TestBeaconPortsOfBothVersions(t *testing.T) {
	t.Parallel()
	key, ips := [32]byte{1}, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("fd00::1")}
	for _, tc := range []struct {
		v4, v6  Ports
		version byte
		want    string
	}{
		{Ports{1, 2}, Ports{1, 2}, beaconVersion, "[/ip4/192.0.2.1/udp/2/quic-v1 /ip4/192.0.2.1/tcp/1 /ip6/fd00::1/udp/2/quic-v1 /ip6/fd00::1/tcp/1]"},
		{Ports{1, 0}, Ports{}, beaconVersion, "[/ip4/192.0.2.1/tcp/1 /ip6/fd00::1/tcp/1]"},
		{Ports{}, Ports{0, 2}, beaconVersion, "[/ip4/192.0.2.1/udp/2/quic-v1 /ip6/fd00::1/udp/2/quic-v1]"},
		{Ports{1, 2}, Ports{3, 4}, beaconSplit, "[/ip4/192.0.2.1/udp/2/quic-v1 /ip4/192.0.2.1/tcp/1 /ip6/fd00::1/udp/4/quic-v1 /ip6/fd00::1/tcp/3]"},
		{Ports{1, 0}, Ports{0, 4}, beaconSplit, "[/ip4/192.0.2.1/tcp/1 /ip6/fd00::1/udp/4/quic-v1]"},
	} {
		b := beacon{slot: 9, v4: tc.v4, v6: tc.v6}
		got, _, ok := openBeacon(key, 7, "name", b.seal(key, 7, "name"))
		if !ok || got.slot != 9 || fmt.Sprint(got.at(ips)) != tc.want {
			t.Errorf("%v: opened %v as %v, at %v", b, ok, got, got.at(ips))
		}
		if plain := b.plain(); len(plain) != beaconPlain || plain[0] != tc.version {
			t.Errorf("%v: %x", b, plain)
		}
	}
	// There is one form for each.
	for _, b := range [][]byte{
		{beaconSplit, 0, 9, 0, 1, 0, 2, 0, 1, 0, 2}, // the same twice
		{beaconSplit, 0, 9, 0, 1, 0, 2},             // none on IPv6
		{beaconVersion, 0, 9, 0, 1, 0, 2, 0, 3, 0, 4},
		{3, 0, 9, 0, 1, 0, 2},
	} {
		if got, ok := parseBeacon(append(b, make([]byte, beaconPlain-len(b))...)); ok {
			t.Errorf("%x is taken as %v", b, got)
		}
	}
}
