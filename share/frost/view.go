package frost

import (
	"bytes"

	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// CheckView is the [share.ViewCheck] of this protocol: it computes the view again
// from the commits that were heard.
func CheckView(p share.Proposal, kind wire.Kind, said []byte, heard func(wire.Slot, wire.Kind) []byte) bool {
	switch kind {
	case KindCommit:
		return len(said) == commitSize
	case KindResponse:
		commits := make([][]byte, len(p.Signers))
		for i, slot := range p.Signers {
			if commits[i] = heard(slot, KindCommit); len(commits[i]) != commitSize {
				return false
			}
		}
		want := viewOf(p, commits)
		return len(said) == responseSize && bytes.Equal(said[:len(want)], want[:])
	}
	return false
}

// viewOf hashes what was said in the first round, by each signer in order.
func viewOf(p share.Proposal, commits [][]byte) wire.Hash {
	id := p.Session()
	parts := [][]byte{id[:]}
	for i, slot := range p.Signers {
		parts = append(parts, wire.U16(slot), commits[i])
	}
	return wire.Sum(tagView, parts...)
}
