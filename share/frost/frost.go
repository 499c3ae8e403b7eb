package frost

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/wire"
)

const (
	tagProposal wire.Tag = "frost/proposal"
	tagHedge    wire.Tag = "frost/hedge"
	tagRandom   wire.Tag = "frost/random"
	tagView     wire.Tag = "frost/view"
)

// A Config says what this device signs, with whom and with which share. All
// but Self, Share and Rand must be the same at every signer.
type Config struct {
	// Proposal is what this device has compared with the request that its
	// person or its policy approved.
	Proposal share.Proposal

	// Record is the record of the certified epoch that Proposal names.
	Record roster.Record

	// Self is this device's slot, one of Proposal.Signers.
	Self wire.Slot

	// Share is this device's share of the account. The machine takes a copy;
	// the caller keeps and wipes its own.
	Share secret.Key

	// Sign signs with this device's identity key. It is asked only in a session
	// of [share.VersionSigned].
	Sign func(msg []byte) [64]byte

	// Rand is a cryptographic source. It is read in [New] only.
	Rand io.Reader
}

// A Machine implements [session.Machine] for one signature. It is made by
// [New] and cannot be resumed.
type Machine struct {
	proposal share.Proposal
	session  wire.SessionID
	self     int // index of this device in proposal.Signers, as everywhere below
	public   []ed.Point
	share    ed.Secret
	nonces   *nonces
	witness  share.Witness

	raw      [2][][]byte // bodies as received, by round and device; nil until then
	commits  []commitBody
	signing  *signing // nil until round 1 is complete
	view     wire.Hash
	answers  []responseBody
	accepted []bool // response has been verified

	signature [64]byte
	done      bool
	over      bool // failed or closed
}

var _ session.Machine = (*Machine)(nil)

// New checks cfg, draws the nonces of the session and returns the machine with
// the effects that send round 1. Whatever it returns, it keeps nothing of
// cfg's memory.
func New(cfg Config) (*Machine, []session.Effect, error) {
	random, err := generator(cfg)
	if err != nil {
		return nil, nil, err
	}
	defer random.Reset() // from its state the nonces could be found
	return newMachine(cfg, random)
}

// generator returns the stream of random bytes of one session. The share in H3
// keeps nonces secret if the source is known, but a source that repeats itself,
// as in a virtual machine that is set back, would repeat them with it: three
// responses under one pair give the share. The name of the session makes them
// others. The share is here, too, for the nonce of the envelope: two devices that
// were cloned from one image draw the same bytes, and each would take the other's
// nonce for an echo of its own.
func generator(cfg Config) (*sha3.SHAKE, error) {
	var fresh [32]byte
	defer clear(fresh[:])
	if _, err := io.ReadFull(cfg.Rand, fresh[:]); err != nil {
		return nil, fmt.Errorf("frost: read randomness: %w", err)
	}
	var hedge wire.Hash
	defer clear(hedge[:])
	if err := cfg.Share.Use(func(s *[secret.Size]byte) error {
		hedge = wire.Sum(tagHedge, s[:])
		return nil
	}); err != nil {
		return nil, fmt.Errorf("frost: read share: %w", err)
	}
	id := cfg.Proposal.Session()
	return wire.XOF(tagRandom, fresh[:], hedge[:], id[:]), nil
}

func newMachine(cfg Config, random io.Reader) (*Machine, []session.Effect, error) {
	if err := cfg.Proposal.Check(cfg.Record); err != nil {
		return nil, nil, fmt.Errorf("frost: %w", err)
	}
	if cfg.Proposal.Suite != roster.Ed25519 {
		return nil, nil, fmt.Errorf("frost: proposal for suite %v", cfg.Proposal.Suite)
	}
	// Encoding and decoding copies every slice, so that the caller cannot
	// change the message between the rounds.
	p, err := share.ParseProposal(cfg.Proposal.Bytes())
	if err != nil {
		return nil, nil, fmt.Errorf("frost: %w", err)
	}
	n := len(p.Signers)
	m := &Machine{
		proposal: p,
		session:  p.Session(),
		self:     slices.Index(p.Signers, cfg.Self),
		raw:      [2][][]byte{make([][]byte, n), make([][]byte, n)},
		commits:  make([]commitBody, n),
		answers:  make([]responseBody, n),
		accepted: make([]bool, n),
	}
	if m.self < 0 {
		return nil, nil, fmt.Errorf("frost: device %d is not a signer", cfg.Self)
	}
	if m.public, err = publicShares(cfg.Record, p); err != nil {
		return nil, nil, err
	}
	if p.Version == share.VersionSigned {
		if cfg.Sign == nil {
			return nil, nil, errors.New("frost: no identity key to sign rounds with")
		}
		m.witness = share.NewWitness(p, cfg.Record, cfg.Self, cfg.Sign)
	}
	if err := m.start(cfg, random); err != nil {
		m.Close()
		return nil, nil, err
	}
	return m, m.Resend(), nil
}

