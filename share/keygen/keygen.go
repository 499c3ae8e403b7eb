package keygen

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// Config is what a device brings to a founding. Proposal must be the same at
// every device.
type Config struct {
	Proposal Proposal
	Self     wire.Slot

	// Sign signs with the identity key that Proposal lists for Self.
	Sign func(msg []byte) [64]byte

	// Rand is a source fit for keys. It is read by [New] only.
	Rand io.Reader
}

func (c Config) check() error {
	if err := c.Proposal.Check(); err != nil {
		return err
	}
	if c.Self < 1 || int(c.Self) > len(c.Proposal.Devices) {
		return fmt.Errorf("keygen: device %d is not in the proposal", c.Self)
	}
	if c.Sign == nil {
		return errors.New("keygen: config without signer")
	}
	return nil
}

// A phase says what the machine waits for. Phases are passed in order; a
// failure at any time leads to the last.
type phase uint8

const (
	awaitHello    phase = iota // nonces
	awaitCommit                // commitments
	awaitReveal                // reveals and shares
	awaitVerified              // agreement on the record
	awaitPerson                // Confirm
	awaitReady                 // PENDING: signatures
	certified
	over
)

// The names of the checks in a [session.Fault].
const (
	checkAddress        = "frame-address"
	checkLength         = "message-length"
	checkTwice          = "two-messages"
	checkNonce          = "nonce-copied"
	checkOpening        = "commitment-opening"
	checkPoints         = "points"
	checkProof          = "proof-of-knowledge"
	checkShare          = "share"
	checkReady          = "ready-signature"
	checkCertificate    = "certificate"
	checkComplaint      = "complaint-format"
	checkFalseComplaint = "false-complaint"
)

// A Machine is one device's view of one founding. It implements
// [session.Machine].
//
// When Deliver fails with a [*session.Fault], one effect comes with it: the
// Send of a complaint, which the driver carries out although the session is
// over. Resend repeats it.
type Machine struct {
	cfg     Config
	session wire.SessionID
	n       int
	phase   phase

	// got holds the bodies received or sent, by kind and slot−1; nil if there
	// is none yet. Only the first of each is kept.
	got [kinds][][]byte

	// Ours until it has been revealed, by account.
	dealings    []dealing
	salt, chain []byte

	// The shares for the others by slot−1, kept until all have verified them.
	outgoing []secret.Key

	sid      wire.Hash
	view     wire.Hash
	revealed []*opened // by slot−1
	held     []bool    // by slot−1; its share is checked too

	record    roster.Record
	hash      wire.Hash    // of record
	keys      []secret.Key // our shares, by account
	ready     [][]byte     // verified READY signatures, by slot−1
	complaint []byte       // ours, if we ended the session for a fault
}

var _ session.Machine = (*Machine)(nil)

// New starts a founding. All of this device's randomness is drawn here.
func New(cfg Config) (*Machine, []session.Effect, error) {
	if err := cfg.check(); err != nil {
		return nil, nil, err
	}
	if cfg.Rand == nil {
		return nil, nil, errors.New("keygen: config without randomness")
	}
	m := blank(cfg)
	random := make([]byte, 3*hashSize)
	if _, err := io.ReadFull(cfg.Rand, random); err != nil {
		return nil, nil, fmt.Errorf("keygen: read randomness: %w", err)
	}
	m.salt, m.chain = random[:hashSize:hashSize], random[hashSize:2*hashSize:2*hashSize]
	for _, a := range accounts {
		d, err := algebraOf(a.suite).deal(cfg.Proposal.Threshold, cfg.Rand)
		if err != nil {
			m.Close()
			return nil, nil, fmt.Errorf("keygen: deal %s: %w", a.name, err)
		}
		m.dealings = append(m.dealings, d)
	}
	m.got[kindHello][m.self()] = random[2*hashSize:]
	return m, m.Resend(), nil
}

func blank(cfg Config) *Machine {
	m := &Machine{cfg: cfg, session: cfg.Proposal.Session(), n: len(cfg.Proposal.Devices)}
	m.cfg.Rand = nil
	for k := range m.got {
		m.got[k] = make([][]byte, m.n)
	}
	m.revealed, m.held, m.ready = make([]*opened, m.n), make([]bool, m.n), make([][]byte, m.n)
	return m
}

