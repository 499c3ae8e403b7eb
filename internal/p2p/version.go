package p2p

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// A Misfit is a protocol of which two devices speak different versions: their
// releases do not understand each other.
type Misfit struct {
	Protocol     string // its name without the version, "/warifu/sync"
	Ours, Theirs int    // versions; Theirs is the newest that the other side has
}

// unfitPause is the shortest time between two reports of one peer's versions:
// it is dialed again and again.
const unfitPause = time.Minute

// cutVersion splits "/warifu/sync/1" into "/warifu/sync" and 1.
func cutVersion(id string) (name string, version int, ok bool) {
	i := strings.LastIndexByte(id, '/')
	if i <= 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(id[i+1:], 10, 16)
	return id[:i], int(n), err == nil && n > 0 && id[i+1:] == strconv.FormatUint(n, 10)
}

// misfit returns the first of our protocols that the other side has only in
// other versions. What it has in none it may not want.
func misfit(ours []string, theirs []protocol.ID) (m Misfit, found bool) {
	for _, own := range ours {
		name, version, ok := cutVersion(own)
		if !ok || slices.Contains(theirs, protocol.ID(own)) {
			continue
		}
		newest := 0
		for _, id := range theirs {
			if other, v, ok := cutVersion(string(id)); ok && other == name {
				newest = max(newest, v)
			}
		}
		if newest > 0 {
			return Misfit{name, version, newest}, true
		}
	}
	return Misfit{}, false
}

// speaks returns what libp2p's identify has told of a peer's protocols.
func speaks(store peerstore.Peerstore, id peer.ID) []protocol.ID {
	list, err := store.GetProtocols(id)
	if err != nil {
		return nil // then nothing is known
	}
	return list
}

// fits reports whether the peer speaks our versions, and tells if it does not.
// libp2p must have identified it.
func (r *remote) fits() bool {
	own := append([]string{protocolHello}, slices.Sorted(maps.Keys(r.link.cfg.Protocols))...)
	m, bad := misfit(own, speaks(r.link.host.Peerstore(), r.id))
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
