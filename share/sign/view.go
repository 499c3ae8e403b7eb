package sign

import (
	"bytes"

	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// CheckView is the [share.ViewCheck] of this protocol: it computes the view again
// from what was heard in the rounds before.
func CheckView(p share.Proposal, kind wire.Kind, said []byte, heard func(wire.Slot, wire.Kind) []byte) bool {
	if kind < kindOpen || kind > kindFinish || len(said) != saidSize[kind] {
		return false
	}
	if kind == kindOpen {
		return true
	}
	var views [][]byte
	for k := kindOpen; k < kind; k++ {
		if publicSize[k] == 0 {
			continue
		}
		for _, slot := range p.Signers {
			b := heard(slot, k)
			if len(b) != saidSize[k] {
				return false
			}
			views = append(views, b[:publicSize[k]])
		}
	}
	m := Machine{proposal: p, bytes: p.Bytes(), views: views}
	m.sid = m.sessionID()
	want := m.view(kind)
	// The view is the last thing that is said to all.
	return bytes.Equal(said[len(said)-hashSize:], want[:])
}
