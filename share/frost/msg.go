package frost

import (
	"errors"
	"slices"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/wire"
)

// The kinds of frames of this protocol; all are broadcasts of fixed length.
const (
	// KindCommit is round 1: nonce (32), hash of the proposal (32), D (32),
	// E (32).
	KindCommit wire.Kind = 1

	// KindResponse is round 2: view hash (32), z (32).
	KindResponse wire.Kind = 2
)

// Lengths of bodies in bytes. They are what bounds a peer: one body of each
// kind is kept, and no other length.
const (
	nonceSize    = 32
	commitSize   = nonceSize + len(wire.Hash{}) + commitmentSize
	responseSize = len(wire.Hash{}) + ed.ScalarSize
)

var errLength = errors.New("wrong length")

// A commitBody is a round 1 message.
type commitBody struct {
	nonce      [nonceSize]byte
	proposal   wire.Hash
	commitment commitment
}

func (b commitBody) bytes() []byte {
	return slices.Concat(b.nonce[:], b.proposal[:], b.commitment.bytes())
}

// parseCommit decodes the round 1 message of the device in slot. The error is
// a [session.Fault] that names it.
func parseCommit(slot wire.Slot, raw []byte) (b commitBody, err error) {
	if len(raw) != commitSize {
		return commitBody{}, malformed(slot, "commit-length", errLength)
	}
	copy(b.nonce[:], raw)
	copy(b.proposal[:], raw[nonceSize:])
	if b.commitment, err = parseCommitment(slot, raw[commitSize-commitmentSize:]); err != nil {
		return commitBody{}, malformed(slot, "commit-point", err)
	}
	return b, nil
}

// copies reports whether b repeats something of o that is random in honest
// messages.
func (b commitBody) copies(o commitBody) bool {
	return b.nonce == o.nonce ||
		b.commitment.hiding.Equal(o.commitment.hiding) || b.commitment.hiding.Equal(o.commitment.binding) ||
		b.commitment.binding.Equal(o.commitment.hiding) || b.commitment.binding.Equal(o.commitment.binding)
}

// A responseBody is a round 2 message.
type responseBody struct {
	view wire.Hash
	z    ed.Scalar
}

func (b responseBody) bytes() []byte {
	z := b.z.Bytes()
	return slices.Concat(b.view[:], z[:])
}

// parseResponse decodes the round 2 message of the device in slot. The error
// is a [session.Fault] that names it.
func parseResponse(slot wire.Slot, raw []byte) (b responseBody, err error) {
	if len(raw) != responseSize {
		return responseBody{}, malformed(slot, "response-length", errLength)
	}
	copy(b.view[:], raw)
	if b.z, err = ed.ParseScalar(raw[len(b.view):]); err != nil {
		return responseBody{}, malformed(slot, "response-scalar", err)
	}
	return b, nil
}

func malformed(slot wire.Slot, check string, err error) *session.Fault {
	return &session.Fault{Slot: slot, Class: session.Malformed, Check: check, Err: err}
}
