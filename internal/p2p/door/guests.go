package door

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

const (
	// MaxGuests bounds the connections of visitors, and MaxTalks the
	// conversations of one that are held at once.
	MaxGuests = 16
	MaxTalks  = 2
)

// A GuestBook holds the connections of those who visit a throw-away host.
// Anybody may, under as many peer ids as they like; so they share the places by
// address (crowd.go), and whoever has no conversation goes soon.
type GuestBook struct {
	crowd *crowd
	idle  time.Duration // without a conversation

	mu    sync.Mutex
	conns map[network.Conn]*Visitor
}

// A Visitor is one connection.
type Visitor struct {
	*guest
	talks int // conversations under way
	timer *time.Timer
}

// NewGuestBook returns an empty book. idle is how long a visitor may be there
// without a conversation.
func NewGuestBook(idle time.Duration) *GuestBook {
	return &GuestBook{crowd: newCrowd(MaxGuests, MaxGuests), idle: idle, conns: make(map[network.Conn]*Visitor)}
}

// Stay keeps the visitor's place: from here on its connection is not closed to make
// room for another's.
func (g *Visitor) Stay() { g.guest.stay() }

// Arrive takes note of a connection, and closes it if there is no place or if
// it does not begin a conversation in time.
func (b *GuestBook) Arrive(c network.Conn) *Visitor {
	b.mu.Lock()
	if g := b.conns[c]; g != nil {
		b.mu.Unlock()
		return g
	}
	b.mu.Unlock()
	// Who goes for it may be closed only without the lock.
	place, _ := b.crowd.enter(household(IPOf(c.RemoteMultiaddr())), func() { c.Close() })
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
	g := &Visitor{guest: place}
	g.timer = time.AfterFunc(b.idle, func() { b.close(c) })
	b.conns[c] = g
	if c.IsClosed() {
		b.forget(c)
	}
	return g
}

// Leave takes note that a connection is over.
func (b *GuestBook) Leave(c network.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.forget(c)
}

// forget is Leave. The caller holds mu.
func (b *GuestBook) forget(c network.Conn) {
	if g := b.conns[c]; g != nil {
		delete(b.conns, c)
		g.timer.Stop()
		g.guest.leave()
	}
}

// close ends a connection without a conversation.
func (b *GuestBook) close(c network.Conn) {
	b.mu.Lock()
	g := b.conns[c]
	idle := g != nil && g.talks == 0
	b.mu.Unlock()
	if idle {
		c.Close()
	}
}

// Talk counts a conversation in, and reports whether it may be held.
func (b *GuestBook) Talk(c network.Conn) (*Visitor, bool) {
	g := b.Arrive(c)
	if g == nil {
		return nil, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.conns[c] != g || g.talks >= MaxTalks {
		return nil, false
	}
	g.talks++
	return g, true
}

// HangUp ends a conversation.
func (b *GuestBook) HangUp(g *Visitor) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if g.talks--; g.talks == 0 {
		g.timer.Reset(b.idle)
	}
}
