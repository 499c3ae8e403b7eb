// Package bind makes a libp2p host as all of ours are: with one port, our own
// addresses, a door (package door) in front of it, and nothing that libp2p offers
// to strangers or learns from them.
package bind

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/door"
	"github.com/warifu/warifu/internal/p2p/lan"
)

// A Config says what a host is.
type Config struct {
	// Key is the transport key. Its public half is the peer id.
	Key ed25519.PrivateKey

	// Listen holds the multiaddrs to listen on. Without any the host can only
	// dial. Addresses with port 0 share one port that is free, which is Port if
	// that can be.
	Listen []string
	Port   uint16

	// Streams says how many incoming streams of one peer each protocol may have.
	Streams map[string]int

	// Gater says who is let in.
	Gater connmgr.ConnectionGater

	// Patience, Known and Tell are those of [door.NewLobby].
	Patience time.Duration
	Known    func(netip.Addr) bool
	Tell     func(addr string, turnedAway bool)
}

// newHost binds the sockets and returns a host without handlers. Whatever libp2p
// offers to strangers or learns from them is off: relay, AutoNAT, ping, observed
// addresses, metrics.
func newHost(cfg Config) (host.Host, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(append(ed25519.PrivateKey(nil), cfg.Key...))
	if err != nil {
		return nil, fmt.Errorf("p2p: transport key: %w", err)
	}
	lobby, err := door.NewLobby(cfg.Streams, cfg.Patience, cfg.Known, cfg.Tell)
	if err != nil {
		return nil, err
	}
	own := new(ownAddrs)
	h, err := libp2p.New(
		libp2p.Identity(key),
		libp2p.ListenAddrStrings(cfg.Listen...),
		libp2p.AddrsFactory(own.now),
		libp2p.Transport(lobby.TCP(cfg.Gater)),
		libp2p.Transport(quic.NewTransport),
		libp2p.Security(noise.ID, noise.New),
		libp2p.ConnectionGater(cfg.Gater),
		libp2p.ResourceManager(lobby),
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
		lobby.Close()
		return nil, fmt.Errorf("p2p: listen: %w", err)
	}
	own.network.Store(new(h.Network()))
	return h, nil
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
	return lan.Now().Reach((*n).ListenAddresses())
}
