package p2p

import (
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/lan"
)

// discovery makes the link's eyes on the local network.
func (l *Link) discovery() *lan.Discovery {
	return lan.NewDiscovery(lan.Config{
		Listen:  l.host.Network().ListenAddresses,
		Poll:    l.limits.poll,
		Now:     l.cfg.Now,
		Allowed: func(id peer.ID) bool { return l.remote(id) != nil },
		Sighted: l.sighted,
		Log:     l.cfg.Log,
	})
}

// SetBeacon says which circle to look for on the local network, see
// [lan.Discovery.Set].
func (l *Link) SetBeacon(key [32]byte, older [][32]byte, self uint16, peers map[uint16][]byte) {
	l.lan.Set(key, older, self, peers)
}

// sighted takes addresses at which the beacon of a peer was seen.
func (l *Link) sighted(id peer.ID, slot uint16, addrs []ma.Multiaddr) {
	r := l.remote(id)
	if r == nil {
		return // taken out meanwhile
	}
	r.log.Debug("peer sighted", "slot", slot, "addrs", len(addrs))
	if len(addrs) > 0 {
		r.sighted(addrs)
	}
}
