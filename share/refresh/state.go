package refresh

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// state is what a [session.Persist] holds: everything that was said, which
// includes the certificate that each vote rests on, and the new shares.
type state struct {
	_ struct{} `cbor:",toarray"`

	Version  uint8
	Attempt  wire.Hash
	Phase    Phase
	Presence bool
	Words    []statement        // by kind, then slot
	Shares   [][scalarSize]byte // secret, by account; none before they are held
}

// maxState bounds a state in bytes. That of nine devices takes up to 40 KiB.
const maxState = 64 << 10

func (m *Machine) persist() session.Effect {
	s := state{Version: Version, Attempt: m.attempt, Phase: m.phase, Presence: m.presence, Words: append([]statement{}, m.votes.list()...)}
	s.Shares = make([][scalarSize]byte, 0, len(m.keys)) // never moved by append
	for _, k := range m.keys {
		if err := k.Use(func(b *[secret.Size]byte) error { s.Shares = append(s.Shares, *b); return nil }); err != nil {
			panic("refresh: internal error: " + err.Error())
		}
	}
	defer clear(s.Shares)
	return session.Persist{State: wire.Marshal(s)}
}

var errState = errors.New("refresh: state is not one that this device wrote in this attempt")

// Resume continues from a state written by an earlier [session.Persist]. It
// says again what was said, and finishes what was begun. The caller keeps the
// state and wipes it; Config.Rand and Config.Shares are not used.
func Resume(cfg Config, b []byte) (*Machine, []session.Effect, error) {
	m, err := blank(cfg)
	if err != nil {
		return nil, nil, err
	}
	var s state
	if len(b) > maxState {
		return nil, nil, errState
	}
	if err := wire.Unmarshal(b, &s); err != nil {
		return nil, nil, fmt.Errorf("refresh: parse state: %w", err)
	}
	defer clear(s.Shares)
	if err := m.restore(&s); err != nil {
		m.Close()
		return nil, nil, err
	}
	out := m.Resend()
	switch m.phase {
	case Retiring:
		return m, append(out, m.erase()...), nil
	case Retired:
		return m, append(out, session.Erase{}, session.Done{}), nil
	case Returned:
		return m, []session.Effect{session.Discard{}, session.Done{}}, nil
	}
	more, err := m.advance()
	return m, append(out, more...), err
}

// restore takes over s, every part of which must be what this device would
// have written.
func (m *Machine) restore(s *state) error {
	if s.Version != Version || s.Attempt != m.attempt || s.Phase > RolledBack {
		return errState
	}
	last := statement{}
	for _, w := range s.Words {
		if w.Kind < last.Kind || w.Kind == last.Kind && w.Slot <= last.Slot {
			return errState
		}
		last = w
		if !m.admits(w) || !m.signed(w) {
			return errState
		}
		m.votes.put(w)
		switch err := m.understand(w); {
		case w.Kind == deal && err == nil:
			m.dealings.take(w)
		case w.Kind == deal && w.Slot != m.self:
			m.votes.suspect(w.Slot, err.Error())
			m.dealings.broken = true
		case err != nil:
			return errState
		}
		m.votes.compare(w)
	}
	m.combine()
	m.phase, m.presence = s.Phase, s.Presence
	if !m.founded() {
		return errState
	}
	return m.restoreShares(s)
}

// founded reports whether what is remembered is what the phase rests on: this
// device's own vote and the certificate behind it.
func (m *Machine) founded() bool {
	own, all := m.votes.own, m.votes.all
	mine := func(k kind) bool { return own(k) && all(k, []wire.Slot{m.self}) }
	in := all(ready, m.p.Members) && (mine(commit) || !m.member)
	locked := in && mine(lock) && all(commit, m.p.Members)
	switch m.phase {
	case Dealing:
		return !own(ready) && !own(commit) && !own(abort) && !own(lock)
	case Prepared:
		return mine(ready) && !own(commit) && !own(abort) && !own(lock)
	case Committed:
		return in && !own(abort) && !own(lock)
	case Locked:
		return locked && !own(abort)
	case Retiring, Retired:
		return locked && !own(abort) && m.retirable()
	case Aborted:
		return own(abort) && !own(lock)
	case Returned:
		return (m.votes.abortCertificate() || m.votes.stillborn()) && !own(lock)
	}
	return true // rolled back: anything may be missing
}

// restoreShares takes over the new shares. Each must fit the record, so that a
// damaged disk is found here and not by a signature that nobody can explain.
func (m *Machine) restoreShares(s *state) error {
	held := m.phase == Prepared || m.InForce()
	if len(s.Shares) == 0 && !held {
		return nil
	}
	e := m.votes.epoch
	if e == nil || len(s.Shares) != len(e.record.Accounts) {
		return errState
	}
	for a, acc := range e.record.Accounts {
		if !e.holds(a, s.Shares[a][:], m.self) {
			return fmt.Errorf("refresh: state: the share of %s does not fit the record", acc.Name)
		}
		own := s.Shares[a]
		m.keys = append(m.keys, secret.Take(&own))
	}
	return nil
}
