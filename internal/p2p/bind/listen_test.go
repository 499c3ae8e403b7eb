package bind

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/lan"
)

// everyLoopback leaves the port to us, on all of this machine's own addresses.
var everyLoopback = []string{
	"/ip4/127.0.0.1/tcp/0",
	"/ip4/127.0.0.1/udp/0/quic-v1",
	"/ip6/::1/tcp/0",
	"/ip6/::1/udp/0/quic-v1",
}

// closed lets nobody in.
type closed struct{ connmgr.ConnectionGater }

func (closed) InterceptAccept(network.ConnMultiaddrs) bool { return false }

// listening binds a host and returns its ports.
func listening(t *testing.T, cfg Config) (v4, v6 lan.Ports, number int) {
	t.Helper()
	_, cfg.Key, _ = ed25519.GenerateKey(nil)
	cfg.Streams = map[string]int{"/test/1": 1}
	cfg.Gater, cfg.Patience = closed{}, time.Second
	cfg.Known, cfg.Tell = func(netip.Addr) bool { return false }, func(string, bool) {}
	h, err := Host(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	addrs := h.Network().ListenAddresses()
	v4, v6 = lan.ListenPorts(addrs)
	return v4, v6, len(addrs)
}

// Whatever leaves its port to us has one that is the same for TCP and QUIC, on
// IPv4 and IPv6, below those of outgoing connections.
func TestOnePortForAll(t *testing.T) {
	t.Parallel()
	v4, v6, n := listening(t, Config{Listen: everyLoopback})
	if v4.TCP != v4.QUIC || v4 != v6.Or(v4) || n < 2 {
		t.Errorf("%d addresses, with the ports %v and %v", n, v4, v6)
	}
	if v4.TCP < firstPort || v4.TCP > lastPort {
		t.Errorf("port %d", v4.TCP)
	}
}

// The port that is wanted is had if it is free on all addresses. If it is taken
// on one of them, all have another.
func TestWantedPort(t *testing.T) {
	t.Parallel()
	// One that others are not likely to draw meanwhile: held until the end.
	for _, hold := range []string{"", "/ip4/127.0.0.1/tcp/%d", "/ip4/127.0.0.1/udp/%d/quic-v1"} {
		_, at := drawFree(t)
		if hold != "" {
			c := holdPort(t, fmt.Sprintf(hold, at))
			defer c.Close()
		}
		v4, v6, _ := listening(t, Config{Listen: everyLoopback, Port: at})
		if v4.TCP != v4.QUIC || v4 != v6.Or(v4) {
			t.Errorf("holding %q: ports %v and %v", hold, v4, v6)
		}
		if got := v4.TCP == at; got != (hold == "") {
			t.Errorf("holding %q: port %d, wanted %d", hold, v4.TCP, at)
		}
	}
}

// drawFree returns a port that is free on every loopback address.
func drawFree(t *testing.T) (list []string, at uint16) {
	t.Helper()
	list, n := onePort(everyLoopback, 0)
	v4, _ := lan.ListenPorts([]ma.Multiaddr{ma.StringCast(list[0])})
	if n == 0 || v4.TCP == 0 {
		t.Fatalf("%d addresses share a port: %q", n, list)
	}
	return list, v4.TCP
}

type closer interface{ Close() error }

func holdPort(t *testing.T, addr string) closer {
	t.Helper()
	v4, _ := lan.ListenPorts([]ma.Multiaddr{ma.StringCast(addr)})
	var c closer
	var err error
	if v4.TCP != 0 {
		c, err = net.Listen("tcp4", fmt.Sprintf("127.0.0.1:%d", v4.TCP))
	} else {
		c, err = net.ListenPacket("udp4", fmt.Sprintf("127.0.0.1:%d", v4.QUIC))
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Ports that somebody chose stay as they are, and addresses that exclude each
// other are had at different ones.
func TestPortsThatAreNotShared(t *testing.T) {
	t.Parallel()
	list, _ := drawFree(t)
	if got, n := onePort(list, 1); n != 0 || fmt.Sprint(got) != fmt.Sprint(list) {
		t.Errorf("%d of %q were changed: %q", n, list, got)
	}
	same := []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0"}
	if got, n := onePort(same, 0); n != 0 || fmt.Sprint(got) != fmt.Sprint(same) {
		t.Errorf("%d of %q were changed: %q", n, same, got)
	}
	if _, _, n := listening(t, Config{Listen: same}); n != 2 {
		t.Errorf("%d addresses are listened at", n)
	}
	if got, n := onePort([]string{"nonsense/tcp/0"}, 0); n != 0 || got[0] != "nonsense/tcp/0" {
		t.Errorf("%d were changed: %q", n, got)
	}
}
