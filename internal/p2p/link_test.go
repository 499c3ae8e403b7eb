package p2p_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/p2p"
)

func TestExchange(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, listen string }{
		{"tcp", tcpOnly},
		{"quic", quicOnly},
		{"both", tcpOnly + " " + quicOnly},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			a, b := together(t, tc.listen)
			if !a.link.Connected(b.link.ID()) || !b.link.Connected(a.link.ID()) {
				t.Error("up, but not connected")
			}
			a.send(b, "from a")
			b.send(a, "from b")
			if e := b.wait("msg", nil); e.text != "from a" || e.peer != a.id() {
				t.Errorf("b got %q", e.text)
			}
			if e := a.wait("msg", nil); e.text != "from b" || e.peer != b.id() {
				t.Errorf("a got %q", e.text)
			}
		})
	}
}

func TestThreeMeet(t *testing.T) {
	t.Parallel()
	listen := tcpOnly + " " + quicOnly
	nodes := []*node{start(t, 1, listen), start(t, 2, listen), start(t, 3, listen)}
	for i, n := range nodes {
		n.allow(nodes[(i+1)%3], nodes[(i+2)%3])
	}
	for _, n := range nodes {
		for seen := map[string]bool{}; len(seen) < 2; {
			seen[n.wait("up", nil).peer] = true
		}
	}
	for i, n := range nodes {
		n.send(nodes[(i+1)%3], "to the next")
		n.send(nodes[(i+2)%3], "to the one after")
	}
	for _, n := range nodes {
		n.wait("msg", nil)
		n.wait("msg", nil)
	}
}

func TestOrder(t *testing.T) {
	t.Parallel()
	a, b := together(t, tcpOnly)
	const n = 1500
	for i := range n {
		a.send(b, fmt.Sprint(i))
	}
	for i := range n {
		if e := b.wait("msg", nil); e.text != fmt.Sprint(i) {
			t.Fatalf("message %d is %q", i, e.text)
		}
	}
}

func TestSendRefused(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly)
	a.link.SetPeers(map[string][]string{idOf(t, 2): nil})
	for _, tc := range []struct {
		name     string
		to       string
		protocol string
		msg      string
		want     error
	}{
		{"not-allowed", idOf(t, 3), proto, "x", p2p.ErrNotAllowed},
		{"down", idOf(t, 2), proto, "x", p2p.ErrDown},
		{"unknown-protocol", idOf(t, 2), "/nope/1", "x", nil},
		{"empty", idOf(t, 2), proto, "", nil},
		{"oversized", idOf(t, 2), proto, strings.Repeat("x", maxProto+1), nil},
	} {
		err := a.link.Send([]byte(tc.to), tc.protocol, []byte(tc.msg))
		if err == nil || (tc.want != nil && !errors.Is(err, tc.want)) {
			t.Errorf("%s: error %v, want %v", tc.name, err, tc.want)
		}
	}
}

func TestQueueFull(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{tcpOnly, quicOnly} {
		block := make(chan struct{})
		a := start(t, 1, listen)
		b := start(t, 2, listen, func(c *p2p.Config) {
			deliver := c.OnMessage
			c.OnMessage = func(from []byte, protocol string, msg []byte) {
				if protocol == proto {
					<-block
				}
				deliver(from, protocol, msg)
			}
		})
		a.allow(b)
		b.allow(a)
		a.waitUp(b.id())
		b.waitUp(a.id())

		msg := make([]byte, maxProto)
		sent := 0
		for {
			err := a.link.Send(b.link.ID(), proto, msg)
			if errors.Is(err, p2p.ErrQueueFull) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if sent += len(msg); sent > 2*p2p.MaxQueuedBytes {
				t.Fatalf("%d bytes queued", sent)
			}
		}
		if sent < p2p.MaxQueuedBytes {
			t.Errorf("full after %d bytes", sent)
		}
		close(block)
		for range sent / len(msg) {
			b.wait("msg", nil)
		}
	}
}

// A receiver that does not come to one protocol still hears the other.
func TestBackPressureIsPerProtocol(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	a := start(t, 1, tcpOnly)
	b := start(t, 2, tcpOnly, func(c *p2p.Config) {
		deliver := c.OnMessage
		c.OnMessage = func(from []byte, protocol string, msg []byte) {
			if protocol == proto {
				<-block
			}
			deliver(from, protocol, msg)
		}
	})
	a.allow(b)
	b.allow(a)
	a.waitUp(b.id())
	b.waitUp(a.id())
	a.send(b, "waits")
	if err := a.link.Send(b.link.ID(), other, []byte("passes")); err != nil {
		t.Fatal(err)
	}
	if e := b.wait("msg", nil); e.text != "passes" {
		t.Errorf("first message %q", e.text)
	}
	close(block)
	if e := b.wait("msg", nil); e.text != "waits" {
		t.Errorf("second message %q", e.text)
	}
}

