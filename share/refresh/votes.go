package refresh

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"maps"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

const (
	tagTranscript wire.Tag = "refresh/transcript"
	tagProof      wire.Tag = "refresh/proof"
	tagNonce      wire.Tag = "refresh/proof-nonce"
)

// advance takes every step that what is known allows. Each step that binds
// this device is made durable before anybody hears of it.
func (m *Machine) advance() (out []session.Effect, err error) {
	for !m.ended() && !m.resting {
		effects, err := m.step()
		out = append(out, effects...)
		if err != nil || len(effects) == 0 {
			return out, err
		}
	}
	return out, nil
}

func (m *Machine) step() ([]session.Effect, error) {
	m.makeRecord()
	switch {
	case m.phase == Locked && m.retirable():
		return m.retire(), nil
	case m.phase == Committed && m.all(commit, m.p.Members):
		m.phase = Locked
		return m.vote(lock, m.lockBody()), nil
	case !m.member && m.phase == Dealing && m.decided():
		// Commits of all outrank aborts, which then are a liar's: whoever was
		// honest may have locked, and must not be left alone.
		return m.adopt()
	case (m.phase < Locked || m.phase == Aborted) && m.abortCertificate():
		return m.turnBack(), nil
	case !m.member && m.phase == Dealing:
		return m.adopt()
	case !m.member:
		return nil, nil
	case m.phase == Dealing && m.cancelled:
		return m.accuse(), nil
	case m.phase <= Prepared && (m.dealerContradicts() || len(m.Apart()) > 0):
		return m.giveUpShowing(), nil
	case m.phase <= Prepared && m.doomed():
		return m.giveUp(), nil
	case m.phase == Dealing && m.record != nil:
		return m.prepare()
	case m.phase == Prepared && m.all(ready, m.p.Members) && m.testsPass():
		m.phase = Committed
		return m.vote(commit, m.hash[:]), nil
	}
	return nil, nil
}

// decided reports whether every member has committed to one record, known to
// this device or not.
func (m *Machine) decided() bool {
	first := m.words[commit][m.p.Members[0]]
	for _, slot := range m.p.Members {
		s, ok := m.words[commit][slot]
		if !ok || !bytes.Equal(s.Body, first.Body) {
			return false
		}
	}
	return true
}

// vote makes a statement that binds this device: durable first, then said.
func (m *Machine) vote(k kind, body []byte) []session.Effect {
	s := m.say(k, body)
	return []session.Effect{m.persist(), m.send(s)}
}

// all reports whether each of the given devices has made a statement of kind k
// about this device's record. What is said about another record counts for
// nothing.
func (m *Machine) all(k kind, slots []wire.Slot) bool {
	if m.record == nil {
		return false
	}
	for _, slot := range slots {
		s, ok := m.words[k][slot]
		if !ok || !m.about(s) {
			return false
		}
	}
	return true
}

// about reports whether a ready, commit or lock is about this device's record,
// and whether the proofs of a ready hold.
func (m *Machine) about(s statement) bool {
	return wire.Hash(s.Body[:len(m.hash)]) == m.hash && (s.Kind != ready || m.proofsHold(s))
}

// makeRecord computes the record to be once every dealing is known and right.
func (m *Machine) makeRecord() {
	if m.record != nil || m.broken || len(m.dealings) < len(m.p.Dealers) {
		return
	}
	// Unless the sum is a sharing. By chance it is one but once in 2^252.
	m.broken = true
	fields := [][]byte{m.attempt[:]}
	for _, d := range m.p.Dealers {
		fields = append(fields, wire.U16(d), m.words[deal][d].Body)
	}
	r := m.draft
	r.Accounts = slices.Clone(m.draft.Accounts)
	for a, acc := range m.parent.Accounts {
		lists := make([][][]byte, len(m.p.Dealers))
		for i, d := range m.p.Dealers {
			lists[i] = m.dealings[d].commitments[a]
		}
		sum, err := algebraOf(acc.Suite).combine(m.p.Dealers, lists)
		if err != nil {
			m.cancelled = true
			return
		}
		r.Accounts[a].Commitments = sum
	}
	r.Transcript = wire.Sum(tagTranscript, fields...)
	if r.Check() != nil || m.parent.CheckNext(r) != nil {
		return
	}
	m.record, m.hash, m.broken = &r, r.Hash(), false
}

