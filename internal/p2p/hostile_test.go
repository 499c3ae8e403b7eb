package p2p_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p"
)

func TestStrangerRefused(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, listen string }{{"tcp", tcpOnly}, {"quic", quicOnly}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a := start(t, 1, tc.listen)
			a.link.SetPeers(map[string][]string{idOf(t, 2): nil})
			r := rawPeer(t, 3, 3)
			r.connect(a) // may seem to succeed
			if e := a.wait("stranger", nil); !strings.HasPrefix(e.text, "/ip4/127.0.0.1/") || e.peer != idOf(t, 3) {
				t.Errorf("stranger %x at %q", e.peer, e.text)
			}
			for _, name := range []string{proto, "/warifu/hello/1", "/ipfs/id/1.0.0"} {
				if s, err := r.stream(a, name); err == nil {
					if _, err := s.Read(make([]byte, 1)); err == nil {
						t.Errorf("a stranger was answered on %s", name)
					}
				}
			}
			id := peer.ID(a.id())
			if got, _ := r.host.Peerstore().GetProtocols(id); len(got) != 0 {
				t.Errorf("a stranger learned the protocols %v", got)
			}
			if agent, err := r.host.Peerstore().Get(id, "AgentVersion"); err == nil {
				t.Errorf("a stranger learned the agent %v", agent)
			}
		})
	}
}

func TestNobodyBeforeRun(t *testing.T) {
	t.Parallel()
	l, err := p2p.New(p2p.Config{Key: key(1), Listen: []string{tcpOnly}, Protocols: map[string]int{proto: 1}})
	if err != nil {
		t.Fatal(err)
	}
	l.SetPeers(map[string][]string{idOf(t, 2): nil})
	r := rawPeer(t, 2, 2)
	if err := r.connect(&node{link: l}); err == nil {
		t.Error("a connection was let in before Run")
	}
	ended, cancel := canceled()
	defer cancel()
	if err := l.Run(ended); err != nil {
		t.Fatal(err)
	}
	if err := l.Run(ended); err == nil {
		t.Error("a second Run began")
	}
}

func TestUnansweredHelloIsNotUp(t *testing.T) {
	t.Parallel()
	a := startWith(t, p2p.NewHasty, 1, tcpOnly)
	a.link.SetPeers(map[string][]string{idOf(t, 2): nil})
	r := rawPeer(t, 2, 0)
	closed := make(chan struct{}, 16)
	r.host.Network().Notify(&network.NotifyBundle{
		DisconnectedF: func(network.Network, network.Conn) { closed <- struct{}{} },
	})
	if err := r.connect(a); err != nil {
		t.Fatal(err)
	}
	<-closed
	if a.link.Connected([]byte(idOf(t, 2))) {
		t.Error("up without a hello")
	}
	if strings.Contains(a.log.String(), "peer up") {
		t.Error("was up without a hello")
	}
}

// One side allows, the other does not: the dialer's handshake succeeds, and it
// must not take that for a welcome.
func TestOneSidedIsNotUp(t *testing.T) {
	t.Parallel()
	a, b := start(t, 1, quicOnly), start(t, 2, quicOnly)
	a.allow(b)
	b.wait("stranger", nil)
	b.wait("stranger", nil) // it has tried again
	if a.link.Connected(b.link.ID()) || strings.Contains(a.log.String(), "peer up") {
		t.Error("up with a device that does not allow it")
	}
	b.allow(a)
	a.waitUp(b.id())
}

