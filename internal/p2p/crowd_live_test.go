package p2p_test

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/warifu/warifu/internal/p2p"
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
			for first := true; ctx.Err() == nil; first = false {
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
	hold(t, a, "127.0.0.1", 2*p2p.LobbyPlaces)
	b.allow(a)
	a.link.SetPeers(map[string][]string{b.id(): nil})
	a.waitUp(b.id())
	b.waitUp(a.id())
}