// doomed reports whether the attempt cannot succeed any more, as far as a
// device knows that has not committed.
func (m *Machine) doomed() bool {
	if m.broken || len(m.words[abort]) > 0 || m.dealerContradicts() {
		return true
	}
	// Whoever is ready for another record, or lies, will never be ready for
	// this one.
	return len(m.Apart()) > 0
}

// dealerContradicts reports whether a dealer is known to have contradicted
// itself: it may have dealt two things, of which others used the other one.
func (m *Machine) dealerContradicts() bool {
	return slices.ContainsFunc(m.evidence, func(c Contradiction) bool { return slices.Contains(m.p.Dealers, c.Slot) })
}

// Apart returns the members that said ready for another record than the one
// that this device knows, or without a share, ascending. Either they lie or a
// dealer dealt two things, for which [Machine.Evidence] is the proof.
func (m *Machine) Apart() (out []wire.Slot) {
	if m.record == nil {
		return nil
	}
	for _, slot := range m.p.Members {
		if s, said := m.words[ready][slot]; said && !m.about(s) {
			out = append(out, slot)
		}
	}
	return out
}

// prepare opens and checks this device's new shares, makes them durable and
// says so.
func (m *Machine) prepare() ([]session.Effect, error) {
	keys, bad, err := m.receive()
	if err != nil {
		return m.giveUpOn(bad), nil
	}
	m.keys = keys
	body := append([]byte(nil), m.hash[:]...)
	for a, acc := range m.record.Accounts {
		proof, err := algebraOf(acc.Suite).prove(keys[a], m.challenge(a, m.cfg.Self), m.proofNonce(a))
		if err != nil {
			m.wipe()
			return nil, err
		}
		body = append(body, proof...)
	}
	m.phase = Prepared
	return m.vote(ready, body), nil
}

func (m *Machine) readySize() int {
	n := len(wire.Hash{})
	for _, a := range m.parent.Accounts {
		n += a.Suite.PointSize() + scalarSize
	}
	return n
}

func (m *Machine) challenge(account int, slot wire.Slot) func(t []byte) io.Reader {
	return func(t []byte) io.Reader {
		return wire.XOF(tagProof, m.attempt[:], m.hash[:], wire.U16(slot), []byte(m.record.Accounts[account].Name), t)
	}
}

func (m *Machine) proofNonce(account int) func(share []byte) io.Reader {
	return func(share []byte) io.Reader {
		return wire.XOF(tagNonce, share, m.attempt[:], m.hash[:], []byte(m.record.Accounts[account].Name))
	}
}

// proofsHold checks, once, that the device that said ready has a share of its
// own of every account.
func (m *Machine) proofsHold(s statement) bool {
	if s.Slot == m.cfg.Self {
		return true
	}
	if holds, known := m.proven[s.Slot]; known {
		return holds
	}
	holds, rest := true, s.Body[len(m.hash):]
	for a, acc := range m.record.Accounts {
		size := acc.Suite.PointSize() + scalarSize
		public, err := share.PublicShare(acc, s.Slot)
		holds = holds && err == nil && algebraOf(acc.Suite).verify(public, rest[:size], m.challenge(a, s.Slot))
		rest = rest[size:]
	}
	if !holds {
		m.suspect(s.Slot, "said ready without a share")
	}
	m.proven[s.Slot] = holds
	return holds
}

var errResting = errors.New("refresh: this device has put its new shares away")

// giveUp votes to abort, which a device that has not committed may always do.
func (m *Machine) giveUp() []session.Effect {
	m.phase = Aborted
	return m.vote(abort, plainAbort)
}