func TestRemovedPeerIsCut(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{tcpOnly, quicOnly} {
		a, b := together(t, listen)
		a.link.SetPeers(nil)
		if err := a.link.Send(b.link.ID(), proto, []byte("x")); err == nil {
			t.Error("sent to a removed peer")
		}
		a.wait("down", func(e event) bool { return e.peer == b.id() && e.text == "it is no longer allowed" })
		b.wait("down", nil)
		a.wait("stranger", nil) // b keeps trying, in vain
		if b.link.Connected(a.link.ID()) {
			t.Error("still connected")
		}
		a.allow(b)
		a.waitUp(b.id())
		b.waitUp(a.id())
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	flood := func(r raw, a *node, n, size int) network.Stream {
		s := r.write(a, proto, nil)
		msg := framed(strings.Repeat("x", size))
		for range n {
			if _, err := s.Write(msg); err != nil {
				break
			}
		}
		return s
	}
	for _, tc := range []struct {
		name string
		do   func(r raw, a *node) network.Stream
		want string
	}{
		{"floods-bytes", func(r raw, a *node) network.Stream { return flood(r, a, 100, maxProto) }, "it floods"},
		{"floods-messages", func(r raw, a *node) network.Stream { return flood(r, a, 200, 1) }, "it floods"},
		{"oversized", func(r raw, a *node) network.Stream { return r.write(a, proto, []byte{0, 1, 0, 1}) }, "it sends malformed messages"},
		{"enormous", func(r raw, a *node) network.Stream { return r.write(a, proto, []byte("\xff\xff\xff\xff")) }, "it sends malformed messages"},
		{"garbage", func(r raw, a *node) network.Stream { return r.write(a, proto, []byte("GET / HTTP/1.1\r\n\r\n")) }, "it sends malformed messages"},
		{"empty", func(r raw, a *node) network.Stream { return r.write(a, proto, []byte{0, 0, 0, 0}) }, "it sends malformed messages"},
		{"truncated", func(r raw, a *node) network.Stream {
			s := r.write(a, proto, []byte{0, 0, 0, 9, 'x'})
			s.CloseWrite()
			return s
		}, "it sends malformed messages"},
		{"stalls-in-length", func(r raw, a *node) network.Stream { return r.write(a, proto, []byte{0, 0}) }, "it stalls in the middle of a message"},
		{"stalls-in-body", func(r raw, a *node) network.Stream { return r.write(a, proto, []byte{0, 0, 0, 9, 'x'}) }, "it stalls in the middle of a message"},
	} {
		for _, listen := range []string{tcpOnly, quicOnly} {
			t.Run(tc.name+"-"+strings.SplitN(listen, "/", 5)[3], func(t *testing.T) {
				t.Parallel()
				build := p2p.NewStingy
				if strings.HasPrefix(tc.name, "stalls") {
					build = p2p.NewHasty
				}
				a := startWith(t, build, 1, listen, func(c *p2p.Config) { c.OnMessage = nil })
				r := join(t, a, 2)
				s := tc.do(r, a)
				if e := a.wait("fault", nil); e.text != tc.want || e.peer != inLog(idOf(t, 2)) {
					t.Errorf("fault %q, want %q", e.text, tc.want)
				}
				r.isReset(s)
				if log := a.log.String(); !strings.Contains(log, inLog(idOf(t, 2))) || !strings.Contains(log, tc.want) {
					t.Error("the log does not name the peer and what it did")
				}
			})
		}
	}
}

func TestFloodOfStreams(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	a := start(t, 1, tcpOnly, func(c *p2p.Config) { c.OnMessage = func([]byte, string, []byte) { <-block } })
	defer close(block)
	r := join(t, a, 2)
	for range p2p.MaxStreams + 1 {
		r.write(a, proto, framed("x"))
	}
	if e := a.wait("fault", nil); e.text != "it opens too many streams" {
		t.Errorf("fault %q", e.text)
	}
}

func TestFloodOfHellos(t *testing.T) {
	t.Parallel()
	a := startWith(t, p2p.NewStingy, 1, tcpOnly)
	r := join(t, a, 2)
	go func() {
		for {
			s, err := r.stream(a, "/warifu/hello/1")
			if err != nil {
				return // cut off
			}
			if _, err := s.Write(make([]byte, 16)); err != nil {
				return
			}
			s.Close()
		}
	}()
	if e := a.wait("fault", nil); e.text != "it floods" {
		t.Errorf("fault %q", e.text)
	}
}

func TestQuarantine(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly)
	r := join(t, a, 2)
	// A stream may be reset because the one before it is still being cleared
	// away, unread: what counts is that enough of them are read.
	for range 8 * p2p.MaxFaults {
		s, err := r.stream(a, proto)
		if err != nil {
			break // cut off
		}
		if _, err := s.Write([]byte{0, 0, 0, 0}); err != nil {
			continue
		}
		io.Copy(io.Discard, s)
	}
	a.wait("down", func(e event) bool { return e.text == "it was cut off for breaking the rules" })
	r.connect(a)
	a.wait("stranger", nil)
	if a.link.Connected([]byte(idOf(t, 2))) {
		t.Error("up again at once")
	}
}

// TestCallerTellsOfFaults: what the caller calls a fault counts like one of the
// link's own, and of a peer that is not allowed it counts nothing.
func TestCallerTellsOfFaults(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly)
	join(t, a, 2)
	a.link.Fault([]byte(idOf(t, 3)), "it is nobody")
	for range p2p.MaxFaults {
		a.link.Fault([]byte(idOf(t, 2)), "it lies")
	}
	a.wait("down", func(e event) bool { return e.text == "it was cut off for breaking the rules" })
}

