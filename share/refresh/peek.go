package refresh

import (
	"fmt"
	"slices"

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
//
// All of them are learnt before any step is taken, for a certificate proves that
// nobody can go back, and a part of it does not. This device's own commit comes
// first: if it does not remember that one it was set back, and must not vote on
// account of what the others said. [roster.Entry.Verify] goes by the keys that a
// record itself lists, which whoever makes one up may choose. So each commit
// counts by the key that this device has of its maker, and one that is not by it
// makes the whole worthless: nothing is learnt of it, and nobody whom it names is
// to blame.
func (m *Machine) Certified(e roster.Entry) ([]session.Effect, error) {
	if m.ended() || e.Record.Change.Attempt != m.attempt {
		return nil, nil
	}
	hash := e.Record.Hash()
	var commits []statement
	for _, r := range e.Ready {
		s := statement{Kind: commit, Slot: r.Slot, Body: hash[:], Sig: r.Sig}
		d, in := m.draft.Device(s.Slot)
		if !in || !m.p.allowed(commit, s.Slot) || !s.verify(m.attempt, d.Identity) {
			return nil, nil
		}
		if s.Slot == m.cfg.Self {
			commits = slices.Insert(commits, 0, s)
		} else {
			commits = append(commits, s)
		}
	}
	news := false
	for _, s := range commits {
		fresh, err := m.learn(s)
		if err != nil { // only of the own one
			m.phase = RolledBack
			return []session.Effect{m.persist()}, err
		}
		news = news || fresh
	}
	if !news {
		return nil, nil
	}
	return m.advance()
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