// Deliver implements [session.Machine].
func (m *Machine) Deliver(f wire.Frame) ([]session.Effect, error) {
	if m.phase >= certified || f.Session != m.session || f.From == m.cfg.Self || !m.member(f.From) ||
		f.To != 0 && f.To != m.cfg.Self {
		return nil, nil
	}
	out, err := m.deliver(f)
	if err == nil {
		return out, nil
	}
	if fault := (*session.Fault)(nil); errors.As(err, &fault) {
		out = []session.Effect{m.complain(fault)}
	} else {
		out = nil
	}
	m.Close()
	return out, err
}

func (m *Machine) deliver(f wire.Frame) ([]session.Effect, error) {
	i := f.From - 1
	fault := func(c session.Class, check string) ([]session.Effect, error) {
		return nil, &session.Fault{Slot: f.From, Class: c, Check: check}
	}
	if (f.Kind == kindShare) != (f.To != 0) && f.Kind > 0 && f.Kind < kinds {
		return fault(session.Malformed, checkAddress)
	}
	if f.Kind == kindComplaint {
		if m.phase >= awaitReady {
			// Everybody had verified everything. What counts now is whether
			// the certificate comes together.
			return nil, nil
		}
		return nil, m.judge(f.From, f.Body)
	}
	size, ok := bodySize(f.Kind, m.cfg.Proposal.Threshold, m.n)
	if !ok || m.phase >= awaitReady && f.Kind < kindReady {
		return nil, nil
	}
	if len(f.Body) != size {
		return fault(session.Malformed, checkLength)
	}
	if f.Kind == kindCertificate {
		return m.certificate(f.From, f.Body)
	}
	if f.Kind == kindShare && m.phase > awaitReveal {
		return nil, nil // ours is in the sum, and wiped
	}
	if old := m.got[f.Kind][i]; old != nil {
		if !bytes.Equal(old, f.Body) {
			return fault(session.Equivocation, checkTwice)
		}
		return nil, nil
	}
	m.got[f.Kind][i] = bytes.Clone(f.Body)
	return m.advance()
}

// advance goes on as far as the messages received so far allow.
func (m *Machine) advance() (out []session.Effect, err error) {
	for {
		before := m.phase
		var eff []session.Effect
		switch m.phase {
		case awaitHello:
			eff, err = m.afterHello()
		case awaitCommit:
			eff, err = m.afterCommit()
		case awaitReveal:
			eff, err = m.afterReveal()
		case awaitVerified:
			err = m.afterVerified()
		case awaitPerson, awaitReady:
			eff, err = m.afterReady()
		}
		out = append(out, eff...)
		if err != nil || m.phase == before {
			return out, err
		}
	}
}

// Review returns the record that the person must confirm, and whether there is
// one: all devices have verified it. It is not certified yet, so that nothing
// may be received at its keys.
func (m *Machine) Review() (roster.Record, bool) {
	return m.record, m.phase == awaitPerson
}

// Confirm says that the person has compared the names and [roster.Words] of
// the record that [Machine.Review] returned. It makes the share durable and
// then says READY. Once the person has confirmed it does nothing.
func (m *Machine) Confirm() ([]session.Effect, error) {
	if m.phase == awaitReady || m.phase == certified {
		return nil, nil
	}
	if m.phase != awaitPerson {
		return nil, errors.New("keygen: nothing to confirm")
	}
	sig := m.cfg.Sign(roster.ReadyMessage(m.hash))
	if !m.rightReady(m.cfg.Self, sig[:]) {
		return nil, errors.New("keygen: own signature does not fit the identity key in the proposal")
	}
	m.ready[m.self()] = sig[:]
	m.got[kindReady][m.self()] = append(m.hash[:], sig[:]...)
	m.phase = awaitReady
	// The share must be durable before anybody hears that it is: a
	// certificate without it would be a key that nobody can use.
	out := []session.Effect{m.persist(), m.send(kindReady, 0, m.got[kindReady][m.self()])}
	more, err := m.advance()
	return append(out, more...), err
}
