package stream

import (
	"slices"
	"strconv"
	"strings"

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

// CutVersion splits "/warifu/sync/1" into "/warifu/sync" and 1.
func CutVersion(id string) (name string, version int, ok bool) {
	i := strings.LastIndexByte(id, '/')
	if i <= 0 {
		return "", 0, false
	}
	n, err := strconv.ParseUint(id[i+1:], 10, 16)
	return id[:i], int(n), err == nil && n > 0 && id[i+1:] == strconv.FormatUint(n, 10)
}

// FindMisfit returns the first of our protocols that the other side has only in
// other versions. What it has in none it may not want.
func FindMisfit(ours []string, theirs []protocol.ID) (m Misfit, found bool) {
	for _, own := range ours {
		name, version, ok := CutVersion(own)
		if !ok || slices.Contains(theirs, protocol.ID(own)) {
			continue
		}
		newest := 0
		for _, id := range theirs {
			if other, v, ok := CutVersion(string(id)); ok && other == name {
				newest = max(newest, v)
			}
		}
		if newest > 0 {
			return Misfit{name, version, newest}, true
		}
	}
	return Misfit{}, false
}

// Spoken returns what libp2p's identify has told of a peer's protocols.
func Spoken(store peerstore.Peerstore, id peer.ID) []protocol.ID {
	list, err := store.GetProtocols(id)
	if err != nil {
		return nil // then nothing is known
	}
	return list
}
