package lan

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/zeroconf/v2"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/pairing"
)

// A shower is a host that shows codes, as others see it.
type shower struct {
	id     peer.ID
	listen []ma.Multiaddr
}

// Peer returns its binary peer id.
func (h *shower) Peer() []byte { return []byte(h.id) }

var showers atomic.Uint32

// codeHost is a host that nobody has been before, at ports of its own.
func codeHost(t testing.TB) *shower {
	t.Helper()
	n := showers.Add(1)
	_, key, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPublicKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return &shower{id, []ma.Multiaddr{
		ma.StringCast(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", 4000+n)),
		ma.StringCast(fmt.Sprintf("/ip4/127.0.0.1/udp/%d/quic-v1", 4000+n)),
	}}
}

func parseCode(t testing.TB, s string) pairing.Code {
	t.Helper()
	c, err := pairing.ParseCode(s)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// announce announces a code on this machine until the test ends.
func announce(t *testing.T, h *shower, c pairing.Code) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := AnnounceCode(ctx, h.id, h.listen, c, true); !errors.Is(err, context.Canceled) {
			t.Errorf("AnnounceCode = %v", err)
		}
	})
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// otherCode returns a code whose hint for a host is not that of c.
func otherCode(t *testing.T, c pairing.Code, h *shower) pairing.Code {
	t.Helper()
	for i := byte('0'); ; i++ {
		if o := parseCode(t, "8765432"+string(i)); o.Hint(h.Peer()) != c.Hint(h.Peer()) {
			return o
		}
	}
}

// TestFindsItsCode lets two devices show codes on one machine and looks for
// one of them. It uses real multicast on the loopback interface.
func TestFindsItsCode(t *testing.T) {
	t.Parallel()
	ours, theirs := codeHost(t), codeHost(t)
	code := parseCode(t, "1234 5678")
	announce(t, theirs, otherCode(t, code, theirs))
	announce(t, ours, code)

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var got CodeHost
	if err := FindCode(ctx, code, true, func(h CodeHost) bool {
		if string(h.Peer) == string(theirs.Peer()) {
			t.Error("found a device whose hint is another")
		}
		// Other tests announce codes at the same time, and one in 64 has the
		// same hint.
		got = h
		return string(h.Peer) != string(ours.Peer())
	}); err != nil {
		t.Fatal(err)
	}
	for _, a := range ours.listen {
		found := false
		for _, b := range got.Addrs {
			found = found || string(a.Bytes()) == string(b)
		}
		if !found {
			t.Error("an address is missing")
		}
	}
}

// TestFindCodeGivesUp: a neighbour that seems to show every code gains no more
// than three guesses.
func TestFindCodeGivesUp(t *testing.T) {
	t.Parallel()
	code := parseCode(t, "0000 0000")
	for range pairing.MaxTries + 1 {
		announce(t, codeHost(t), code)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	peers := map[string]bool{}
	err := FindCode(ctx, code, true, func(h CodeHost) bool {
		peers[string(h.Peer)] = true
		return true
	})
	if err != errCodeHosts || len(peers) != pairing.MaxTries {
		t.Errorf("%d devices tried, and %v", len(peers), err)
	}
}

func TestFindCodeEndsWithContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := FindCode(ctx, parseCode(t, "1111 1111"), true, func(CodeHost) bool { return true }); !errors.Is(err, context.Canceled) {
		t.Errorf("FindCode = %v", err)
	}
	h := codeHost(t)
	if err := AnnounceCode(ctx, h.id, h.listen, parseCode(t, "1111 1111"), true); !errors.Is(err, context.Canceled) {
		t.Errorf("AnnounceCode = %v", err)
	}
	if err := AnnounceCode(ctx, h.id, nil, parseCode(t, "1111 1111"), true); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a host that does not listen is announced: %v", err)
	}
}

