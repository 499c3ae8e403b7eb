package refresh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// Config is what a device brings to a re-deal. Proposal must be the same at
// every device, and the caller has made sure that whoever must agree to it
// did.
type Config struct {
	Proposal Proposal
	Parent   roster.Record // the certified record whose shares are dealt
	Self     wire.Slot

	// Sign signs with the identity key of Self. It must be deterministic.
	Sign func(msg []byte) [64]byte

	// Open opens what was sealed to the box key of Self, with [OpenBox]. An
	// error that wraps [ErrSealed] is the sealer's fault, any other is that of
	// this device.
	Open func(enc, info, data, ciphertext []byte) ([]byte, error)

	// Shares are this device's shares of the parent epoch by account. Only
	// dealers need them; they stay the caller's.
	Shares map[string]secret.Key

	// Rand is a source fit for keys. It is read by New only.
	Rand io.Reader
}

// A Phase is how far this device is.
type Phase uint8

const (
	Dealing    Phase = iota // waits for dealings, or for others to be ready
	Prepared                // said ready: the new share is durable
	Committed               // signs in the new epoch; the parent share is kept
	Locked                  // never goes back
	Retiring                // may destroy the parent share, and does
	Retired                 // has destroyed it: the end
	Aborted                 // voted to abort; waits for enough others
	Returned                // the attempt is dead and forgotten: the end
	RolledBack              // was set back by a restore: votes no more
)

