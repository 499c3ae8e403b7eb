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
	"github.com/warifu/warifu/share"
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
	cfg     Config
	p       Proposal
	parent  roster.Record
	draft   roster.Record // the record to be, without commitments
	attempt wire.Hash
	member  bool // else a sleeper

	// What was said, by kind and slot. Every statement is verified.
	words [kinds]map[wire.Slot]statement

	dealings  map[wire.Slot]dealing
	broken    bool // a dealing is wrong, or all of them together are
	cancelled bool // they are right one by one, and cancel each other out
	record    *roster.Record
	hash      wire.Hash
	keys      []secret.Key // the new shares, by account
	phase     Phase
	presence  bool // the owner retires although a sleeper has not locked
	shut      bool // a sleeper's mailbox does not open
	resting   bool // the new shares were forgotten, see Rest

	proven map[wire.Slot]bool // verdicts on proofs in ready statements
	passed map[wire.Slot]bool // verdicts on test signatures

	suspects map[wire.Slot]string // devices that broke a rule, and which
	evidence []Contradiction
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
	body, err := m.makeDealing()
	if err != nil {
		return nil, nil, err
	}
	m.say(deal, body)
	// The dealing must be durable before anybody sees it: it cannot be made
	// again, and two different ones would be an equivocation.
	out := []session.Effect{m.persist(), m.send(m.words[deal][cfg.Self])}
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
	m := &Machine{
		cfg: cfg, p: cfg.Proposal, parent: cfg.Parent, draft: draft, attempt: cfg.Proposal.Attempt(),
		member: slices.Contains(cfg.Proposal.Members, cfg.Self), dealings: map[wire.Slot]dealing{}, proven: map[wire.Slot]bool{}, passed: map[wire.Slot]bool{},
		suspects: map[wire.Slot]string{},
	}
	if !m.member && !slices.Contains(m.p.Sleepers, cfg.Self) {
		return nil, fmt.Errorf("refresh: device %d has no part in this", cfg.Self)
	}
	for k := range m.words {
		m.words[k] = map[wire.Slot]statement{}
	}
	return m, nil
}

// The kinds of frames: a statement is the only one.
const kindStatement wire.Kind = 1

func (m *Machine) send(s statement) session.Effect {
	return session.Send{Frame: wire.Frame{Session: wire.SessionID(m.attempt), From: m.cfg.Self, Kind: kindStatement, Body: wire.Marshal(s)}}
}

// say makes a statement of this device.
func (m *Machine) say(k kind, body []byte) statement {
	s := statement{Kind: k, Slot: m.cfg.Self, Body: body}
	s.Sig = m.cfg.Sign(s.message(m.attempt))
	m.words[k][s.Slot] = s
	if k == deal {
		m.dealings[s.Slot], _ = parseDealing(m.p, m.parent, body)
	}
	return s
}

// Deliver implements [session.Machine]. A frame that no honest device sends is
// noted against its sender and otherwise ignored. The only error is
// [ErrRolledBack].
func (m *Machine) Deliver(f wire.Frame) ([]session.Effect, error) {
	if m.phase == RolledBack || f.Session != wire.SessionID(m.attempt) || f.From == m.cfg.Self || f.Kind != kindStatement || f.To != 0 && f.To != m.cfg.Self {
		return nil, nil
	}
	if _, in := m.draft.Device(f.From); !in {
		return nil, nil
	}
	var s statement
	if err := wire.Unmarshal(f.Body, &s); err != nil {
		m.suspect(f.From, "malformed statement")
		return nil, nil
	}
	fresh, err := m.learn(s)
	switch {
	case m.ended():
		// What comes late changes nothing, but may show who is to blame.
		if err != nil && !errors.Is(err, ErrRolledBack) {
			m.suspect(f.From, err.Error())
		}
		return nil, nil
	case errors.Is(err, ErrRolledBack):
		m.phase = RolledBack
		return []session.Effect{m.persist()}, err
	case err != nil:
		m.suspect(f.From, err.Error())
		return nil, nil
	case !fresh:
		// Repeats are most of what arrives, and must cost nothing.
		return nil, nil
	}
	return m.advance()
}

func (m *Machine) suspect(slot wire.Slot, what string) {
	if m.suspects[slot] == "" {
		m.suspects[slot] = what
	}
}

func (m *Machine) ended() bool {
	return m.phase == Retired || m.phase == Returned || m.phase == RolledBack
}

