package p2p

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/multiformats/go-multistream"
)

// protocolHello shows on each connection, from each side, that the other side
// wants it. Both messages are the boot id of their sender.
const protocolHello = "/warifu/hello/1"

// bootSize is the length of a boot id in bytes: random, chosen once by a
// process.
const bootSize = 16

// probe says hello again on every connection that was greeted.
func (r *remote) probe(ctx context.Context, wg *sync.WaitGroup) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, g := range r.conns {
		if g != nil && !g.probing {
			g.probing = true
			wg.Go(func() { r.greet(ctx, c, r.link.limits.probe) })
		}
	}
}

// greet says hello on a connection and closes it if there is no answer.
func (r *remote) greet(ctx context.Context, c network.Conn, patience time.Duration) {
	boot, err := r.hello(ctx, c, patience)
	if errors.Is(err, multistream.ErrNotSupported[protocol.ID]{}) {
		// A release whose hello is another. It has told its protocols, or
		// does so now.
		r.identified(ctx, c)
		r.fits()
	}
	if err != nil {
		r.log.Debug("no hello", "err", err)
		c.Close()
		return
	}
	r.identified(ctx, c)
	if !r.fits() {
		c.Close()
		return
	}
	r.greetedConn(c, boot)
}

// identified waits until libp2p's identify has told at which addresses the peer
// listens, and remembers them. Without them a device that was found because it
// came to us could not be found again.
func (r *remote) identified(ctx context.Context, c network.Conn) {
	h, ok := r.link.host.(interface{ IDService() identify.IDService })
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, r.link.limits.hello)
	defer cancel()
	select {
	case <-ctx.Done():
	case <-h.IDService().IdentifyWait(c):
	}
	r.book.tell(r.link.host.Peerstore().Addrs(r.id))
}

func (r *remote) hello(ctx context.Context, c network.Conn, patience time.Duration) (boot [bootSize]byte, err error) {
	s, err := openStream(ctx, c, protocolHello, patience)
	if err != nil {
		return boot, err
	}
	s.SetDeadline(time.Now().Add(patience))
	if _, err = s.Write(r.link.boot[:]); err == nil {
		_, err = io.ReadFull(s, boot[:])
	}
	if err != nil {
		s.Reset()
		return boot, fmt.Errorf("p2p: hello: %w", err)
	}
	s.Close()
	return boot, nil
}

// answerHello serves the other direction of hello.
func (l *Link) answerHello(_ context.Context, r *remote, s network.Stream) {
	s.SetDeadline(time.Now().Add(l.limits.hello))
	if !r.recvMessages.Take(1, time.Now()) {
		s.Reset()
		r.fault("it floods")
		return
	}
	var boot [bootSize]byte
	if _, err := io.ReadFull(s, boot[:]); err != nil {
		s.Reset()
		return
	}
	if _, err := s.Write(l.boot[:]); err != nil {
		s.Reset()
		return
	}
	s.Close()
}

// openStream opens a stream on this very connection, for libp2p's own choice
// among several may be one whose other end is dead, and negotiates the protocol
// within timeout.
func openStream(ctx context.Context, c network.Conn, name string, timeout time.Duration) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, fmt.Errorf("p2p: open stream: %w", err)
	}
	// Negotiation heeds no context, but a reset ends it.
	stop := context.AfterFunc(ctx, func() { s.Reset() })
	defer stop()
	if err := s.SetProtocol(protocol.ID(name)); err != nil {
		s.Reset()
		return nil, fmt.Errorf("p2p: open stream for %s: %w", name, err)
	}
	if err := multistream.SelectProtoOrFail(protocol.ID(name), s); err != nil {
		s.Reset()
		return nil, fmt.Errorf("p2p: negotiate %s: %w", name, err)
	}
	return s, nil
}