func (p Phase) String() string {
	names := [...]string{"dealing", "prepared", "committed", "locked", "retiring", "retired", "aborted", "returned", "rolled back"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("phase %d", uint8(p))
}

// ErrRolledBack ends the part of a device that was shown a vote of its own
// that it does not remember. Its store was set back, and whatever it said next
// might contradict what it said then.
var ErrRolledBack = errors.New("refresh: this device is shown a vote of its own that it does not remember: its data was restored from an older copy")

// A Machine is one device's view of one attempt at a re-deal. It implements
// [session.Machine]; unlike other machines it never ends because of what
// somebody sends, for a device that gave up by itself could strand the rest.
type Machine struct {
	*terms
	cfg    Config
	member bool // else a sleeper

	dealings dealings
	votes    votes

	keys     []secret.Key // the new shares, by account
	phase    Phase
	presence bool // the owner retires although a sleeper has not locked
	shut     bool // a sleeper's mailbox does not open
	resting  bool // the new shares were forgotten, see Rest
}

var _ session.Machine = (*Machine)(nil)

// New starts an attempt on this device. A dealer deals at once.
func New(cfg Config) (*Machine, []session.Effect, error) {
	m, err := blank(cfg)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(m.p.Dealers, cfg.Self) {
		return m, nil, nil
	}
	body, err := m.dealings.make(cfg.Shares, cfg.Rand)
	if err != nil {
		return nil, nil, err
	}
	dealt := m.say(deal, body)
	// The dealing must be durable before anybody sees it: it cannot be made
	// again, and two different ones would be an equivocation.
	out := []session.Effect{m.persist(), m.send(dealt)}
	more, err := m.advance()
	return m, append(out, more...), err
}

func blank(cfg Config) (*Machine, error) {
	if err := cfg.Proposal.Check(cfg.Parent); err != nil {
		return nil, err
	}
	if cfg.Sign == nil || cfg.Open == nil {
		return nil, errors.New("refresh: config without keys")
	}
	draft, err := cfg.Proposal.draft(cfg.Parent)
	if err != nil {
		return nil, err
	}
	t := &terms{p: cfg.Proposal, parent: cfg.Parent, draft: draft, attempt: cfg.Proposal.Attempt(), self: cfg.Self}
	m := &Machine{
		terms: t, cfg: cfg, member: slices.Contains(t.p.Members, t.self),
		dealings: dealings{terms: t, right: map[wire.Slot]dealing{}}, votes: newVotes(t),
	}
	if !m.member && !slices.Contains(t.p.Sleepers, t.self) {
		return nil, fmt.Errorf("refresh: device %d has no part in this", t.self)
	}
	return m, nil
}

// The kinds of frames: a statement is the only one.
const kindStatement wire.Kind = 1

func (m *Machine) send(s statement) session.Effect {
	return session.Send{Frame: wire.Frame{Session: wire.SessionID(m.attempt), From: m.self, Kind: kindStatement, Body: wire.Marshal(s)}}
}

// say makes a statement of this device.
func (m *Machine) say(k kind, body []byte) statement {
	s := statement{Kind: k, Slot: m.self, Body: body}
	s.Sig = m.cfg.Sign(s.message(m.attempt))
	m.votes.put(s)
	if k == deal {
		m.dealings.take(s)
	}
	return s
}

// Deliver implements [session.Machine]. A frame that no honest device sends is
// noted against its sender and otherwise ignored. The only error is
// [ErrRolledBack].
func (m *Machine) Deliver(f wire.Frame) ([]session.Effect, error) {
	if m.phase == RolledBack || f.Session != wire.SessionID(m.attempt) || f.From == m.self || f.Kind != kindStatement || f.To != 0 && f.To != m.self {
		return nil, nil
	}
	if _, in := m.draft.Device(f.From); !in {
		return nil, nil
	}
	var s statement
	if err := wire.Unmarshal(f.Body, &s); err != nil {
		m.votes.suspect(f.From, "malformed statement")
		return nil, nil
	}
	fresh, err := m.learn(s)
	switch {
	case m.ended():
		// What comes late changes nothing, but may show who is to blame.
		if err != nil && !errors.Is(err, ErrRolledBack) {
			m.votes.suspect(f.From, err.Error())
		}
		return nil, nil
	case errors.Is(err, ErrRolledBack):
		m.phase = RolledBack
		return []session.Effect{m.persist()}, err
	case err != nil:
		m.votes.suspect(f.From, err.Error())
		return nil, nil
	case !fresh:
		// Repeats are most of what arrives, and must cost nothing.
		return nil, nil
	}
	return m.advance()
}

func (m *Machine) ended() bool {
	return m.phase == Retired || m.phase == Returned || m.phase == RolledBack
}

// learn takes over a statement that is valid, and reports whether it was new.
// An error means that who brought it is to blame, for no honest device passes
// such a thing on; a rule that the statement itself breaks is held against the
// device that signed it.
func (m *Machine) learn(s statement) (fresh bool, err error) {
	if !m.admits(s) {
		return false, errors.New("brought a statement that its device must not make")
	}
	old, known := m.votes.words[s.Kind][s.Slot]
	if known && bytes.Equal(old.Body, s.Body) {
		return false, nil
	}
	if !m.signed(s) {
		return false, errors.New("brought a statement with a bad signature")
	}
	if s.Slot == m.self && s.Kind.binds() {
		return false, ErrRolledBack
	}
	if known && !s.Kind.binds() {
		// What binds nobody is not durable before it is said: a device that
		// lost power may say it again in other words.
		return false, nil
	}
	if err := m.understand(s); err != nil {
		m.votes.suspect(s.Slot, err.Error())
		return m.reject(s, known), nil
	}
	if known {
		m.votes.contradiction(old, s)
		return true, nil
	}
	m.votes.put(s)
	if s.Kind == deal {
		m.dealings.take(s)
	}
	m.votes.compare(s)
	for _, c := range m.carried(s) {
		if _, err := m.learn(c); err != nil {
			return true, err
		}
	}
	return true, nil
}

// reject notes what follows from a statement that is signed and wrong. A wrong
// dealing ends the attempt, and is passed on if it has the right length, so
// that everybody sees whom to leave out of the next one.
func (m *Machine) reject(s statement, known bool) (fresh bool) {
	if s.Kind != deal {
		return false
	}
	m.dealings.broken = true
	if _, whole := parseDealing(m.p, m.parent, s.Body); whole && !known {
		m.votes.put(s)
	}
	return true
}

// Resend implements [session.Machine]. It repeats everything that is known,
// whoever said it: a device that said something and died must still be heard.
func (m *Machine) Resend() []session.Effect {
	var out []session.Effect
	for _, s := range m.votes.list() {
		out = append(out, m.send(s))
	}
	return out
}

// Waiting implements [session.Machine]. It is empty as well while only the
// test signatures are missing, which members make together.
func (m *Machine) Waiting() []wire.Slot {
	var chain []kind
	switch {
	case m.phase == Locked:
		return m.votes.missing(lock, m.p.receivers())
	case m.phase == Aborted:
		return m.votes.missing(abort, m.p.Members)
	case m.phase == Committed || m.phase == Dealing && !m.member:
		chain = []kind{deal, ready, commit}
	case m.phase <= Prepared:
		chain = []kind{deal, ready}
	}
	for _, k := range chain {
		of := m.p.Members
		if k == deal {
			of = m.p.Dealers
		}
		if w := m.votes.missing(k, of); len(w) > 0 {
			return w
		}
	}
	return nil
}

// Close implements [session.Machine]. What is durable stays.
func (m *Machine) Close() { m.wipe() }

// Rest forgets the new shares and takes no step any more: the machine learns what
// others say, and repeats what it knows. Only [Resume], of its last state, goes
// on. It is for a device that must not hold its shares for a while.
func (m *Machine) Rest() {
	m.wipe()
	m.resting = true
}

// Resting reports whether [Machine.Rest] was called.
func (m *Machine) Resting() bool { return m.resting }

func (m *Machine) wipe() {
	for _, k := range m.keys {
		k.Wipe()
	}
	m.keys = nil
}
