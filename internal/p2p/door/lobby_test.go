package door

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// newTestLobby is a lobby at which 192.0.2.1 is a peer's.
func newTestLobby(t *testing.T, patience time.Duration) (l *Lobby, told map[bool]int) {
	t.Helper()
	m, err := newResources(map[string]int{"/test/1": 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	told = map[bool]int{}
	known := netip.MustParseAddr("192.0.2.1")
	return newLobby(m, patience, func(ip netip.Addr) bool { return ip == known }, func(_ string, away bool) { told[away]++ }), told
}

func tcpFrom(ip string, port int) ma.Multiaddr {
	return ma.StringCast(fmt.Sprintf("/ip4/%s/tcp/%d", ip, port))
}

// TestLobbyKeepsPlacesForPeers: strangers from as many addresses as they like
// have their places and no more, and a peer's address has its own.
func TestLobbyKeepsPlacesForPeers(t *testing.T) {
	l, told := newTestLobby(t, time.Hour)
	in := 0
	quic := func(ip string) error {
		_, err := l.OpenConnection(network.DirInbound, false, ma.StringCast("/ip4/"+ip+"/udp/1/quic-v1"))
		return err
	}
	for i := range 100 {
		if quic(fmt.Sprintf("198.51.100.%d", i)) == nil {
			in++
		}
	}
	if in != MaxWaiting || told[true] != 100-MaxWaiting {
		t.Errorf("%d strangers wait, %d were turned away", in, told[true])
	}
	for range MaxPerAddr {
		if err := quic("192.0.2.1"); err != nil {
			t.Fatalf("a peer's address: %v", err)
		}
	}
	if quic("192.0.2.1") == nil {
		t.Error("an address holds more than its places")
	}
	// The handshakes of QUIC take none of the places of TCP.
	shown := 0
	for i := range 100 {
		if _, err := l.admit(true, tcpFrom(fmt.Sprintf("198.51.100.%d", i), 1), func() { shown++ }); err != nil {
			t.Fatal(err)
		}
	}
	if all, _ := l.strangers.tcp.size(netip.Prefix{}); all != MaxWaiting || shown != 100-MaxWaiting || told[false] != shown {
		t.Errorf("%d strangers wait, %d were shown out, %d told", all, shown, told[false])
	}
	if _, err := l.admit(true, tcpFrom("192.0.2.1", 1), func() {}); err != nil || shown != 100-MaxWaiting {
		t.Errorf("a peer's address: %v, %d shown out", err, shown)
	}
}

// TestLobbyRates: what one address may begin, what all strangers together, and
// that a peer's address and this machine wait for nobody.
func TestLobbyRates(t *testing.T) {
	l, told := newTestLobby(t, time.Hour)
	many := func(n int, ip func(i int) string) (in int) {
		for i := range n {
			s, err := l.admit(true, tcpFrom(ip(i), i+1), func() {})
			if err == nil {
				in++
				s.Done()
			}
		}
		return in
	}
	of := func(ip string) func(int) string { return func(int) string { return ip } }
	// The rates go on while the test does: a few more may come in.
	near := func(what string, got, want int) {
		t.Helper()
		if got < want || got > want+want/4 {
			t.Errorf("%s: %d, want about %d", what, got, want)
		}
	}
	near("one stranger", many(400, of("198.51.100.1")), strangerRate.Burst)
	near("all strangers", strangerRate.Burst+many(1000, func(i int) string { return fmt.Sprintf("203.0.113.%d", i%200) }), allStrangersRate.Burst)
	near("a peer", many(400, of("192.0.2.1")), peerRate.Burst)
	if n := many(400, of("127.0.0.1")); n != 400 {
		t.Errorf("this machine: %d of 400", n)
	}
	if told[true] == 0 || told[false] != 0 {
		t.Errorf("told %v", told)
	}
}

// TestLobbyShowsOutWhoIsSilent: the place of a connection is free when its time
// is over, when it shows whose it is, and when it ends, once each.
func TestLobbyShowsOutWhoIsSilent(t *testing.T) {
	l, told := newTestLobby(t, time.Millisecond)
	out := make(chan struct{}, 2)
	s, err := l.admit(true, tcpFrom("198.51.100.1", 1), func() { out <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	<-out
	s.Done()
	l.patience = time.Hour
	a, err := l.admit(true, tcpFrom("198.51.100.1", 2), func() { out <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.admit(true, tcpFrom("198.51.100.1", 3), func() { out <- struct{}{} })
	if err != nil {
		t.Fatal(err)
	}
	if all, _ := l.strangers.tcp.size(netip.Prefix{}); all != 2 {
		t.Errorf("%d wait, want 2", all)
	}
	if err := a.SetPeer(peer.ID("somebody")); err != nil {
		t.Fatal(err)
	}
	b.Done()
	if all, _ := l.strangers.tcp.size(netip.Prefix{}); all != 0 {
		t.Errorf("%d wait, want none", all)
	}
	a.Done()
	if len(out) != 0 || told[false] != 1 {
		t.Errorf("%d more shown out, %d told", len(out), told[false])
	}
}

// TestLobbyAsksForAProofOfTheAddress: a second handshake of QUIC from an
// address, and any while many wait, is begun only with one.
func TestLobbyAsksForAProofOfTheAddress(t *testing.T) {
	l, _ := newTestLobby(t, time.Hour)
	asks := func(ip string) bool {
		return l.VerifySourceAddress(net.UDPAddrFromAddrPort(netip.MustParseAddrPort(ip + ":1")))
	}
	open := func(ip string) {
		t.Helper()
		if _, err := l.OpenConnection(network.DirInbound, false, ma.StringCast("/ip4/"+ip+"/udp/1/quic-v1")); err != nil {
			t.Fatal(err)
		}
	}
	if asks("192.0.2.1") || asks("198.51.100.1") {
		t.Error("asks while nobody waits")
	}
	open("192.0.2.1")
	if !asks("192.0.2.1") || asks("198.51.100.1") {
		t.Error("an address that waits already is to be proved, and no other")
	}
	for i := range MaxWaiting/4 + 1 {
		open(fmt.Sprintf("198.51.100.%d", i))
	}
	if !asks("203.0.113.1") {
		t.Error("does not ask while many wait")
	}
}
