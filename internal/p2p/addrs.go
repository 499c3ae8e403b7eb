package p2p

import (
	"net/netip"
	"slices"
	"sync"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/door"
)

// An addressBook is what is known of where one peer is. Its methods may be called
// from any goroutine.
type addressBook struct {
	mu      sync.Mutex
	fixed   []ma.Multiaddr // from SetPeers, at most maxFixedAddrs
	told    []ma.Multiaddr // by the peer itself, on its last connection, at most maxFixedAddrs
	learned []ma.Multiaddr // seen, newest first, at most maxLearnedAddrs
	met     []netip.Addr   // where it was, newest first, at most maxLearnedAddrs
}

// fix replaces the addresses that the caller knows.
func (b *addressBook) fix(addrs []ma.Multiaddr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fixed = addrs
}

// tell replaces the addresses that the peer says it listens at.
func (b *addressBook) tell(addrs []ma.Multiaddr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = addrs[:min(len(addrs), maxFixedAddrs)]
}

// learn adds addresses at which the peer was seen.
func (b *addressBook) learn(addrs ...ma.Multiaddr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range addrs {
		b.learned = slices.DeleteFunc(b.learned, a.Equal)
		b.learned = slices.Insert(b.learned, 0, a)
	}
	b.learned = b.learned[:min(len(b.learned), maxLearnedAddrs)]
}

// all returns the addresses to dial, without repetition.
func (b *addressBook) all() []ma.Multiaddr {
	b.mu.Lock()
	defer b.mu.Unlock()
	return ma.Unique(slices.Concat(b.fixed, b.told, b.learned))
}

// meetAt takes note that the peer was met at an address.
func (b *addressBook) meetAt(a ma.Multiaddr) {
	ip := door.IPOf(a)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.met = slices.DeleteFunc(b.met, func(o netip.Addr) bool { return o == ip })
	b.met = slices.Insert(b.met, 0, ip)
	b.met = b.met[:min(len(b.met), maxLearnedAddrs)]
}

// lives reports whether the peer is known at ip. What a beacon said does not
// count, as anybody can say where a beacon comes from.
func (b *addressBook) lives(ip netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	at := func(a ma.Multiaddr) bool { return door.IPOf(a) == ip }
	return slices.Contains(b.met, ip) || slices.ContainsFunc(b.fixed, at) || slices.ContainsFunc(b.told, at)
}
