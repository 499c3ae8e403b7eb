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
			a, b := meet(t, tc.listen)
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
	for i, n := range nodes {
		seen := map[string]bool{}
		for len(seen) < 2 {
			seen[n.wait("up", nil).peer] = true
		}
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
	a, b := meet(t, tcpOnly)
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
