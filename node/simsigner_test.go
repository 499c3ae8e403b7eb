package node

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"math/big"
	"slices"

	"filippo.io/edwards25519"
	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"
	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A watchedSigner is a real signing machine under the eyes of the oracle.
type watchedSigner struct {
	session.Machine
	t   *truth
	d   *simDevice
	cfg cosign.SignerConfig
	sig func() []byte
}

func (t *truth) watched(d *simDevice) cosign.NewSigner {
	return func(cfg cosign.SignerConfig) (session.Machine, func() []byte, []session.Effect, error) {
		m, sig, effects, err := cosign.Signer(cfg)
		if err != nil {
			return nil, nil, nil, err
		}
		w := &watchedSigner{Machine: m, t: t, d: d, cfg: cfg, sig: sig}
		return w, sig, w.look(effects), nil
	}
}

// Statements is what the real machine can show of its session.
func (m *watchedSigner) Statements() []share.Statement {
	return m.Machine.(interface{ Statements() []share.Statement }).Statements()
}

func (m *watchedSigner) look(effects []session.Effect) []session.Effect {
	for _, e := range effects {
		switch e.(type) {
		case session.Release:
			m.t.release(m.d, m.cfg)
		case session.Done:
			m.t.signed(m.cfg.Proposal, m.cfg.Record, m.sig())
		}
	}
	return effects
}

func (m *watchedSigner) Deliver(f wire.Frame) ([]session.Effect, error) {
	effects, err := m.Machine.Deliver(f)
	return m.look(effects), err
}

// A simRoom is where the devices of one signing session meet: each brings its
// share, and once all have sent what stands for a partial signature, there is
// a signature.
type simRoom struct {
	proposal share.Proposal
	record   roster.Record
	shares   map[wire.Slot][32]byte
	given    map[wire.Slot]bool
	sig      []byte
}

// A simSigner stands in for a signing machine. It has two rounds: hello, and
// after that the partial signature.
type simSigner struct {
	t    *truth
	d    *simDevice
	cfg  cosign.SignerConfig
	room *simRoom
	here map[wire.Slot]bool
	gave map[wire.Slot]bool
	sent []wire.Frame
}

func (t *truth) signer(d *simDevice) cosign.NewSigner {
	return func(cfg cosign.SignerConfig) (session.Machine, func() []byte, []session.Effect, error) {
		if err := cfg.Proposal.Check(cfg.Record); err != nil {
			return nil, nil, nil, err
		}
		m := &simSigner{t: t, d: d, cfg: cfg, here: map[wire.Slot]bool{}, gave: map[wire.Slot]bool{}}
		id := cfg.Proposal.Session()
		if t.rooms[id] == nil {
			t.rooms[id] = &simRoom{proposal: cfg.Proposal, record: cfg.Record, shares: map[wire.Slot][32]byte{}, given: map[wire.Slot]bool{}}
		}
		m.room = t.rooms[id]
		if err := cfg.Share.Use(func(b *[secret.Size]byte) error { m.room.shares[cfg.Self] = *b; return nil }); err != nil {
			return nil, nil, nil, err
		}
		return m, func() []byte { return m.room.sig }, []session.Effect{m.say(1)}, nil
	}
}

func (m *simSigner) say(k wire.Kind) session.Effect {
	f := wire.Frame{Session: m.cfg.Proposal.Session(), From: m.cfg.Self, Kind: k, Body: []byte{0}}
	m.sent = append(m.sent, f)
	return session.Send{Frame: f}
}

func (m *simSigner) Deliver(f wire.Frame) (out []session.Effect, err error) {
	if f.Session != m.cfg.Proposal.Session() || !slices.Contains(m.cfg.Proposal.Signers, f.From) || f.From == m.cfg.Self {
		return nil, nil
	}
	m.here[f.From] = true
	if f.Kind == 2 {
		m.gave[f.From] = true
		m.t.give(m.room, f.From)
	}
	need := len(m.cfg.Proposal.Signers) - 1
	if len(m.here) == need && len(m.sent) == 1 {
		if m.cfg.Proposal.Session() != m.room.proposal.Session() || m.cfg.Record.Hash() != m.room.record.Hash() {
			m.t.w.fail("O4: two proposals under one session")
		}
		m.t.release(m.d, m.cfg)
		out = append(out, session.Release{}, m.say(2))
	}
	if len(m.gave) == need && len(m.sent) == 2 {
		m.t.give(m.room, m.cfg.Self)
		out = append(out, session.Done{})
	}
	return out, nil
}

