package p2p

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/rate"
)

// Limits that tests come near to.
const (
	MaxStreams      = maxStreams
	MaxFaults       = maxFaults
	MaxQueuedBytes  = maxQueuedBytes
	MaxPeers        = maxPeers
	MaxLearnedAddrs = maxLearnedAddrs
)

// NewHasty is New with a patience of a fraction of a second for a message's
// body, for a superseded stream and for hellos.
func NewHasty(cfg Config) (*Link, error) {
	lim := normalLimits
	lim.body = 200 * time.Millisecond
	lim.grace = 50 * time.Millisecond
	lim.hello = 500 * time.Millisecond
	lim.probe = 500 * time.Millisecond
	return newLink(cfg, lim)
}

// NewStingy is New with room for a megabyte or 150 messages from a peer.
func NewStingy(cfg Config) (*Link, error) {
	lim := normalLimits
	lim.recvBytes = rate.Limit{PerSecond: 1, Burst: 1 << 20}
	lim.recvMessages = rate.Limit{PerSecond: 1, Burst: 150}
	return newLink(cfg, lim)
}

// Running reports whether anybody is let in.
func (l *Link) Running() bool { return l.running() }

// HostAddrs is what libp2p tells peers to be our addresses.
func (l *Link) HostAddrs() []string {
	var out []string
	for _, a := range l.host.Addrs() {
		out = append(out, a.String())
	}
	return out
}

// Waiting returns how many connections are in the lobby: of those that came in, it
// is not known yet whose they are.
func (l *Link) Waiting() (n int) {
	l.host.Network().ResourceManager().ViewTransient(func(s network.ResourceScope) error {
		n = s.Stat().NumConnsInbound
		return nil
	})
	return n
}

// Known returns the addresses at which a peer would be dialed, nil for one that is
// not allowed.
func (l *Link) Known(id []byte) []string {
	r := l.remote(peer.ID(id))
	if r == nil {
		return nil
	}
	var out []string
	for _, a := range r.book.all() {
		out = append(out, a.String())
	}
	return out
}

// Probe says hello again on the connections to a peer.
func (l *Link) Probe(id []byte) {
	if r := l.remote(peer.ID(id)); r != nil {
		nudge(r.doubt)
	}
}

// Sighted takes an address at which the beacon of a peer was seen.
func (l *Link) Sighted(id []byte, addr string) {
	l.sighted(peer.ID(id), 2, []ma.Multiaddr{ma.StringCast(addr)})
}

// Close frees the sockets of a link that does not run.
func (l *Link) Close() { l.host.Close() }

// CloseOrphans closes connections that do not come from one of ips.
func (l *Link) CloseOrphans(ips ...string) {
	set := make(map[netip.Addr]bool)
	for _, ip := range ips {
		set[netip.MustParseAddr(ip)] = true
	}
	l.closeOrphans(set)
}

// Backoff is how long to wait before an attempt to dial.
var Backoff = backoff

// NewWatchful is New with a look at the network interfaces several times in a
// second.
func NewWatchful(cfg Config) (*Link, error) {
	lim := normalLimits
	lim.poll = 200 * time.Millisecond
	lim.sighting = time.Millisecond
	return newLink(cfg, lim)
}