// TestCodeSearchJudges gives a search what a network may contain.
func TestCodeSearchJudges(t *testing.T) {
	t.Parallel()
	h := codeHost(t)
	code := parseCode(t, "1234 5678")
	good := codeBeacon{peer: h.id, tcp: 4001, quic: 4002, hint: code.Hint(h.Peer())}
	lan := []net.IP{net.IPv4(192, 0, 2, 7)}
	for name, row := range map[string]struct {
		text  []string
		ips   []net.IP
		local bool
		want  int // addresses of the host that is found, or 0
	}{
		"good":               {[]string{good.text()}, lan, false, 2},
		"tcp-only":           {[]string{codeBeacon{peer: good.peer, tcp: 1, hint: good.hint}.text()}, lan, false, 1},
		"both-versions":      {[]string{good.text()}, append(lan, net.ParseIP("2001:db8::7")), false, 4},
		"too-many":           {[]string{good.text()}, append(lan, lan[0], lan[0], lan[0], lan[0], lan[0]), false, 8},
		"loopback-on-a-lan":  {[]string{good.text()}, []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}, false, 0},
		"loopback":           {[]string{good.text()}, []net.IP{net.IPv4(127, 0, 0, 1)}, true, 2},
		"useless-addresses":  {[]string{good.text()}, []net.IP{net.IPv4zero, net.IPv4bcast, net.IPv4(224, 0, 0, 1), net.ParseIP("fe80::1"), {1, 2, 3}}, true, 0},
		"of-elsewhere":       {[]string{good.text()}, []net.IP{net.IPv4(203, 0, 113, 7), net.IPv4(10, 0, 0, 7), net.ParseIP("2001:db8:1::7")}, false, 0},
		"of-elsewhere-local": {[]string{good.text()}, []net.IP{net.IPv4(203, 0, 113, 7)}, true, 0},
		"partly-elsewhere":   {[]string{good.text()}, append(lan, net.IPv4(203, 0, 113, 7)), false, 2},
		"no-address":         {[]string{good.text()}, nil, false, 0},
		"no-text":            {nil, lan, false, 0},
		"two-texts":          {[]string{good.text(), good.text()}, lan, false, 0},
		"another-hint":       {[]string{codeBeacon{peer: good.peer, tcp: 1, hint: good.hint ^ 1}.text()}, lan, false, 0},
		"hint-of-seven-bits": {[]string{codeBeacon{peer: good.peer, tcp: 1, hint: good.hint | 64}.text()}, lan, false, 0},
		"no-port":            {[]string{codeBeacon{peer: good.peer, hint: good.hint}.text()}, lan, false, 0},
		"another-version":    {[]string{"2" + good.text()[1:]}, lan, false, 0},
		"not-ours":           {[]string{"txtvers=1"}, lan, false, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hosts := make(chan CodeHost, pairing.MaxTries)
			s := codeSearch{code: code, hosts: hosts, seen: make(map[string]*codeVisits), onLink: func(ip netip.Addr) bool {
				return slices.ContainsFunc([]string{"192.0.2.0/24", "2001:db8::/64", "127.0.0.0/8", "fe80::/64"}, func(p string) bool {
					return netip.MustParsePrefix(p).Contains(ip.Unmap())
				})
			}}
			e := &zeroconf.ServiceEntry{Text: row.text, AddrIPv4: row.ips}
			s.take(e, row.local)
			s.take(e, row.local)
			close(hosts)
			got := 0
			for h := range hosts {
				got += len(h.Addrs)
				for _, a := range h.Addrs {
					if _, err := ma.NewMultiaddrBytes(a); err != nil {
						t.Error(err)
					}
				}
			}
			if got != row.want {
				t.Errorf("%d addresses, want %d", got, row.want)
			}
		})
	}
}

func FuzzParseCodeBeacon(f *testing.F) {
	id := codeHost(f).id
	good := codeBeacon{peer: id, tcp: 4001, quic: 4002, hint: 63}.text()
	f.Add(good)
	f.Add(strings.Replace(good, " 4001", " 04001", 1))
	f.Add(good + " ")
	f.Add("1 QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWEz79ojWnPbdG 0 1 0")
	f.Fuzz(func(t *testing.T, s string) {
		if b, ok := parseCodeBeacon(s); ok && b.text() != s {
			t.Fatal("two texts of one beacon")
		}
	})
}