func TestNothingBeforeUp(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly, func(c *p2p.Config) {
		up := c.OnUp
		c.OnUp = func(p []byte) { time.Sleep(50 * time.Millisecond); up(p) } // a slow caller
	})
	a.link.SetPeers(map[string][]string{idOf(t, 2): nil})
	r := rawPeer(t, 2, 2)
	if err := r.connect(a); err != nil {
		t.Fatal(err)
	}
	r.write(a, proto, framed("early"))
	if e := <-a.events; e.what != "up" {
		t.Errorf("first event %q, want up", e.what)
	}
	a.wait("msg", nil)
}

// A stream that was given up without a word, with its successor open: what is
// left in the first is delivered first.
func TestSupersededStream(t *testing.T) {
	t.Parallel()
	a := startWith(t, p2p.NewHasty, 1, tcpOnly)
	r := join(t, a, 2)
	for i := range 2 * p2p.MaxStreams {
		r.write(a, proto, framed(fmt.Sprint(i)))
		if e := a.wait("msg", nil); e.text != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, e.text)
		}
	}
	if strings.Contains(a.log.String(), "fault") {
		t.Error("a fault was found")
	}
}

// A process that was killed leaves a connection that looks alive. The hello of
// the next one shows that it is another.
func TestRestartedProcess(t *testing.T) {
	t.Parallel()
	a := start(t, 1, quicOnly)
	join(t, a, 2)
	again := rawPeer(t, 2, 99)
	if err := again.connect(a); err != nil {
		t.Fatal(err)
	}
	a.wait("down", func(e event) bool { return e.text == "it was restarted" })
	a.waitUp(idOf(t, 2))
}

func TestOwnAddressGone(t *testing.T) {
	t.Parallel()
	a, b := together(t, tcpOnly)
	a.link.CloseOrphans("127.0.0.1", "::1")
	a.send(b, "still here")
	b.wait("msg", nil)
	a.link.CloseOrphans("192.0.2.1")
	a.wait("down", nil)
}

func TestSetPeersLeavesOutNonsense(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly)
	foreign := fmt.Sprintf("/ip4/127.0.0.1/tcp/1/p2p/%s", peer.ID(idOf(t, 9)))
	own := fmt.Sprintf("/ip4/127.0.0.1/tcp/2/p2p/%s", peer.ID(idOf(t, 2)))
	a.link.SetPeers(map[string][]string{
		"no peer id": nil,
		a.id():       nil,
		idOf(t, 2):   {"", "nonsense", "/p2p-circuit\x00", foreign, own, "/ip4/127.0.0.1/tcp/3"},
	})
	want := []string{"/ip4/127.0.0.1/tcp/2", "/ip4/127.0.0.1/tcp/3"}
	if got := a.link.Known([]byte(idOf(t, 2))); !sameAddrs(got, want) {
		t.Errorf("known %q, want %q", got, want)
	}
	if a.link.Known([]byte(idOf(t, 3))) != nil {
		t.Error("a peer that is not allowed is known")
	}
}

func sameAddrs(got, want []string) bool {
	set := map[string]bool{}
	for _, s := range got {
		set[ma.StringCast(s).String()] = true
	}
	for _, s := range want {
		if !set[s] {
			return false
		}
	}
	return len(got) == len(want)
}

// A peer that is there answers a probe; one that only seems to be goes down.
func TestProbe(t *testing.T) {
	t.Parallel()
	a := startWith(t, p2p.NewHasty, 1, tcpOnly)
	r := join(t, a, 2)
	id := []byte(idOf(t, 2))
	asked := make(chan struct{})
	r.host.SetStreamHandler("/warifu/hello/1", func(s network.Stream) {
		s.Write(make([]byte, 16))
		s.Close()
		close(asked)
	})
	a.link.Probe(id)
	<-asked
	if !a.link.Connected(id) {
		t.Error("down after an answer")
	}
	r.answer(0)
	// A probe while one is under way is the same probe, so ask again.
	for again := time.NewTicker(10 * time.Millisecond); a.link.Connected(id); <-again.C {
		a.link.Probe(id)
	}
	a.wait("down", nil)
	a.link.Probe([]byte(idOf(t, 3))) // nobody
}

// Both dial at once, over both transports: that is one coming, and no going.
func TestDialingAtOnceDoesNotFlap(t *testing.T) {
	t.Parallel()
	listen := tcpOnly + " " + quicOnly
	a, b := start(t, 1, listen), start(t, 2, listen)
	a.allow(b)
	b.allow(a)
	a.waitUp(b.id())
	b.waitUp(a.id())
	for range 100 {
		a.send(b, "x")
		b.wait("msg", nil)
		b.send(a, "x")
		a.wait("msg", nil)
	}
	for _, n := range []*node{a, b} {
		if log := n.log.String(); strings.Contains(log, "peer down") || strings.Count(log, "peer up") != 1 {
			t.Error("flapped")
		}
	}
}
