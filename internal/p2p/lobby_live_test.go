package p2p_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/warifu/warifu/internal/p2p/door"
)

// hostPort returns where nd listens, as package net writes it.
func hostPort(t *testing.T, nd *node) string {
	t.Helper()
	_, at, err := manet.DialArgs(ma.StringCast(nd.link.Addrs()[0]))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// hold has n goroutines each keep a TCP connection to nd on which they never say
// a word, from a loopback address, and open another as soon as it is closed: no
// more than 50 a second together, until the test ends. It returns when all hold
// one.
func hold(t *testing.T, nd *node, from string, n int) {
	t.Helper()
	at := hostPort(t, nd)
	ctx, stop := context.WithCancel(context.Background())
	pace := time.NewTicker(20 * time.Millisecond)
	var all sync.WaitGroup
	t.Cleanup(func() { stop(); all.Wait(); pace.Stop() })
	held := make(chan struct{}, n)
	for range n {
		all.Go(func() {
			for first := true; ctx.Err() == nil; {
				if !first {
					select {
					case <-ctx.Done():
					case <-pace.C:
					}
				}
				d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: patience}
				c, err := d.DialContext(ctx, "tcp", at)
				if err != nil {
					continue
				}
				if first {
					held <- struct{}{}
					first = false
				}
				over := context.AfterFunc(ctx, func() { c.Close() })
				io.Copy(io.Discard, c)
				over()
				c.Close()
			}
		})
	}
	for range n {
		<-held
	}
}

// TestIdleSocketsKeepNobodyApart: a program on the machine of both devices
// holds more connections than there are places, says nothing on any of them and
// opens another for each that is closed; the two devices find each other.
func TestIdleSocketsKeepNobodyApart(t *testing.T) {
	t.Parallel()
	a, b := start(t, 1, tcpOnly), start(t, 2, tcpOnly)
	hold(t, a, "127.0.0.1", 2*door.MaxWaiting)
	b.allow(a)
	a.link.SetPeers(map[string][]string{b.id(): nil})
	a.waitUp(b.id())
	b.waitUp(a.id())
}

// deaf is a UDP socket on which nothing is heard: what it sends begins
// handshakes of QUIC that never end.
type deaf struct{ net.PacketConn }

func (d deaf) ReadFrom(b []byte) (int, net.Addr, error) {
	for {
		if _, _, err := d.PacketConn.ReadFrom(b); err != nil {
			return 0, nil, err
		}
	}
}

// TestHalfHandshakesKeepNobodyApart does with QUIC what
// TestIdleSocketsKeepNobodyApart does with TCP: from another address, since a
// handshake of QUIC cannot be ended for another's sake.
func TestHalfHandshakesKeepNobodyApart(t *testing.T) {
	t.Parallel()
	a, b := start(t, 1, quicOnly), start(t, 2, quicOnly)
	var addrs []ma.Multiaddr
	for _, s := range a.link.Addrs() {
		addrs = append(addrs, ma.StringCast(s))
	}
	ctx, stop := context.WithCancel(context.Background())
	var all sync.WaitGroup
	t.Cleanup(func() { stop(); all.Wait() })
	listen := func(network string, _ *net.UDPAddr) (net.PacketConn, error) {
		c, err := net.ListenUDP(network, &net.UDPAddr{IP: net.IPv4(127, 0, 0, 9)})
		return deaf{c}, err
	}
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics(), libp2p.ResourceManager(&network.NullResourceManager{}),
		libp2p.QUICReuse(quicreuse.NewConnManager, quicreuse.OverrideListenUDP(listen), quicreuse.DisableReuseport()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	for i := range 2 * door.MaxWaiting {
		all.Go(func() {
			for ctx.Err() == nil {
				id := peer.ID(idOf(t, byte(100+i)))
				h.Network().(*swarm.Swarm).Backoff().Clear(id)
				h.Connect(ctx, peer.AddrInfo{ID: id, Addrs: addrs})
			}
		})
	}
	for began := time.Now(); a.link.Waiting() == 0; time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatal("no handshake has begun")
		}
	}
	time.Sleep(500 * time.Millisecond) // for all of them to have tried
	b.allow(a)
	a.link.SetPeers(map[string][]string{b.id(): b.link.Addrs()})
	a.waitUp(b.id())
	b.waitUp(a.id())
	if n := a.link.Waiting(); n > door.MaxPerAddr {
		t.Errorf("one address holds %d places, at most %d may be", n, door.MaxPerAddr)
	}
}