func (m *simSigner) Resend() (out []session.Effect) {
	for _, f := range m.sent {
		out = append(out, session.Send{Frame: f})
	}
	return out
}

func (m *simSigner) Waiting() (out []wire.Slot) {
	in := m.here
	if len(m.sent) == 2 {
		in = m.gave
	}
	for _, s := range m.cfg.Proposal.Signers {
		if s != m.cfg.Self && !in[s] {
			out = append(out, s)
		}
	}
	return out
}

func (m *simSigner) Close() {}

// release is O4 for one signer, at the time at which its partial signature
// leaves.
func (t *truth) release(d *simDevice, cfg cosign.SignerConfig) {
	p, w, rec := cfg.Proposal, t.w, cfg.Record
	w.fence(d, p, rec)
	if p.Record != rec.Hash() {
		w.fail("O4: a proposal of another epoch")
	}
	for _, s := range p.Signers {
		x, in := rec.Device(s)
		if !in {
			w.fail("O4: %s signs together with device %d, which is out", d.name, s)
		}
		if p.Purpose != refresh.TestPurpose && !t.approved[p.Request][x.Identity] {
			w.fail("O4: device %d signs and its person has not approved", s)
		}
	}
}

// give counts a partial signature. The last one makes the signature.
func (t *truth) give(room *simRoom, from wire.Slot) {
	p, w, rec := room.proposal, t.w, room.record
	room.given[from] = true
	if len(room.given) < len(p.Signers) || room.sig != nil {
		return
	}
	var shares [][32]byte
	for _, s := range p.Signers {
		shares = append(shares, room.shares[s])
	}
	k := interpolate(p.Account, p.Signers, shares)
	if k.Cmp(t.key[p.Account]) != 0 {
		w.fail("O4: the shares that devices sign with do not make the key")
		return
	}
	acc, _ := rec.Account(p.Account)
	tweak, _, _, err := share.Derive(acc, p.Path)
	if err != nil {
		w.fail("O4: another key: %v", err)
		return
	}
	if p.Suite == roster.Ed25519 {
		room.sig = signEd25519(k, t.public[p.Account], p.Message)
	} else {
		k.Add(k, new(big.Int).SetBytes(tweak[:])).Mod(k, orderSecp)
		var b [32]byte
		compact := ecdsa.SignCompact(secp256k1.PrivKeyFromBytes(k.FillBytes(b[:])), p.Message, true)
		room.sig = append(compact[1:65:65], compact[0]-compactBase)
	}
	t.signed(p, rec, room.sig)
}

// compactBase is what decred adds to the parity of a recoverable signature
// under a compressed key.
const compactBase = 27 + 4

// signed is O4 for a signature: it is by the key that the circle was founded
// with.
func (t *truth) signed(p share.Proposal, rec roster.Record, sig []byte) {
	t.made++
	acc, _ := rec.Account(p.Account)
	_, child, _, err := share.Derive(acc, p.Path)
	if err != nil || !bytes.Equal(acc.GroupKey(), t.public[p.Account]) {
		t.w.fail("O4: another key: %v", err)
		return
	}
	ok := false
	if p.Suite == roster.Ed25519 {
		ok = ed25519.Verify(child, p.Message, sig)
	} else {
		pub, _, err := ecdsa.RecoverCompact(append([]byte{sig[64] + compactBase}, sig[:64]...), p.Message)
		ok = err == nil && bytes.Equal(pub.SerializeCompressed(), child)
	}
	if !ok {
		t.w.fail("O4: a signature that does not verify")
	}
}

// signEd25519 signs as RFC 8032 does, but for the nonce, with a scalar.
func signEd25519(key *big.Int, public, msg []byte) []byte {
	var k [32]byte
	key.FillBytes(k[:])
	slices.Reverse(k[:])
	hash := func(parts ...[]byte) *edwards25519.Scalar {
		wide := sha512.Sum512(slices.Concat(parts...))
		s, err := edwards25519.NewScalar().SetUniformBytes(wide[:])
		if err != nil {
			panic(err)
		}
		return s
	}
	nonce := hash(k[:], msg)
	r := edwards25519.NewIdentityPoint().ScalarBaseMult(nonce).Bytes()
	a, err := edwards25519.NewScalar().SetCanonicalBytes(k[:])
	if err != nil {
		panic(err)
	}
	return append(r, edwards25519.NewScalar().MultiplyAdd(hash(r, public, msg), a, nonce).Bytes()...)
}