// learn takes over a statement that is valid, and reports whether it was new.
// An error means that who brought it is to blame, for no honest device passes
// such a thing on; a rule that the statement itself breaks is held against the
// device that signed it.
func (m *Machine) learn(s statement) (fresh bool, err error) {
	if s.Kind <= said || s.Kind >= kinds || !m.p.allowed(s.Kind, s.Slot) {
		return false, errors.New("brought a statement that its device must not make")
	}
	old, known := m.words[s.Kind][s.Slot]
	if known && bytes.Equal(old.Body, s.Body) {
		return false, nil
	}
	d, _ := m.draft.Device(s.Slot)
	if !s.verify(m.attempt, d.Identity) {
		return false, errors.New("brought a statement with a bad signature")
	}
	if s.Slot == m.cfg.Self && s.Kind.binds() {
		return false, ErrRolledBack
	}
	if known && !s.Kind.binds() {
		// What binds nobody is not durable before it is said: a device that
		// lost power may say it again in other words.
		return false, nil
	}
	if err := m.understand(s); err != nil {
		m.suspect(s.Slot, err.Error())
		return m.reject(s, known), nil
	}
	if known {
		m.contradiction(old, s)
		return true, nil
	}
	m.words[s.Kind][s.Slot] = s
	if s.Kind == deal {
		m.dealings[s.Slot], _ = parseDealing(m.p, m.parent, s.Body)
	}
	m.compare(s)
	return true, m.unpack(s)
}

// reject notes what follows from a statement that is signed and wrong. A wrong
// dealing ends the attempt, and is passed on if it has the right length, so
// that everybody sees whom to leave out of the next one.
func (m *Machine) reject(s statement, known bool) (fresh bool) {
	if s.Kind != deal {
		return false
	}
	m.broken = true
	if _, whole := parseDealing(m.p, m.parent, s.Body); whole && !known {
		m.words[deal][s.Slot] = s
	}
	return true
}

// understand checks what can be checked of a statement by itself.
func (m *Machine) understand(s statement) error {
	switch s.Kind {
	case deal:
		d, ok := parseDealing(m.p, m.parent, s.Body)
		if !ok {
			return errors.New("dealt in the wrong length")
		}
		for a, acc := range m.parent.Accounts {
			public, err := share.PublicShare(acc, s.Slot)
			if err != nil {
				return err
			}
			if err := algebraOf(acc.Suite).checkDealing(d.commitments[a], public); err != nil {
				return err
			}
		}
	case ready:
		if len(s.Body) != m.readySize() {
			return errors.New("said ready in the wrong length")
		}
	case commit:
		if len(s.Body) != len(wire.Hash{}) {
			return errors.New("committed in the wrong length")
		}
	case lock:
		for _, c := range m.parseLock(s.Body) {
			if d, _ := m.draft.Device(c.Slot); c.Slot != 0 && c.verify(m.attempt, d.Identity) {
				continue
			}
			return errors.New("locked without the commits of all members")
		}
	case abort:
		because, err := parseAbort(s.Body)
		if err != nil || because == nil {
			return err
		}
		d, ok := m.draft.Device(because.Slot)
		if !ok || because.Slot == s.Slot || !m.p.allowed(abort, because.Slot) || !because.verify(m.attempt, d.Identity) {
			return errors.New("aborted after a commit because of nothing")
		}
	case tested:
		if _, ok := m.parseTested(s.Body); !ok {
			return errors.New("showed test signatures of the wrong form")
		}
	case complaint:
		if len(s.Body) != 2 {
			return errors.New("complained in the wrong length")
		}
	}
	return nil
}

// unpack learns the statements that s rests on and carries.
func (m *Machine) unpack(s statement) error {
	var carried []statement
	switch s.Kind {
	case lock:
		carried = m.parseLock(s.Body)
	case abort:
		if because, _ := parseAbort(s.Body); because != nil {
			carried = append(carried, *because)
		}
	}
	for _, c := range carried {
		if _, err := m.learn(c); err != nil {
			return err
		}
	}
	return nil
}

// compare looks for other statements of the same device that s contradicts.
func (m *Machine) compare(s statement) {
	for _, k := range []kind{commit, abort, lock} {
		if other, ok := m.words[k][s.Slot]; ok && k != s.Kind {
			m.contradiction(other, s)
		}
	}
}

// contradiction notes two statements of one device as evidence if they are.
func (m *Machine) contradiction(first, then statement) {
	what := contradicts(first, then)
	if what == "" {
		return
	}
	m.suspect(then.Slot, what)
	if !slices.ContainsFunc(m.evidence, func(c Contradiction) bool { return c.Slot == then.Slot && c.What == what }) {
		m.evidence = append(m.evidence, Contradiction{Slot: then.Slot, What: what, First: wire.Marshal(first), Then: wire.Marshal(then)})
	}
}

// Resend implements [session.Machine]. It repeats everything that is known,
// whoever said it: a device that said something and died must still be heard.
func (m *Machine) Resend() []session.Effect {
	var out []session.Effect
	for k := range m.words {
		for _, slot := range m.draft.Slots() {
			if s, ok := m.words[k][slot]; ok {
				out = append(out, m.send(s))
			}
		}
	}
	return out
}

// Waiting implements [session.Machine]. It is empty as well while only the
// test signatures are missing, which members make together.
func (m *Machine) Waiting() []wire.Slot {
	missing := func(k kind, of []wire.Slot) (out []wire.Slot) {
		for _, s := range of {
			if _, ok := m.words[k][s]; !ok && s != m.cfg.Self {
				out = append(out, s)
			}
		}
		return out
	}
	var chain []kind
	switch {
	case m.phase == Locked:
		return missing(lock, m.p.receivers())
	case m.phase == Aborted:
		return missing(abort, m.p.Members)
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
		if w := missing(k, of); len(w) > 0 {
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