// publicShares returns Y_i of every signer. The account has no derived keys, so
// that the group key and the child key are one (see [share.Derive]).
func publicShares(rec roster.Record, p share.Proposal) ([]ed.Point, error) {
	acc, _ := rec.Account(p.Account)
	group := poly.Ed25519()
	commitments, err := group.ParsePoints(acc.Commitments)
	if err != nil {
		return nil, fmt.Errorf("frost: commitments of account %q: %w", acc.Name, err)
	}
	points := make([]ed.Point, len(p.Signers))
	for i, slot := range p.Signers {
		points[i] = group.EvalVartime(commitments, slot)
	}
	return points, nil
}

var errShare = errors.New("frost: the share does not belong to the record of the epoch")

// start draws everything random and fills in our own message of round 1.
func (m *Machine) start(cfg Config, random io.Reader) (err error) {
	if m.share, err = ed.SecretFromKey(cfg.Share); err != nil {
		return fmt.Errorf("frost: read share: %w", err)
	}
	// A share of another epoch would make us look like a cheat to the others.
	if !ed.BaseMul(m.share).Equal(m.public[m.self]) {
		return errShare
	}
	own := commitBody{proposal: m.proposalHash()}
	if _, err := io.ReadFull(random, own.nonce[:]); err != nil {
		return fmt.Errorf("frost: read randomness: %w", err)
	}
	if m.nonces, err = commit(cfg.Self, m.share, random); err != nil {
		return err
	}
	own.commitment = m.nonces.own
	m.commits[m.self], m.raw[0][m.self] = own, m.signed(KindCommit, own.bytes())
	return nil
}

// signed puts the signature of this device at the end of what it says to all,
// which is all that it says.
func (m *Machine) signed(k wire.Kind, body []byte) []byte {
	return append(body, m.witness.Say(k, body)...)
}

// Statements returns what this device and the others said in the session, signed,
// for [share.Judge] to compare. There are none in a session of [share.Version].
// They stay readable after Close.
func (m *Machine) Statements() []share.Statement { return m.witness.Statements() }

func (m *Machine) proposalHash() wire.Hash { return wire.Sum(tagProposal, m.proposal.Bytes()) }

// Signature returns R ‖ z, and whether there is one yet.
func (m *Machine) Signature() (sig [64]byte, ok bool) { return m.signature, m.done }

// Deliver implements [session.Machine].
func (m *Machine) Deliver(f wire.Frame) ([]session.Effect, error) {
	from := slices.Index(m.proposal.Signers, f.From)
	if m.over || m.done || f.Session != m.session || f.To != 0 || from < 0 || from == m.self {
		return nil, nil
	}
	if f.Kind != KindCommit && f.Kind != KindResponse {
		return nil, nil
	}
	out, err := m.receive(from, f)
	if err != nil {
		m.Close()
		return nil, err
	}
	return out, nil
}

func (m *Machine) receive(from int, f wire.Frame) ([]session.Effect, error) {
	seen := m.raw[f.Kind-KindCommit]
	if old := seen[from]; old != nil {
		if !bytes.Equal(old, f.Body) {
			return nil, &session.Fault{Slot: f.From, Class: session.Equivocation, Check: "one-message-per-round"}
		}
		return nil, nil
	}
	size, check := commitSize, "commit-length"
	if f.Kind == KindResponse {
		size, check = responseSize, "response-length"
	}
	if len(f.Body) != size+m.witness.Size() {
		return nil, malformed(f.From, check, errLength)
	}
	if !m.witness.Hear(f.From, f.Kind, f.Body, size) {
		return nil, malformed(f.From, "statement", nil)
	}
	var err error
	if f.Kind == KindCommit {
		err = m.receiveCommit(from, f.From, f.Body[:size])
	} else {
		// May be early: it waits here until round 1 is complete.
		m.answers[from], err = parseResponse(f.From, f.Body[:size])
	}
	if err != nil {
		return nil, err
	}
	seen[from] = bytes.Clone(f.Body)
	return m.advance()
}

func (m *Machine) receiveCommit(from int, slot wire.Slot, raw []byte) error {
	body, err := parseCommit(slot, raw)
	if err != nil {
		return err
	}
	if body.proposal != m.proposalHash() {
		// The session is named by a hash of the proposal. Whoever speaks under
		// that name has the same proposal, and can hash it only one way.
		return &session.Fault{Slot: slot, Class: session.Cheat, Check: "proposal-hash"}
	}
	if body.copies(m.commits[m.self]) {
		// Ours was random before anybody saw it, so we know who copied.
		return &session.Fault{Slot: slot, Class: session.Cheat, Check: "commit-fresh"}
	}
	for i, other := range m.commits {
		if i != m.self && m.raw[0][i] != nil && body.copies(other) {
			return fmt.Errorf("frost: devices %d and %d committed to the same: %w", m.proposal.Signers[i], slot, session.ErrUnattributable)
		}
	}
	m.commits[from] = body
	return nil
}

