package p2p

import (
	"crypto/ed25519"
	"fmt"
	"log"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/gologshim"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"
)

// newHost binds the sockets and returns a host without handlers, and its lobby.
// Whatever libp2p offers to strangers or learns from them is off: relay,
// AutoNAT, ping, observed addresses, metrics.
//
// known tells the addresses of peers, for which places are kept, and tell hears
// of each connection that was turned away, or shown out, before it had said who
// it was. patience bounds its handshake.
func newHost(cfg Config, gater connmgr.ConnectionGater, patience time.Duration, known func(netip.Addr) bool, tell func(addr string, turnedAway bool)) (host.Host, *lobby, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(append(ed25519.PrivateKey(nil), cfg.Key...))
	if err != nil {
		return nil, nil, fmt.Errorf("p2p: transport key: %w", err)
	}
	resources, err := newResources(cfg.Protocols)
	if err != nil {
		return nil, nil, err
	}
	waiting := newLobby(resources, patience, known, tell)
	own := new(ownAddrs)
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.ListenAddrStrings(cfg.Listen...),
		libp2p.AddrsFactory(own.now),
		libp2p.Transport(newTCP(waiting, gater)),
		libp2p.Transport(quic.NewTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.ConnectionGater(gater),
		libp2p.ResourceManager(waiting),
		// The gater admits a handful of peers, so that there is nothing to
		// trim.
		libp2p.ConnectionManager(connmgr.NullConnMgr{}),
		libp2p.UserAgent("warifu"),
		libp2p.ProtocolVersion("warifu/1"),
		libp2p.ForceReachabilityPrivate(),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
		libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.Ping(false),
		// The detectors give up on UDP or IPv6 after failed dials. A peer
		// that sleeps is no evidence against a transport.
		libp2p.UDPBlackHoleSuccessCounter(nil),
		libp2p.IPv6BlackHoleSuccessCounter(nil),
	)
	if err != nil {
		resources.Close()
		return nil, nil, fmt.Errorf("p2p: listen: %w", err)
	}
	own.network.Store(new(h.Network()))
	return h, waiting, nil
}

// ownAddrs are the addresses that libp2p tells peers to be ours. Its own list is
// up to a minute old, and it looks for changes in this one every five seconds.
type ownAddrs struct {
	network atomic.Pointer[network.Network]
}

func (o *ownAddrs) now(old []ma.Multiaddr) []ma.Multiaddr {
	n := o.network.Load()
	if n == nil {
		return old // the host is being made
	}
	return interfacesNow().reach((*n).ListenAddresses())
}

// RedirectLibraryLogs hands to h what libp2p logs and, at level debug, what its
// and the beacon's libraries write through package log. By default all that
// goes to stderr, in forms of their own. It is for main to call, before
// anything else of this package, as it is process-wide.
func RedirectLibraryLogs(h slog.Handler) {
	gologshim.SetDefaultHandler(h)
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(h, slog.LevelDebug).Writer())
}

// newResources bounds what the host as a whole, each peer and each protocol may
// occupy. What a stranger may is the lobby's part: in here are only those who
// got past it.
func newResources(protocols map[string]int) (network.ResourceManager, error) {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	const conns, waiting = maxConns, 2 * (lobbyPlaces + lobbyKept) // of TCP, and of QUIC
	bounds := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: conns + waiting, ConnsInbound: conns + waiting, ConnsOutbound: conns,
			Streams: 1024, StreamsInbound: 512, StreamsOutbound: 512,
			Memory: maxMemory, FD: 2*conns + waiting,
		},
		// Connections whose other end is not known yet: those that wait in
		// the lobby, and those that this device dials.
		Transient: rcmgr.ResourceLimits{
			Conns: conns + waiting, ConnsInbound: 2 * waiting, ConnsOutbound: conns,
			Streams: 256, StreamsInbound: 128, StreamsOutbound: 256,
			Memory: maxMemory / 2, FD: conns + waiting,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: maxConnsPerPeer, ConnsInbound: maxConnsPerPeer, ConnsOutbound: maxConnsPerPeer,
			Streams: 128, StreamsInbound: 64, StreamsOutbound: 64,
			Memory: maxMemory / 4, FD: maxConnsPerPeer,
		},
		ProtocolPeer: map[protocol.ID]rcmgr.ResourceLimits{
			protocolHello: streamsPerPeer(2 * maxConnsPerPeer),
		},
	}
	for name := range protocols {
		// Twice what is allowed, so that it is our own check that finds the
		// excess: it can name the peer.
		bounds.ProtocolPeer[protocol.ID(name)] = streamsPerPeer(2 * maxStreams)
	}
	m, err := rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(bounds.Build(scaling.Scale(0, 4*maxConns))),
		rcmgr.WithMetricsDisabled(),
		// By address it is the lobby that counts, which tells peers from
		// strangers. All devices of a home share their /64.
		rcmgr.WithConnRateLimiters(new(rate.Limiter)),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: conns + waiting}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 64, ConnCount: conns + waiting}},
		),
	)
	if err != nil {
		return nil, fmt.Errorf("p2p: resource limits: %w", err)
	}
	return m, nil
}

func streamsPerPeer(n int) rcmgr.ResourceLimits {
	return rcmgr.ResourceLimits{
		Streams:         rcmgr.LimitVal(2 * n),
		StreamsInbound:  rcmgr.LimitVal(n),
		StreamsOutbound: rcmgr.LimitVal(n),
		Memory:          maxMemory / 4,
	}
}