// giveUpShowing gives up and shows the others what was dealt to this device. If
// a dealer dealt two things, those who hold one each hold the proof of it before
// they hear that the other gave up.
func (m *Machine) giveUpShowing() []session.Effect {
	var dealt []session.Effect
	for _, d := range m.p.Dealers {
		if s, ok := m.words[deal][d]; ok && d != m.cfg.Self {
			dealt = append(dealt, m.send(s))
		}
	}
	return slices.Insert(m.giveUp(), 1, dealt...)
}

// giveUpOn is giveUp with a complaint about a dealer, if that is not 0.
func (m *Machine) giveUpOn(bad wire.Slot) []session.Effect {
	if bad == 0 {
		return m.giveUp()
	}
	s := m.say(complaint, wire.U16(bad))
	return slices.Insert(m.giveUp(), 1, m.send(s))
}

// accuse gives up because dealings that are good one by one add up to none. Who
// waited for the others' dealings can bring that about with points whose
// logarithms it does not know. Then it has sealed nothing that fits them, and
// is named for that: otherwise those who give up would look like the cause.
func (m *Machine) accuse() []session.Effect {
	plains, bad, _ := m.parts()
	for _, b := range plains {
		clear(b)
	}
	return m.giveUpOn(bad)
}

// Abort votes to abort because time ran out or a person objected. A device
// that has committed may do so only because another member never will, and one
// that has locked never. A device that has aborted and never said ready may end
// the attempt with a second call: nobody can commit without its ready, so it
// need not hear of enough aborts, which those who have taken it out meanwhile
// would never send it.
func (m *Machine) Abort() ([]session.Effect, error) {
	switch {
	case !m.member || m.ended():
		return nil, errors.New("refresh: nothing to abort")
	case m.resting:
		return nil, errResting
	case m.phase == Aborted && m.stillborn():
		return m.turnBack(), nil
	case m.phase < Committed:
		out := m.giveUp()
		more, err := m.advance()
		return append(out, more...), err
	case m.phase == Committed:
		because, ok := m.plainAbortOfAnother()
		if !ok {
			return nil, errors.New("refresh: this device has committed, and no other is known to have aborted")
		}
		m.phase = Aborted
		out := m.vote(abort, flipAbort(because))
		more, err := m.advance()
		return append(out, more...), err
	}
	return nil, errors.New("refresh: this device cannot go back")
}

func (m *Machine) plainAbortOfAnother() (statement, bool) {
	for _, slot := range m.p.Members {
		if s, ok := m.words[abort][slot]; ok && slot != m.cfg.Self && len(s.Body) == 1 {
			return s, true
		}
	}
	return statement{}, false
}

// abortCertificate reports whether so many members have aborted that those who
// did not are too few to sign in the new epoch.
func (m *Machine) abortCertificate() bool {
	return len(m.words[abort]) >= len(m.p.Members)-m.p.Threshold+1
}

// stillborn reports whether this device has aborted and never said ready, so
// that no member has committed or ever will.
func (m *Machine) stillborn() bool {
	_, prepared := m.words[ready][m.cfg.Self]
	_, against := m.words[abort][m.cfg.Self]
	return against && !prepared
}

// turnBack ends a dead attempt: the parent epoch goes on, and the shares of
// this attempt, which are a complete sharing of the key, are destroyed.
func (m *Machine) turnBack() []session.Effect {
	m.phase = Returned
	m.wipe()
	return []session.Effect{m.persist(), session.Discard{}, session.Done{}}
}

// adopt takes a sleeper into the new epoch, once it knows that every member
// was ready.
func (m *Machine) adopt() ([]session.Effect, error) {
	if m.shut || !m.all(ready, m.p.Members) {
		return nil, nil
	}
	keys, bad, err := m.receive()
	if err != nil {
		// Another re-deal must include this device. Until then it signs
		// nothing that the others would accept, and they keep their parent
		// shares unless their owner says otherwise.
		m.shut = bad != 0 || errors.Is(err, errOwnKey)
		if bad == 0 {
			return nil, nil
		}
		return []session.Effect{m.send(m.say(complaint, wire.U16(bad)))}, nil
	}
	m.keys, m.phase = keys, Committed
	return []session.Effect{m.persist()}, nil
}

