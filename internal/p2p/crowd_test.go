package p2p

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
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

// newTestLobby is a lobby at which 192.0.2.1 is a peer's.
func newTestLobby(t *testing.T, patience time.Duration) (l *lobby, told map[bool]int) {
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
	if in != lobbyPlaces || told[true] != 100-lobbyPlaces {
		t.Errorf("%d strangers wait, %d were turned away", in, told[true])
	}
	for range lobbyPerAddr {
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
	if all, _ := l.strangers.tcp.size(netip.Prefix{}); all != lobbyPlaces || shown != 100-lobbyPlaces || told[false] != shown {
		t.Errorf("%d strangers wait, %d were shown out, %d told", all, shown, told[false])
	}
	if _, err := l.admit(true, tcpFrom("192.0.2.1", 1), func() {}); err != nil || shown != 100-lobbyPlaces {
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
	for i := range lobbyPlaces/4 + 1 {
		open(fmt.Sprintf("198.51.100.%d", i))
	}
	if !asks("203.0.113.1") {
		t.Error("does not ask while many wait")
	}
}

// TestCensusIsBounded: of any number of strangers and addresses a report names
// a few and counts the rest.
func TestCensusIsBounded(t *testing.T) {
	reports := make(chan Strangers, 10)
	c := newCensus(0, func(f func()) bool { f(); return true }, func(s Strangers) { reports <- s })
	c.due = true // none before the end
	for i := range 10 * maxStrangers {
		c.refuse(peer.ID(fmt.Sprint(i)), "/ip4/192.0.2.1/tcp/1")
		c.unheard(fmt.Sprintf("/ip4/198.51.%d.%d/tcp/1", i/200, i%200), i%2 == 0)
	}
	c.unheard("/ip4/198.51.0.7/tcp/2", false)
	if len(c.busy) > maxStrangers {
		t.Errorf("%d addresses are counted", len(c.busy))
	}
	c.deliver()
	s := <-reports
	all := 0
	for _, r := range s.Refused {
		all += r.Count
	}
	if len(s.Refused) != maxStrangers+1 || all != 10*maxStrangers {
		t.Errorf("%d strangers are told apart, and %d counted", len(s.Refused), all)
	}
	if s.Unheard != 5*maxStrangers+1 || s.TurnedAway != 5*maxStrangers || len(s.From) != maxBusiest || s.From[0] != "198.51.0.7" {
		t.Errorf("unheard %d, turned away %d, from %q", s.Unheard, s.TurnedAway, s.From)
	}
	if len(reports) != 0 || len(c.busy) != 0 || len(c.refused) != 0 {
		t.Error("something is left after the report")
	}
}
