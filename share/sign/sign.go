package sign

import (
	"bytes"
	"crypto/sha3"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/share/internal/rvole"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

const (
	tagProposal wire.Tag = "sign/proposal"
	tagSid      wire.Tag = "sign/sid"
	tagPair     wire.Tag = "sign/pair"
	tagView     wire.Tag = "sign/view"
	tagHedge    wire.Tag = "sign/hedge"
	tagOpening  wire.Tag = "sign/opening"
	tagRandom   wire.Tag = "sign/random"
	tagZero     wire.Tag = "sign/zero"
	tagCommit   wire.Tag = "sign/commitment"
	tagFrame    wire.Tag = "sign/frame"
)

// A Config is what one signer brings to a session.
type Config struct {
	// Proposal is what all signers agreed on. Its message is a digest that
	// this device computed itself from what its person was shown.
	Proposal share.Proposal
	// Record is the record of the certified epoch that the proposal names.
	Record roster.Record
	// Self is the slot of this device, one of Proposal.Signers.
	Self wire.Slot
	// Share is the share of the account in the slot Self. It stays the
	// caller's.
	Share secret.Key
	// Sign signs with this device's identity key. It is asked only in a session
	// of [share.VersionSigned].
	Sign func(msg []byte) [64]byte
	// Rand is a cryptographic source. It is read by New and by the Deliver
	// that completes the first round.
	Rand io.Reader
}

// A Machine is one signer's view of one signature. It implements
// [session.Machine].
type Machine struct {
	proposal share.Proposal
	bytes    []byte // of the proposal
	child    secp.Point
	tweak    secp.Scalar
	session  wire.SessionID
	self     wire.Slot
	rand     io.Reader
	peers    []*peer // ascending
	witness  share.Witness

	// round is the round whose frames are awaited; over is above all rounds
	// and means that nothing more is heard.
	round wire.Kind
	sent  [2][]session.Effect // of the last two rounds

	sid   wire.Hash
	views [][]byte // what was public in the rounds so far, in slot order
	nonce wire.Hash

	drbg  *sha3.SHAKE
	share secp.Secret // s_i, until sk_i is known
	sk    secp.Secret // sk_i
	r     secp.Secret // r_i
	phi   secp.Secret // φ_i

	point [secp.PointSize]byte // R_i
	salt  wire.Hash
	key   secp.Point // pk_i
	sum   secp.Point // R = Σ R_j
	u, w  secp.Scalar

	signature [65]byte
	done      bool
}

// over is the round of a machine that has ended, well or not.
const over wire.Kind = Rounds + 1

// A peer is one other signer and all that is between it and this device.
type peer struct {
	slot wire.Slot

	// heard holds, per kind, the frame that came first: its hash for the whole
	// session, its body until its round is processed.
	heard [Rounds + 1]struct {
		sum  wire.Hash
		body []byte
		is   bool
	}

	zero      secret.Key     // z that this device sent
	receiver  *ot.Receiver   // of the transfers in which this device is Bob
	sender    *ot.Sender     // of those in which it is Alice
	bob       *rvole.Bob     // of the multiplication in which it is Bob
	chi       secp.Secret    // χ, its factor as Bob
	shares    [2]secp.Secret // cᵘ and cᵛ, its output as Alice
	committed wire.Hash      // to R_j
}

// New checks that the proposal can be signed with the share and starts the
// session. The effects send the first round.
func New(cfg Config) (*Machine, []session.Effect, error) {
	if err := cfg.Proposal.Check(cfg.Record); err != nil {
		return nil, nil, fmt.Errorf("sign: %w", err)
	}
	if cfg.Proposal.Suite != roster.Secp256k1 {
		return nil, nil, errors.New("sign: account of another suite")
	}
	if !slices.Contains(cfg.Proposal.Signers, cfg.Self) {
		return nil, nil, fmt.Errorf("sign: device %d is not a signer", cfg.Self)
	}
	acc, _ := cfg.Record.Account(cfg.Proposal.Account)
	m, err := prepare(cfg, acc)
	if err != nil {
		return nil, nil, fmt.Errorf("sign: %w", err)
	}
	effects, err := m.open()
	if err != nil {
		m.Close()
		return nil, nil, err
	}
	return m, effects, nil
}

// prepare makes a machine out of a configuration whose proposal was checked.
func prepare(cfg Config, acc roster.Account) (*Machine, error) {
	tweak, child, _, err := share.Derive(acc, cfg.Proposal.Path)
	if err != nil {
		return nil, err
	}
	m := &Machine{
		proposal: cfg.Proposal,
		bytes:    cfg.Proposal.Bytes(),
		session:  cfg.Proposal.Session(),
		self:     cfg.Self,
		rand:     cfg.Rand,
		round:    kindOpen,
	}
	// The caller keeps its own: nothing it does to them changes what is signed.
	if cfg.Proposal.Version == share.VersionSigned {
		if cfg.Sign == nil {
			return nil, errors.New("no identity key to sign rounds with")
		}
		m.witness = share.NewWitness(cfg.Proposal, cfg.Record, cfg.Self, cfg.Sign)
	}
	m.proposal.Message, m.proposal.Signers = bytes.Clone(m.proposal.Message), slices.Clone(m.proposal.Signers)
	if m.tweak, err = secp.ParseScalar(tweak[:]); err != nil {
		return nil, err
	}
	if m.child, err = secp.ParsePoint(child); err != nil {
		return nil, err
	}
	want, err := share.PublicShare(acc, cfg.Self)
	if err != nil {
		return nil, err
	}
	if m.share, err = secp.SecretFromKey(cfg.Share); err != nil {
		return nil, err
	}
	if got := secp.BaseMul(m.share).Bytes(); !bytes.Equal(got[:], want) {
		m.share.Wipe()
		return nil, errors.New("share does not belong to this device in this epoch")
	}
	for _, s := range cfg.Proposal.Signers {
		if s != cfg.Self {
			m.peers = append(m.peers, &peer{slot: s})
		}
	}
	return m, nil
}

// Deliver implements [session.Machine].
func (m *Machine) Deliver(f wire.Frame) ([]session.Effect, error) {
	if m.round == over || f.Session != m.session || f.To != m.self || f.Kind < kindOpen || f.Kind > kindFinish {
		return nil, nil
	}
	i := slices.IndexFunc(m.peers, func(p *peer) bool { return p.slot == f.From })
	if i < 0 {
		return nil, nil
	}
	if len(f.Body) != bodySize[f.Kind]+m.witness.Size() {
		return m.fail(fault(f.From, session.Malformed, "length", nil))
	}
	h := &m.peers[i].heard[f.Kind]
	sum := wire.Sum(tagFrame, f.Body)
	if h.is {
		if h.sum != sum {
			return m.fail(fault(f.From, session.Equivocation, "second-frame", nil))
		}
		return nil, nil
	}
	if !m.witness.Hear(f.From, f.Kind, f.Body, saidSize[f.Kind]) {
		return m.fail(fault(f.From, session.Malformed, "statement", nil))
	}
	h.sum, h.body, h.is = sum, bytes.Clone(f.Body), true
	var out []session.Effect
	for m.round != over && len(m.Waiting()) == 0 {
		effects, err := m.step()
		if err != nil {
			return m.fail(err)
		}
		m.forget()
		m.round++
		out = append(out, effects...)
	}
	if m.done {
		out = append(out, session.Done{})
	}
	return out, nil
}

// step processes the current round, every frame of which is here.
func (m *Machine) step() ([]session.Effect, error) {
	switch m.round {
	case kindOpen:
		return m.choose()
	case kindChoose:
		return m.extend()
	case kindExtend:
		return m.multiply()
	case kindMultiply:
		return m.release()
	default:
		return nil, m.finish()
	}
}

// forget drops the bodies of the round that was processed; their hashes remain
// for telling a repetition from a second frame.
func (m *Machine) forget() {
	for _, p := range m.peers {
		clear(p.heard[m.round].body)
		p.heard[m.round].body = nil
	}
}

// fail ends the session: nothing further is sent, not even again.
func (m *Machine) fail(err error) ([]session.Effect, error) {
	m.Close()
	return nil, err
}

func fault(slot wire.Slot, class session.Class, check string, err error) error {
	return &session.Fault{Slot: slot, Class: class, Check: check, Err: err}
}

// Resend implements [session.Machine]. It repeats the last two rounds: the
// others have received what came before, or they could not have sent what this
// device has.
func (m *Machine) Resend() []session.Effect { return slices.Concat(m.sent[0], m.sent[1]) }

// Waiting implements [session.Machine].
func (m *Machine) Waiting() []wire.Slot {
	var slots []wire.Slot
	for _, p := range m.peers {
		if m.round != over && !p.heard[m.round].is {
			slots = append(slots, p.slot)
		}
	}
	return slots
}

// Signature returns r ‖ s ‖ v with low s and the recovery identifier v, once the
// machine is done.
func (m *Machine) Signature() (sig [65]byte, ok bool) { return m.signature, m.done }

// Statements returns what this device and the others said to all in the session,
// signed, for [share.Judge] to compare. There are none in a session of
// [share.Version]. They stay readable after Close.
func (m *Machine) Statements() []share.Statement { return m.witness.Statements() }

// Close implements [session.Machine]. The signature of a machine that was done
// is public and stays readable.
func (m *Machine) Close() {
	m.round = over
	m.sent = [2][]session.Effect{}
	m.wipe()
	for _, p := range m.peers {
		for k := range p.heard {
			clear(p.heard[k].body)
			p.heard[k].body = nil
		}
	}
}

// wipe clears every secret.
func (m *Machine) wipe() {
	if m.drbg != nil {
		m.drbg.Reset()
	}
	for _, s := range []secp.Secret{m.share, m.sk, m.r, m.phi} {
		s.Wipe()
	}
	clear(m.salt[:])
	for _, p := range m.peers {
		p.zero.Wipe()
		if p.receiver != nil {
			p.receiver.Wipe()
		}
		if p.sender != nil {
			p.sender.Wipe()
		}
		p.chi.Wipe()
		p.shares[0].Wipe()
		p.shares[1].Wipe()
	}
}

// send makes the frames of one round, one per other signer.
func (m *Machine) send(k wire.Kind, bodies [][]byte) []session.Effect {
	out := make([]session.Effect, len(m.peers))
	sig := m.witness.Say(k, bodies[0][:saidSize[k]])
	for i, p := range m.peers {
		out[i] = session.Send{Frame: wire.Frame{Session: m.session, From: m.self, To: p.slot, Kind: k, Body: append(bodies[i], sig...)}}
	}
	m.sent = [2][]session.Effect{m.sent[1], out}
	return out
}

// record adds to the view what was public in the current round, own part
// included, in slot order.
func (m *Machine) record(parts ...[]byte) {
	own, placed := slices.Concat(parts...), false
	for _, p := range m.peers {
		if !placed && m.self < p.slot {
			m.views, placed = append(m.views, own), true
		}
		m.views = append(m.views, bytes.Clone(p.heard[m.round].body[:publicSize[m.round]]))
	}
	if !placed {
		m.views = append(m.views, own)
	}
}

// view is the hash of all that was public before the given round.
func (m *Machine) view(round wire.Kind) wire.Hash {
	return wire.Sum(tagView, append([][]byte{m.sid[:], {byte(round)}}, m.views...)...)
}

// sameView compares the view hashes that came with the current round.
func (m *Machine) sameView(of func(body []byte) []byte) error {
	want := m.view(m.round)
	for _, p := range m.peers {
		if bytes.Equal(of(p.heard[m.round].body), want[:]) {
			continue
		}
		if len(m.peers) > 1 {
			return session.ErrViewMismatch
		}
		// Between two there is nobody who could have told them different things.
		// The view is of what each said to the other, and was the other's to say
		// only once.
		return fault(p.slot, session.Cheat, "view", nil)
	}
	return nil
}
