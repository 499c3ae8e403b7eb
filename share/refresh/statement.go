package refresh

import (
	"bytes"
	"crypto/ed25519"
	"errors"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A statement is one signed word of one device about one attempt. Statements
// prove themselves, so that any device may pass on what another has said: what
// matters is who made one, never who brought it.
type statement struct {
	_ struct{} `cbor:",toarray"`

	Kind kind
	Slot wire.Slot
	Body []byte
	Sig  [64]byte // Ed25519, by the identity key
}

// A kind of statement. Values are wire format.
type kind uint8

const (
	said      kind = iota // none
	deal                  // dealer: commitments and sealed sub-shares
	ready                 // member: my new share is durable; proofs that I have it
	tested                // member: signatures made with the new shares
	commit                // member: I sign in the new epoch from now on
	abort                 // member: I never commit to this attempt
	lock                  // member or sleeper: I saw all commits, and never go back
	complaint             // member or sleeper: what a dealer sealed to me does not fit; a claim
	kinds
)

// binds reports whether a statement of kind k is durable before it is said, so
// that two different ones of a device contradict each other.
func (k kind) binds() bool { return k != tested && k != complaint }

const tagStatement wire.Tag = "refresh/statement"

// message returns what a statement's signature covers. A commit signs what the
// certificate of the epoch is made of; everything else is bound to the attempt
// and the kind.
func (s statement) message(attempt wire.Hash) []byte {
	if s.Kind == commit && len(s.Body) == len(wire.Hash{}) {
		return roster.CommitMessage(attempt, wire.Hash(s.Body))
	}
	h := wire.Sum(tagStatement, attempt[:], []byte{byte(s.Kind)}, wire.U16(s.Slot), s.Body)
	return h[:]
}

func (s statement) verify(attempt wire.Hash, id wire.DeviceID) bool {
	return ed25519.Verify(id[:], s.message(attempt), s.Sig[:])
}

// Abort bodies. A plain one is allowed only to a member that has not
// committed; a flip only to one that has, and shows the plain abort of another
// member, because of which the attempt can never be complete.
var plainAbort = []byte{0}

func flipAbort(because statement) []byte { return append([]byte{1}, wire.Marshal(because)...) }

var errAbort = errors.New("refresh: malformed abort")

// parseAbort returns the statement that a flip rests on, or nothing for a plain
// abort.
func parseAbort(body []byte) (because *statement, err error) {
	if len(body) == 1 && body[0] == 0 {
		return nil, nil
	}
	var s statement
	if len(body) < 2 || body[0] != 1 || wire.Unmarshal(body[1:], &s) != nil || s.Kind != abort || len(s.Body) != 1 || s.Body[0] != 0 {
		return nil, errAbort
	}
	return &s, nil
}

// allowed reports whether the device in slot may make a statement of kind k in
// the attempt.
func (p Proposal) allowed(k kind, slot wire.Slot) bool {
	in := func(list []wire.Slot) bool {
		for _, s := range list {
			if s == slot {
				return true
			}
		}
		return false
	}
	switch k {
	case deal:
		return in(p.Dealers)
	case ready, tested, commit, abort:
		return in(p.Members)
	case lock, complaint:
		return in(p.Members) || in(p.Sleepers)
	}
	return false
}

// A Contradiction is a pair of statements of one device that no device makes
// which is honest and has its memory: a liar's, or those of a device that was
// restored from an older copy and does not know it yet. Anybody can verify it.
type Contradiction struct {
	Slot        wire.Slot
	What        string
	First, Then []byte // encoded statements, each with its signature
}

var errEvidence = errors.New("refresh: these statements do not contradict each other")

// Verify reports whether c proves that its device contradicted itself in the
// attempt p at re-dealing parent.
func (c Contradiction) Verify(p Proposal, parent roster.Record) error {
	if err := p.Check(parent); err != nil {
		return err
	}
	draft, err := p.draft(parent)
	if err != nil {
		return err
	}
	var s [2]statement
	for i, b := range [][]byte{c.First, c.Then} {
		if err := wire.Unmarshal(b, &s[i]); err != nil {
			return err
		}
		d, ok := draft.Device(s[i].Slot)
		if !ok || s[i].Slot != c.Slot || !p.allowed(s[i].Kind, c.Slot) || !s[i].verify(p.Attempt(), d.Identity) {
			return errEvidence
		}
	}
	if contradicts(s[0], s[1]) == "" {
		return errEvidence
	}
	return nil
}

// contradicts says how two statements of one device contradict each other, or
// nothing if they do not.
func contradicts(a, b statement) string {
	plain := func(s statement) bool { return s.Kind == abort && len(s.Body) == 1 }
	switch {
	case a.Kind == b.Kind && a.Kind.binds() && !bytes.Equal(a.Body, b.Body):
		return "said two different things"
	case plain(a) && b.Kind == commit, a.Kind == commit && plain(b):
		return "voted to commit and, without a reason, to abort"
	case a.Kind == abort && b.Kind == lock, a.Kind == lock && b.Kind == abort:
		return "locked and voted to abort"
	}
	return ""
}
