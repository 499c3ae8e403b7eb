package p2p

import (
	"net/netip"
	"time"

	"github.com/libp2p/zeroconf/v2"
)

// Limits that tests come near to.
const (
	MaxStreams     = maxStreams
	MaxFaults      = maxFaults
	MaxQueuedBytes = maxQueuedBytes
	MaxPeers       = maxPeers
	BeaconEpoch    = beaconEpoch
	LobbyPlaces    = lobbyPlaces
	LobbyKept      = lobbyKept
	LobbyPerAddr   = lobbyPerAddr
	MaxStrangers   = maxStrangers
	MaxBeaconAddrs = maxBeaconAddrs
	MaxBeaconTexts = maxBeaconTexts
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
	lim.recvBytes = rateOf{perSecond: 1, burst: 1 << 20}
	lim.recvMessages = rateOf{perSecond: 1, burst: 150}
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

// BeaconsKept returns how many beacons of slot 2 are remembered.
func (l *Link) BeaconsKept() int { return len(l.seen[2].texts) }

// OnLink makes prefixes the networks that the machine is on.
func (l *Link) OnLink(prefixes ...string) {
	l.onLink = func() func(netip.Addr) bool {
		return func(ip netip.Addr) bool {
			for _, p := range prefixes {
				if netip.MustParsePrefix(p).Contains(ip.Unmap()) {
					return true
				}
			}
			return false
		}
	}
}

// Waiting returns how many connections of strangers are in the lobby.
func (l *Link) Waiting() int {
	tcp, _ := l.lobby.strangers.tcp.size(netip.Prefix{})
	quic, _ := l.lobby.strangers.quic.size(netip.Prefix{})
	return tcp + quic
}

// CloseOrphans closes connections that do not come from one of ips.
func (l *Link) CloseOrphans(ips ...string) {
	set := make(map[netip.Addr]bool)
	for _, ip := range ips {
		set[netip.MustParseAddr(ip)] = true
	}
	l.closeOrphans(set)
}

// Sighted judges a service that was found, as if mDNS had.
func (l *Link) Sighted(e *zeroconf.ServiceEntry) {
	l.mu.Lock()
	cfg := l.beacon
	l.mu.Unlock()
	l.sighted(cfg, e)
}

// SealBeacon makes the TXT string of a beacon.
func SealBeacon(key [32]byte, at time.Time, instance string, slot, tcp, quic uint16) string {
	return beacon{slot, ports{tcp, quic}, ports{tcp, quic}}.seal(key, epochOf(at), instance)
}

// OpenBeacon opens the TXT string of a beacon.
func OpenBeacon(key [32]byte, at time.Time, instance, text string) (slot, tcp, quic uint16, ok bool) {
	b, _, ok := openBeacon(key, epochOf(at), instance, text)
	return b.slot, b.v4.tcp, b.v4.quic, ok
}

// ParseBeacon reports whether plain is the plain text of a beacon.
func ParseBeacon(plain []byte) bool {
	_, ok := parseBeacon(plain)
	return ok
}

// The stream form of messages.
var (
	ErrMessage    = errMessage
	ReadMessage   = readMessage
	AppendMessage = appendMessage
	Backoff       = backoff
)

// A Bucket is a token bucket.
type Bucket struct{ b *bucket }

// NewBucket returns a full bucket.
func NewBucket(perSecond, burst float64, now time.Time) Bucket {
	return Bucket{newBucket(rateOf{perSecond, burst}, now)}
}

// Take and Reserve are the bucket's own.
func (b Bucket) Take(n int, now time.Time) bool             { return b.b.take(n, now) }
func (b Bucket) Reserve(n int, now time.Time) time.Duration { return b.b.reserve(n, now) }

// NewWatchful is New with a look at the network interfaces several times in a
// second.
func NewWatchful(cfg Config) (*Link, error) {
	lim := normalLimits
	lim.poll = 200 * time.Millisecond
	lim.sighting = time.Millisecond
	return newLink(cfg, lim)
}
