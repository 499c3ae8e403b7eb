package p2p

import (
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// A gate is the link as libp2p's connection gater. libp2p asks it again at each
// step, so that a peer taken out between two steps gets no further.
type gate struct{ link *Link }

// InterceptPeerDial is asked before a peer is dialed.
func (g gate) InterceptPeerDial(id peer.ID) bool { return g.link.admits(id) }

// InterceptAddrDial is asked for each address of a peer about to be dialed.
func (g gate) InterceptAddrDial(id peer.ID, _ ma.Multiaddr) bool { return g.link.admits(id) }

// InterceptAccept is asked before an incoming TCP connection's handshake and
// after that of QUIC. Nobody is let in while the link does not run. How often
// an address may try is the lobby's part.
func (g gate) InterceptAccept(network.ConnMultiaddrs) bool { return g.link.running() }

// InterceptSecured is asked when the peer's key is known and before it can open
// a stream. This is the door.
func (g gate) InterceptSecured(dir network.Direction, id peer.ID, addrs network.ConnMultiaddrs) bool {
	if g.link.admits(id) {
		return true
	}
	if dir == network.DirInbound {
		g.link.strangers.Refuse(id, addrs.RemoteMultiaddr().String())
	}
	return false
}

// InterceptUpgraded is asked last, for either direction.
func (g gate) InterceptUpgraded(c network.Conn) (bool, control.DisconnectReason) {
	return g.link.admits(c.RemotePeer()), 0
}

// admits reports whether id is allowed and not in quarantine.
func (l *Link) admits(id peer.ID) bool {
	r := l.remote(id)
	return r != nil && !r.quarantined(time.Now())
}
