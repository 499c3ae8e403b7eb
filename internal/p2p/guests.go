package p2p

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// A guestBook holds the connections of those who visit a throw-away host.
// Anybody may, under as many peer ids as they like; so they share the places by
// address (crowd.go), and whoever has no conversation goes soon.
type guestBook struct {
	crowd *crowd
	idle  time.Duration // without a conversation

	mu    sync.Mutex
	conns map[network.Conn]*pairGuest
}

// A pairGuest is one connection.
type pairGuest struct {
	*guest
	talks int // conversations under way
	timer *time.Timer
}

func newGuestBook(idle time.Duration) *guestBook {
	return &guestBook{crowd: newCrowd(maxPairGuests, maxPairGuests), idle: idle, conns: make(map[network.Conn]*pairGuest)}
}

// arrive takes note of a connection, and closes it if there is no place or if
// it does not begin a conversation in time.
func (b *guestBook) arrive(c network.Conn) *pairGuest {
	b.mu.Lock()
	if g := b.conns[c]; g != nil {
		b.mu.Unlock()
		return g
	}
	b.mu.Unlock()
	// Who goes for it may be closed only without the lock.
	place, _ := b.crowd.enter(household(ipOf(c.RemoteMultiaddr())), func() { c.Close() })
	if place == nil {
		c.Close()
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if g := b.conns[c]; g != nil { // its stream was faster
		place.leave()
		return g
	}
	g := &pairGuest{guest: place}
	g.timer = time.AfterFunc(b.idle, func() { b.close(c) })
	b.conns[c] = g
	if c.IsClosed() {
		b.forget(c)
	}
	return g
}

// leave takes note that a connection is over.
func (b *guestBook) leave(c network.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(c)
}

// forget is leave. The caller holds mu.
func (b *guestBook) forget(c network.Conn) {
	if g := b.conns[c]; g != nil {
		delete(b.conns, c)
		g.timer.Stop()
		g.guest.leave()
	}
}

// close ends a connection without a conversation.
func (b *guestBook) close(c network.Conn) {
	b.mu.Lock()
	g := b.conns[c]
	idle := g != nil && g.talks == 0
	b.mu.Unlock()
	if idle {
		c.Close()
	}
}

// talk counts a conversation in, and reports whether it may be held.
func (b *guestBook) talk(c network.Conn) (*pairGuest, bool) {
	g := b.arrive(c)
	if g == nil {
		return nil, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conns[c] != g || g.talks >= maxPairPerGuest {
		return nil, false
	}
	g.talks++
	return g, true
}

// hangUp ends a conversation.
func (b *guestBook) hangUp(g *pairGuest) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if g.talks--; g.talks == 0 {
		g.timer.Reset(b.idle)
	}
}