func TestReconnectAfterRestart(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{tcpOnly, quicOnly, tcpOnly + " " + quicOnly} {
		a, b := together(t, listen)
		same := strings.Join(b.link.Addrs(), " ")
		b.stop()
		a.wait("down", nil)
		if err := a.link.Send([]byte(idOf(t, 2)), proto, []byte("x")); !errors.Is(err, p2p.ErrDown) {
			t.Errorf("send while down: %v", err)
		}
		b = start(t, 2, same)
		b.link.SetPeers(map[string][]string{a.id(): nil}) // so that a must come
		a.waitUp(b.id())
		b.waitUp(a.id())
		a.send(b, "again")
		b.wait("msg", nil)
	}
}

// A peer that is found at an address that nobody told is found there again.
func TestAddressesAreRemembered(t *testing.T) {
	t.Parallel()
	a, b := start(t, 1, tcpOnly), start(t, 2, tcpOnly)
	b.link.SetPeers(map[string][]string{a.id(): nil})
	a.allow(b)
	b.waitUp(a.id())
	a.waitUp(b.id())
	same := strings.Join(a.link.Addrs(), " ")
	a.stop()
	b.wait("down", nil)
	a = start(t, 1, same)
	a.link.SetPeers(map[string][]string{b.id(): nil})
	b.waitUp(a.id())
}

func TestUnknownProtocolOfPeer(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly)
	b := start(t, 2, tcpOnly, func(c *p2p.Config) { c.Protocols = map[string]int{other: 10} })
	a.allow(b)
	b.allow(a)
	a.waitUp(b.id())
	b.waitUp(a.id())
	for {
		err := a.link.Send(b.link.ID(), proto, []byte("x"))
		if errors.Is(err, p2p.ErrProtocol) {
			break
		}
		if err != nil && !errors.Is(err, p2p.ErrQueueFull) {
			t.Fatal(err)
		}
	}
	if err := a.link.Send(b.link.ID(), other, []byte("y")); err != nil {
		t.Fatal(err)
	}
	b.wait("msg", nil)
}

func TestConfigRefused(t *testing.T) {
	t.Parallel()
	good := map[string]int{proto: 1}
	for _, tc := range []struct {
		name string
		cfg  p2p.Config
	}{
		{"no-key", p2p.Config{Protocols: good}},
		{"no-protocols", p2p.Config{Key: key(1)}},
		{"bad-name", p2p.Config{Key: key(1), Protocols: map[string]int{"x": 1}}},
		{"hello", p2p.Config{Key: key(1), Protocols: map[string]int{"/warifu/hello/1": 1}}},
		{"no-limit", p2p.Config{Key: key(1), Protocols: map[string]int{proto: 0}}},
		{"huge-limit", p2p.Config{Key: key(1), Protocols: map[string]int{proto: 1 << 30}}},
		{"bad-address", p2p.Config{Key: key(1), Protocols: good, Listen: []string{"localhost:80"}}},
		{"foreign-address", p2p.Config{Key: key(1), Protocols: good, Listen: []string{"/ip4/192.0.2.1/tcp/0"}}},
	} {
		if _, err := p2p.New(tc.cfg); err == nil {
			t.Errorf("%s: accepted", tc.name)
		}
	}
}

// Of two addresses that were asked for, one is taken.
func TestListenIsAllOrNothing(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly)
	cfg := p2p.Config{Key: key(2), Protocols: map[string]int{proto: 1}, Listen: append(a.link.Addrs(), quicOnly)}
	if _, err := p2p.New(cfg); err == nil {
		t.Error("listens on one of two")
	}
}

// An address of a peer may be our own. That is nobody's intrusion.
func TestMeetingOneself(t *testing.T) {
	t.Parallel()
	for _, listen := range []string{tcpOnly, quicOnly} {
		a, b := start(t, 1, listen), start(t, 2, listen)
		b.link.SetPeers(map[string][]string{a.id(): nil})
		a.link.SetPeers(map[string][]string{b.id(): append(a.link.Addrs(), b.link.Addrs()...)})
		a.waitUp(b.id())
		b.waitUp(a.id())
		if strings.Contains(a.log.String(), "stranger") {
			t.Error("a device took itself for a stranger")
		}
	}
}
