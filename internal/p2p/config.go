package p2p

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/warifu/warifu/internal/p2p/bind"
)

// A Config says what a [Link] is. Callbacks may be nil. They are called from
// the link's goroutines and may call any method of the link; those about one
// peer's coming and going never overlap and alternate, beginning with OnUp.
type Config struct {
	// Key is the transport key. Its public half is the peer id.
	Key ed25519.PrivateKey

	// Listen holds the multiaddrs to listen on, all of which must be free.
	// If it is empty, the link listens on TCP and QUIC, IPv4 and IPv6 where
	// there is such. Addresses with port 0 share one port that is free.
	Listen []string

	// Port is what port 0 in Listen is to be if that port is free, see
	// [Link.Port]; 0 if it does not matter.
	Port uint16

	// LAN allows the beacon of [Link.SetBeacon].
	LAN bool

	// Protocols maps each protocol to its largest message in bytes.
	Protocols map[string]int

	// OnMessage takes a message and owns it. It may block, and then only
	// this peer and protocol wait. One that was already on its way may still
	// arrive while OnDown runs, or just after.
	OnMessage func(from []byte, protocol string, msg []byte)

	// OnUp says that a peer can be sent to, OnDown that it no longer can,
	// and why, in words for a person. OnDown is not called when Run ends.
	OnUp   func(peer []byte)
	OnDown func(peer []byte, reason string)

	// OnMisfit says that an allowed peer runs a release that speaks other
	// versions, and cannot be talked to: once a minute at most, for as long
	// as it is met.
	OnMisfit func(peer []byte, m Misfit)

	// OnStrangers tells of connections that came to nothing because whoever
	// made them is not allowed, or did not say who it is, at most once a
	// second.
	OnStrangers func(Strangers)

	// OnAddrs says that [Link.Addrs] may have changed.
	OnAddrs func()

	// Now is the clock of the beacon's epochs; nil means time.Now.
	Now func() time.Time

	// Log is where outcomes are told; nil means nowhere.
	Log *slog.Logger
}

// withDefaults checks c and fills in what was left out.
func (c Config) withDefaults() (Config, error) {
	if len(c.Key) != ed25519.PrivateKeySize {
		return c, fmt.Errorf("p2p: transport key of %d bytes", len(c.Key))
	}
	if len(c.Protocols) == 0 {
		return c, fmt.Errorf("p2p: no protocols")
	}
	for name, limit := range c.Protocols {
		if !strings.HasPrefix(name, "/") || name == protocolHello {
			return c, fmt.Errorf("p2p: protocol name %q", name)
		}
		if limit < 1 || limit > maxQueuedBytes {
			return c, fmt.Errorf("p2p: message limit of %d bytes for %s", limit, name)
		}
	}
	if len(c.Listen) == 0 {
		c.Listen = bind.Everywhere()
	}
	if c.OnMessage == nil {
		c.OnMessage = func([]byte, string, []byte) {}
	}
	if c.OnUp == nil {
		c.OnUp = func([]byte) {}
	}
	if c.OnDown == nil {
		c.OnDown = func([]byte, string) {}
	}
	if c.OnMisfit == nil {
		c.OnMisfit = func([]byte, Misfit) {}
	}
	if c.OnStrangers == nil {
		c.OnStrangers = func(Strangers) {}
	}
	if c.OnAddrs == nil {
		c.OnAddrs = func() {}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
