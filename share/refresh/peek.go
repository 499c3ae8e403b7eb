package refresh

import (
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// PhaseOf returns how far this device was when it wrote a state. A driver that
// makes other things durable together with a state goes by that, and not by
// the machine, which may be further already.
func PhaseOf(b []byte) (Phase, error) {
	var s state
	if len(b) > maxState {
		return 0, errState
	}
	if err := wire.Unmarshal(b, &s); err != nil {
		return 0, fmt.Errorf("refresh: parse state: %w", err)
	}
	clear(s.Shares)
	if s.Phase > RolledBack {
		return 0, errState
	}
	return s.Phase, nil
}

// In reports whether a device in phase p signs in the new epoch.
func (p Phase) In() bool { return p == Committed || p.Final() }

// Final reports whether a device in phase p never goes back.
func (p Phase) Final() bool { return p == Locked || p == Retiring || p == Retired }

// Certified tells the machine what the certificate of its epoch proves: the
// commits of all members. It is for a member that committed and was away while
// the others went on: nobody may be left who would repeat them.
func (m *Machine) Certified(e roster.Entry) ([]session.Effect, error) {
	if m.ended() || e.Record.Change.Attempt != m.attempt {
		return nil, nil
	}
	hash := e.Record.Hash()
	for _, s := range e.Ready {
		f := m.send(statement{Kind: commit, Slot: s.Slot, Body: hash[:], Sig: s.Sig}).(session.Send).Frame
		if s.Slot == m.cfg.Self {
			if _, said := m.words[commit][s.Slot]; said {
				continue
			}
		}
		f.From = s.Slot
		if f.From == m.cfg.Self {
			m.phase = RolledBack
			return []session.Effect{m.persist()}, ErrRolledBack
		}
		effects, err := m.Deliver(f)
		if len(effects) > 0 || err != nil {
			return effects, err
		}
	}
	return nil, nil
}

// LastWords returns the votes to abort that a dead attempt died of, as frames
// of this device, for whoever has not heard of its death. There are none while
// it may live: a device that has aborted knows that it does not, for nobody gets
// a commit of that device any more.
func (m *Machine) LastWords() (out []wire.Frame) {
	if m.phase != Returned && m.phase != Aborted {
		return nil
	}
	for _, slot := range m.p.Members {
		if s, ok := m.words[abort][slot]; ok {
			out = append(out, m.send(s).(session.Send).Frame)
		}
	}
	return out
}

// Refuse returns a vote to abort by a device that takes no part: it makes the
// attempt die sooner. The device must never take part in that attempt
// afterwards, also after a restart. Nor may it have taken part before, not even
// in an attempt that is long dead: it may have committed, and this vote would
// prove it a liar. Such a device answers with [Machine.Resend] of the machine
// that returned, which [Resume] makes of its last state.
func Refuse(cfg Config) (session.Send, error) {
	m, err := blank(cfg)
	if err != nil {
		return session.Send{}, err
	}
	if !m.member {
		return session.Send{}, fmt.Errorf("refresh: device %d has no vote", cfg.Self)
	}
	return m.send(m.say(abort, plainAbort)).(session.Send), nil
}

// Against returns the members that are known to have voted to abort, ascending.
func (m *Machine) Against() (out []wire.Slot) {
	for _, slot := range m.p.Members {
		if _, said := m.words[abort][slot]; said {
			out = append(out, slot)
		}
	}
	return out
}
