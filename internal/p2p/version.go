package p2p

import (
	"maps"
	"slices"
	"time"

	"github.com/warifu/warifu/internal/p2p/stream"
)

// A Misfit is a protocol of which two devices speak different versions.
type Misfit = stream.Misfit

// unfitPause is the shortest time between two reports of one peer's versions:
// it is dialed again and again.
const unfitPause = time.Minute

// fits reports whether the peer speaks our versions, and tells if it does not.
// libp2p must have identified it.
func (r *remote) fits() bool {
	own := append([]string{protocolHello}, slices.Sorted(maps.Keys(r.link.cfg.Protocols))...)
	m, bad := stream.FindMisfit(own, stream.Spoken(r.link.host.Peerstore(), r.id))
	if !bad {
		return true
	}
	now := time.Now()
	r.mu.Lock()
	news := m != r.unfit || now.Sub(r.unfitT) >= unfitPause
	again := m == r.unfit
	if news {
		r.unfit, r.unfitT = m, now
	}
	r.mu.Unlock()
	if !news {
		return false
	}
	if !again {
		r.log.Warn("versions do not fit", "protocol", m.Protocol, "this_device", m.Ours, "peer_has", m.Theirs)
	}
	r.link.cfg.OnMisfit(r.key, m)
	return false
}
