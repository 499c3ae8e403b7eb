package p2p_test

import (
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/warifu/warifu/internal/p2p"
)

// TestVersionsThatDoNotFit: two devices of which one speaks another version of a
// protocol are never up, and each names its own version and the other's, in the
// log once, however often they meet.
func TestVersionsThatDoNotFit(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly)
	b := start(t, 2, tcpOnly, func(c *p2p.Config) { c.Protocols = map[string]int{"/test/a/2": maxProto, other: maxProto} })
	b.link.SetPeers(map[string][]string{a.id(): nil})
	a.allow(b)
	if e := a.wait("misfit", nil); e.text != "/test/a 1 2" || e.peer != b.id() {
		t.Errorf("the older device is told %q", e.text)
	}
	if e := b.wait("misfit", nil); e.text != "/test/a 2 1" || e.peer != a.id() {
		t.Errorf("the newer device is told %q", e.text)
	}
	for range 20 {
		a.allow(b) // dials again
		time.Sleep(20 * time.Millisecond)
	}
	for _, n := range []*node{a, b} {
		if n.link.Connected([]byte(a.id())) || n.link.Connected([]byte(b.id())) {
			t.Error("up")
		}
		if lines := strings.Count(n.log.String(), "versions do not fit"); lines != 1 {
			t.Errorf("%d lines in the log", lines)
		}
	}
}

// TestHelloOfAnotherRelease: the same where already the hello is another.
func TestHelloOfAnotherRelease(t *testing.T) {
	t.Parallel()
	a := start(t, 1, tcpOnly)
	a.link.SetPeers(map[string][]string{idOf(t, 2): nil})
	r := rawPeer(t, 2, 2)
	r.host.RemoveStreamHandler("/warifu/hello/1")
	for _, name := range []string{"/warifu/hello/2", "/warifu/hello/03", "/warifu/hello/", "/warifu/hello/99999999999"} {
		r.host.SetStreamHandler(protocol.ID(name), func(s network.Stream) { s.Reset() })
	}
	if err := r.connect(a); err != nil {
		t.Fatal(err)
	}
	if e := a.wait("misfit", nil); e.text != "/warifu/hello 1 2" {
		t.Errorf("told %q", e.text)
	}
	if a.link.Connected([]byte(idOf(t, 2))) {
		t.Error("up")
	}
}