// retirable reports whether nobody can ever need the parent shares again:
// everybody who will sign in the new epoch has locked into it.
func (m *Machine) retirable() bool {
	return m.all(lock, m.p.Members) && (m.presence || m.all(lock, m.p.Sleepers))
}

// retire destroys the parent shares. The intent is durable before, so that a
// crash in between is made good at the next start.
func (m *Machine) retire() []session.Effect {
	m.phase = Retiring
	intent := m.persist()
	return append([]session.Effect{intent}, m.erase()...)
}

func (m *Machine) erase() []session.Effect {
	m.phase = Retired
	return []session.Effect{session.Erase{}, m.persist(), session.Done{}}
}

// Presence says that the owner, present at this device, gives up on sleepers
// that have not locked: the parent shares are destroyed although a sleeper may
// still hold one.
func (m *Machine) Presence() ([]session.Effect, error) {
	if err := m.MayRetire(); err != nil {
		return nil, err
	}
	m.presence = true
	return m.advance()
}

// MayRetire says why [Machine.Presence] would be refused, or nil.
func (m *Machine) MayRetire() error {
	if m.resting {
		return errResting
	}
	if m.phase != Locked || !m.all(lock, m.p.Members) {
		return errors.New("refresh: not every member has locked")
	}
	return nil
}

// Shares returns clones of this device's new shares by account, from the time
// they are durable until the attempt is dead. The caller wipes them.
func (m *Machine) Shares() (map[string]secret.Key, bool) {
	if m.keys == nil {
		return nil, false
	}
	out := map[string]secret.Key{}
	for a, acc := range m.record.Accounts {
		out[acc.Name] = m.keys[a].Clone()
	}
	return out, true
}

// Record returns the record to be, once all dealings are known.
func (m *Machine) Record() (roster.Record, bool) {
	if m.record == nil {
		return roster.Record{}, false
	}
	return *m.record, true
}

// Entry returns the certified epoch, once every member has committed.
func (m *Machine) Entry() (roster.Entry, bool) {
	if !m.all(commit, m.p.Members) {
		return roster.Entry{}, false
	}
	e := roster.Entry{Record: *m.record}
	for _, slot := range m.p.Members {
		e.Ready = append(e.Ready, roster.Signature{Slot: slot, Sig: m.words[commit][slot].Sig})
	}
	return e, true
}

// Phase returns how far this device is.
func (m *Machine) Phase() Phase { return m.phase }

// InForce reports whether this device signs in the new epoch.
func (m *Machine) InForce() bool {
	return m.phase == Committed || m.phase == Locked || m.phase == Retiring || m.phase == Retired
}

// Settled reports whether the epoch cannot be undone any more: this device has
// seen every member commit, so that another re-deal may follow although
// somebody has not locked yet. Whoever is missing is left out of that one.
func (m *Machine) Settled() bool {
	return m.phase == Locked || m.phase == Retiring || m.phase == Retired
}

// AllLocked reports whether every device of the new epoch has locked into it,
// sleepers too, as far as this device knows: nobody is behind.
func (m *Machine) AllLocked() bool { return m.all(lock, m.p.receivers()) }

// A Complaint is one device's claim that what a dealer sealed to it does not
// fit what the dealer committed to. Only the two of them can know who lies.
type Complaint struct{ By, Against wire.Slot }

// Complaints returns all that were made, by complainer.
func (m *Machine) Complaints() []Complaint {
	var out []Complaint
	for _, slot := range m.draft.Slots() {
		if s, ok := m.words[complaint][slot]; ok {
			out = append(out, Complaint{By: slot, Against: wire.Slot(binary.BigEndian.Uint16(s.Body))})
		}
	}
	return out
}

// Suspects returns what devices did that no honest device does, by slot.
func (m *Machine) Suspects() map[wire.Slot]string { return maps.Clone(m.suspects) }

// Evidence returns pairs of statements that prove a device dishonest to
// anybody.
func (m *Machine) Evidence() []Contradiction { return slices.Clone(m.evidence) }
