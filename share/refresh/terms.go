package refresh

import (
	"crypto/ed25519"
	"errors"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// terms are what an attempt is about: they are fixed when it starts, and the
// form of every statement follows from them.
type terms struct {
	p       Proposal
	parent  roster.Record
	draft   roster.Record // the record to be, without commitments
	attempt wire.Hash
	self    wire.Slot
}

// admits reports whether the device of a statement may make one of its kind.
func (t *terms) admits(s statement) bool {
	return s.Kind > said && s.Kind < kinds && t.p.allowed(s.Kind, s.Slot)
}

// signed reports whether the device of a statement made it, in this attempt.
func (t *terms) signed(s statement) bool {
	d, ok := t.draft.Device(s.Slot)
	return ok && s.verify(t.attempt, d.Identity)
}

// understand checks what can be checked of a statement by itself.
func (t *terms) understand(s statement) error {
	switch s.Kind {
	case deal:
		d, ok := parseDealing(t.p, t.parent, s.Body)
		if !ok {
			return errors.New("dealt in the wrong length")
		}
		for a, acc := range t.parent.Accounts {
			public, err := share.PublicShare(acc, s.Slot)
			if err != nil {
				return err
			}
			if err := algebraOf(acc.Suite).checkDealing(d.commitments[a], public); err != nil {
				return err
			}
		}
	case ready:
		if len(s.Body) != t.readySize() {
			return errors.New("said ready in the wrong length")
		}
	case commit:
		if len(s.Body) != len(wire.Hash{}) {
			return errors.New("committed in the wrong length")
		}
	case lock:
		for _, c := range t.parseLock(s.Body) {
			if c.Slot != 0 && t.signed(c) {
				continue
			}
			return errors.New("locked without the commits of all members")
		}
	case abort:
		because, err := parseAbort(s.Body)
		if err != nil || because == nil {
			return err
		}
		if because.Slot == s.Slot || !t.p.allowed(abort, because.Slot) || !t.signed(*because) {
			return errors.New("aborted after a commit because of nothing")
		}
	case tested:
		if _, ok := t.parseTested(s.Body); !ok {
			return errors.New("showed test signatures of the wrong form")
		}
	case complaint:
		if len(s.Body) != 2 {
			return errors.New("complained in the wrong length")
		}
	}
	return nil
}

// carried returns the statements that s rests on and carries.
func (t *terms) carried(s statement) []statement {
	switch s.Kind {
	case lock:
		return t.parseLock(s.Body)
	case abort:
		if because, _ := parseAbort(s.Body); because != nil {
			return []statement{*because}
		}
	}
	return nil
}

// readySize is the length of a ready: the record's hash, and per account a
// point and a scalar.
func (t *terms) readySize() int {
	n := len(wire.Hash{})
	for _, a := range t.parent.Accounts {
		n += a.Suite.PointSize() + scalarSize
	}
	return n
}

// parseLock returns the commits in the body of a lock, or a single statement
// of slot 0 if it is malformed.
func (t *terms) parseLock(b []byte) []statement {
	if len(b) != len(wire.Hash{})+len(t.p.Members)*ed25519.SignatureSize {
		return []statement{{}}
	}
	hash, b := b[:len(wire.Hash{})], b[len(wire.Hash{}):]
	var out []statement
	for i, slot := range t.p.Members {
		out = append(out, statement{Kind: commit, Slot: slot, Body: hash, Sig: [64]byte(b[i*ed25519.SignatureSize:])})
	}
	return out
}

// parseTested returns the test signatures in a body, by account.
func (t *terms) parseTested(b []byte) (list [][]byte, ok bool) {
	for _, a := range t.parent.Accounts {
		n := testSize(a.Suite)
		if len(b) < n {
			return nil, false
		}
		list, b = append(list, b[:n:n]), b[n:]
	}
	return list, len(b) == 0
}
