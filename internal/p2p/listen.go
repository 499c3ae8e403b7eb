package p2p

import (
	"github.com/libp2p/go-libp2p/core/host"

	"github.com/warifu/warifu/internal/p2p/bind"
	"github.com/warifu/warifu/internal/p2p/door"
	"github.com/warifu/warifu/internal/p2p/lan"
)

// bind makes the host of the link.
func (l *Link) bind() (host.Host, error) {
	streams := map[string]int{protocolHello: 2 * door.MaxConnsPerPeer}
	for name := range l.cfg.Protocols {
		// Twice what is allowed, so that it is our own check that finds the
		// excess: it can name the peer.
		streams[name] = 2 * maxStreams
	}
	return bind.Host(bind.Config{
		Key:      l.cfg.Key,
		Listen:   l.cfg.Listen,
		Port:     l.cfg.Port,
		Streams:  streams,
		Gater:    gate{l},
		Patience: l.limits.handshake,
		Known:    l.knows,
		Tell:     l.strangers.Unheard,
	})
}

// Port returns the one port at which the link listens by TCP and QUIC on all
// addresses, or 0 if there is no such: with [Config.Listen] there may be many.
func (l *Link) Port() uint16 {
	v4, v6 := lan.ListenPorts(l.host.Network().ListenAddresses())
	p := v4.Or(v6)
	if p != v6.Or(v4) || p.TCP != p.QUIC {
		return 0
	}
	return p.TCP
}
