package refresh

import (
	"fmt"
	"maps"
	"slices"

	"github.com/warifu/warifu/internal/secret"
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
		if !m.admits(s) || !m.signed(s) {
			return nil, nil
		}
		if s.Slot == m.self {
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
	for _, s := range m.votes.of(abort, m.p.Members) {
		out = append(out, m.send(s).(session.Send).Frame)
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
	for _, s := range m.votes.of(abort, m.p.Members) {
		out = append(out, s.Slot)
	}
	return out
}

// Shares returns clones of this device's new shares by account, from the time
// they are durable until the attempt is dead. The caller wipes them.
func (m *Machine) Shares() (map[string]secret.Key, bool) {
	if m.keys == nil {
		return nil, false
	}
	out := map[string]secret.Key{}
	for a, acc := range m.votes.epoch.record.Accounts {
		out[acc.Name] = m.keys[a].Clone()
	}
	return out, true
}

// Record returns the record to be, once all dealings are known.
func (m *Machine) Record() (roster.Record, bool) {
	if m.votes.epoch == nil {
		return roster.Record{}, false
	}
	return m.votes.epoch.record, true
}

// Entry returns the certified epoch, once every member has committed.
func (m *Machine) Entry() (roster.Entry, bool) { return m.votes.entry() }

// Phase returns how far this device is.
func (m *Machine) Phase() Phase { return m.phase }

// InForce reports whether this device signs in the new epoch.
func (m *Machine) InForce() bool { return m.phase.In() }

// Settled reports whether the epoch cannot be undone any more: this device has
// seen every member commit, so that another re-deal may follow although
// somebody has not locked yet. Whoever is missing is left out of that one.
func (m *Machine) Settled() bool { return m.phase.Final() }

// AllLocked reports whether every device of the new epoch has locked into it,
// sleepers too, as far as this device knows: nobody is behind.
func (m *Machine) AllLocked() bool { return m.votes.all(lock, m.p.receivers()) }

// Complaints returns all that were made, by complainer.
func (m *Machine) Complaints() []Complaint { return m.votes.complaints() }

// Apart returns the members that said ready for another record than the one
// that this device knows, or without a share, ascending. Either they lie or a
// dealer dealt two things, for which [Machine.Evidence] is the proof.
func (m *Machine) Apart() []wire.Slot { return m.votes.apart() }

// Suspects returns what devices did that no honest device does, by slot.
func (m *Machine) Suspects() map[wire.Slot]string { return maps.Clone(m.votes.suspects) }

// Evidence returns pairs of statements that prove a device dishonest to
// anybody.
func (m *Machine) Evidence() []Contradiction { return slices.Clone(m.votes.evidence) }