// advance does whatever the messages received so far allow.
func (m *Machine) advance() ([]session.Effect, error) {
	var out []session.Effect
	if m.signing == nil {
		if slices.ContainsFunc(m.raw[0], missing) {
			return nil, nil
		}
		if err := m.respond(); err != nil {
			return nil, err
		}
		// From the moment the response leaves, the others may have the
		// signature. The note of that must be durable first.
		out = append(out, session.Release{}, m.send(KindResponse))
	}
	if err := m.acceptResponses(); err != nil {
		return nil, err
	}
	if slices.ContainsFunc(m.raw[1], missing) {
		return out, nil
	}
	if err := m.finish(); err != nil {
		return nil, err
	}
	return append(out, session.Done{}), nil
}

func missing(body []byte) bool { return body == nil }

// respond ends round 1: it fixes the view and computes our response, which
// uses up the nonces.
func (m *Machine) respond() (err error) {
	defer m.share.Wipe()
	list := make([]commitment, len(m.commits))
	said := make([][]byte, len(m.commits))
	for i, c := range m.commits {
		list[i], said[i] = c.commitment, m.raw[0][i][:commitSize]
	}
	m.view = viewOf(m.proposal, said)

	key := [ed.PointSize]byte(m.proposal.ChildKey)
	if m.signing, err = newSigning(m.proposal.Signers, list, key, m.proposal.Message); err != nil {
		return err
	}
	own := responseBody{view: m.view}
	if own.z, err = m.signing.sign(m.nonces, m.share); err != nil {
		return err
	}
	m.answers[m.self], m.raw[1][m.self], m.accepted[m.self] = own, m.signed(KindResponse, own.bytes()), true
	return nil
}

// acceptResponses checks those responses that have arrived and have not been
// checked.
func (m *Machine) acceptResponses() error {
	for i, a := range m.answers {
		if m.accepted[i] || m.raw[1][i] == nil {
			continue
		}
		// The view comes first: under another view an honest response fails
		// the equation, and nobody is to blame. Between two there is nobody who
		// could have told them different things.
		if a.view != m.view && len(m.proposal.Signers) == 2 {
			return &session.Fault{Slot: m.proposal.Signers[i], Class: session.Cheat, Check: "view"}
		} else if a.view != m.view {
			return fmt.Errorf("frost: another first round: %w", session.ErrViewMismatch)
		}
		if !m.signing.verify(i, a.z, m.public[i]) {
			return &session.Fault{Slot: m.proposal.Signers[i], Class: session.Cheat, Check: "response-equation"}
		}
		m.accepted[i] = true
	}
	return nil
}

// finish adds up the responses and verifies the sum with an implementation
// that has nothing to do with this one.
func (m *Machine) finish() error {
	z := make([]ed.Scalar, len(m.answers))
	for i, a := range m.answers {
		z[i] = a.z
	}
	sig := m.signing.aggregate(z)
	if !ed25519.Verify(m.proposal.ChildKey, m.proposal.Message, sig[:]) {
		return fmt.Errorf("frost: signature does not verify: %w", session.ErrUnattributable)
	}
	m.signature, m.done = sig, true
	return nil
}

func (m *Machine) send(k wire.Kind) session.Effect {
	return session.Send{Frame: wire.Frame{
		Session: m.session, From: m.proposal.Signers[m.self], Kind: k,
		Body: bytes.Clone(m.raw[k-KindCommit][m.self]),
	}}
}

// Resend implements [session.Machine].
func (m *Machine) Resend() []session.Effect {
	if m.over {
		return nil
	}
	out := []session.Effect{m.send(KindCommit)}
	if m.signing != nil {
		out = append(out, m.send(KindResponse))
	}
	return out
}

// Waiting implements [session.Machine].
func (m *Machine) Waiting() []wire.Slot {
	if m.over || m.done {
		return nil
	}
	round := m.raw[0]
	if m.signing != nil {
		round = m.raw[1]
	}
	var slots []wire.Slot
	for i, body := range round {
		if body == nil {
			slots = append(slots, m.proposal.Signers[i])
		}
	}
	return slots
}

// Close implements [session.Machine].
func (m *Machine) Close() {
	m.over = true
	m.share.Wipe()
	if m.nonces != nil {
		m.nonces.wipe()
	}
}
