package refresh

import (
	"errors"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
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
	m.combine()
	switch {
	case m.phase == Locked && m.retirable():
		return m.retire(), nil
	case m.phase == Committed && m.votes.all(commit, m.p.Members):
		m.phase = Locked
		return m.vote(lock, m.votes.lockBody()), nil
	case !m.member && m.phase == Dealing && m.votes.decided():
		// Commits of all outrank aborts, which then are a liar's: whoever was
		// honest may have locked, and must not be left alone.
		return m.adopt()
	case (m.phase < Locked || m.phase == Aborted) && m.votes.abortCertificate():
		return m.turnBack(), nil
	case !m.member && m.phase == Dealing:
		return m.adopt()
	case !m.member:
		return nil, nil
	case m.phase == Dealing && m.dealings.cancelled:
		return m.accuse(), nil
	case m.phase <= Prepared && (m.votes.dealerContradicts() || len(m.votes.apart()) > 0):
		return m.giveUpShowing(), nil
	case m.phase <= Prepared && m.doomed():
		return m.giveUp(), nil
	case m.phase == Dealing && m.votes.epoch != nil:
		return m.prepare()
	case m.phase == Prepared && m.votes.all(ready, m.p.Members) && m.votes.testsPass():
		m.phase = Committed
		return m.vote(commit, m.votes.epoch.hash[:]), nil
	}
	return nil, nil
}

// vote makes a statement that binds this device: durable first, then said.
func (m *Machine) vote(k kind, body []byte) []session.Effect {
	s := m.say(k, body)
	return []session.Effect{m.persist(), m.send(s)}
}

// combine makes the record to be once every dealing is known and right.
func (m *Machine) combine() {
	if m.votes.epoch == nil {
		m.votes.epoch = m.dealings.combine()
	}
}

// doomed reports whether the attempt cannot succeed any more, as far as a
// device knows that has not committed.
func (m *Machine) doomed() bool { return m.dealings.broken || m.votes.hopeless() }

// prepare opens and checks this device's new shares, makes them durable and
// says so.
func (m *Machine) prepare() ([]session.Effect, error) {
	keys, bad, err := m.receive()
	if err != nil {
		return m.giveUpOn(bad), nil
	}
	m.keys = keys
	body, err := m.votes.epoch.prove(m.self, keys)
	if err != nil {
		m.wipe()
		return nil, err
	}
	m.phase = Prepared
	return m.vote(ready, body), nil
}

// receive returns this device's new shares by account. If they cannot be had it
// notes whose fault that is: that of the dealer bad, or, if bad is 0, of this
// device.
func (m *Machine) receive() (keys []secret.Key, bad wire.Slot, err error) {
	plains, bad, err := m.open()
	defer wipeAll(plains)
	if err != nil {
		return nil, bad, err
	}
	return m.dealings.add(plains, m.votes.epoch), 0, nil
}

// open returns what every dealer sealed to this device, by dealer, for the
// caller to wipe.
func (m *Machine) open() (plains [][]byte, bad wire.Slot, err error) {
	plains, bad, err = m.dealings.open(m.cfg.Open)
	switch {
	case errors.Is(err, errOwnKey):
		m.votes.suspect(m.self, "cannot open what is sealed to it")
	case bad != 0:
		m.votes.suspect(bad, "sealed a sub-share that does not fit")
	}
	return plains, bad, err
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
	for _, s := range m.votes.of(deal, m.p.Dealers) {
		if s.Slot != m.self {
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
	plains, bad, _ := m.open()
	wipeAll(plains)
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
	case m.phase == Aborted && m.votes.stillborn():
		return m.turnBack(), nil
	case m.phase < Committed:
		out := m.giveUp()
		more, err := m.advance()
		return append(out, more...), err
	case m.phase == Committed:
		because, ok := m.votes.plainAbortOfAnother()
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
	if m.shut || !m.votes.all(ready, m.p.Members) {
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
	return m.votes.all(lock, m.p.Members) && (m.presence || m.votes.all(lock, m.p.Sleepers))
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
	if m.phase != Locked || !m.votes.all(lock, m.p.Members) {
		return errors.New("refresh: not every member has locked")
	}
	return nil
}
