package sign

import (
	"crypto/sha3"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/share/internal/rvole"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// open makes R1. The identifier of the session, to which the rest is tied, is
// not known yet; the share and the proposal are. The point A must not come
// straight from the source: whoever could compute a would open both slots of
// every base transfer, and so know χ, φ and, from the share of the signature, the
// nonce.
func (m *Machine) open() ([]session.Effect, error) {
	random, err := m.generator(tagOpening, m.session[:])
	if err != nil {
		return nil, err
	}
	defer random.Reset()
	random.Read(m.nonce[:])
	hash := wire.Sum(tagProposal, m.bytes)
	bodies := make([][]byte, len(m.peers))
	for i, p := range m.peers {
		if p.receiver, err = ot.NewReceiver(random); err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		if p.zero, err = secret.New(random); err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		p.zero.Use(func(z *[secret.Size]byte) error {
			bodies[i] = openBody{nonce: m.nonce[:], proposal: hash[:], point: p.receiver.Point(), zero: z[:]}.bytes()
			return nil
		})
	}
	return m.send(kindOpen, bodies), nil
}

// generator returns a stream of randomness for what id names. It is fresh as
// long as the source is, nobody without the share can compute it even if the
// source is known, and a source that repeats itself gives other values for
// another id.
func (m *Machine) generator(tag wire.Tag, id []byte) (*sha3.SHAKE, error) {
	var fresh [32]byte
	defer clear(fresh[:])
	if _, err := io.ReadFull(m.rand, fresh[:]); err != nil {
		return nil, fmt.Errorf("sign: read randomness: %w", err)
	}
	share := m.share.Bytes()
	defer clear(share[:])
	hedge := wire.Sum(tagHedge, share[:])
	defer clear(hedge[:])
	return wire.XOF(tag, fresh[:], hedge[:], id), nil
}

// choose processes R1 and makes R2: the session gets its identifier, the share
// becomes this device's addend of the key, and the base transfers begin.
func (m *Machine) choose() ([]session.Effect, error) {
	hash := wire.Sum(tagProposal, m.bytes)
	seen := map[wire.Hash]bool{}
	for _, p := range m.peers {
		in := parseOpen(p.heard[kindOpen].body)
		// The session is named by a hash of the proposal. Whoever speaks under
		// that name has the same proposal, and can hash it only one way.
		if wire.Hash(in.proposal) != hash {
			return nil, fault(p.slot, session.Cheat, "proposal-hash", nil)
		}
		n := wire.Hash(in.nonce)
		// Ours was random before anybody saw it, and depends on our share: no
		// other device comes by it but from us, not even one whose source gives
		// the same bytes.
		if n == m.nonce {
			return nil, fault(p.slot, session.Cheat, "nonce-echo", nil)
		}
		// Of two others that say the same, one is the echo. Which one, nobody can
		// tell from here.
		if seen[n] {
			return nil, session.ErrViewMismatch
		}
		seen[n] = true
	}
	m.record(m.nonce[:], hash[:])
	m.sid = m.sessionID()
	var err error
	if m.drbg, err = m.generator(tagRandom, m.sid[:]); err != nil {
		return nil, err
	}
	m.rand = nil
	view := m.view(kindChoose)
	tweaked := m.share.AddPublic(m.tweak)
	m.sk = tweaked.MulPublic(lagrange(m.self, m.proposal.Signers))
	tweaked.Wipe()
	bodies := make([][]byte, len(m.peers))
	for i, p := range m.peers {
		in := parseOpen(p.heard[kindOpen].body)
		p.zero.Use(func(z *[secret.Size]byte) error {
			zeta := zeroShare(m.sid, m.self, p.slot, z[:], in.zero)
			m.sk.Accumulate(zeta)
			zeta.Wipe()
			return nil
		})
		p.zero.Wipe()
		sender, base, err := ot.NewSender(pairID(m.sid, m.self, p.slot), in.point, m.drbg)
		if errors.Is(err, ot.ErrEncoding) {
			return nil, fault(p.slot, session.Malformed, "base-ot-point", err)
		} else if err != nil {
			return nil, fmt.Errorf("sign: %w", err) // our own doing
		}
		p.sender = sender
		bodies[i] = chooseBody{view: view[:], base: base}.bytes()
	}
	m.share.Wipe()
	return m.send(kindChoose, bodies), nil
}

// sessionID hashes the proposal and every signer's fresh nonce, which are the
// first half of the public parts of R1.
func (m *Machine) sessionID() wire.Hash {
	parts := [][]byte{m.bytes}
	for i, slot := range m.proposal.Signers {
		parts = append(parts, wire.U16(slot), m.views[i][:hashSize])
	}
	return wire.Sum(tagSid, parts...)
}

// extend processes R2 and makes R3: as Bob this device draws its factors, and
// commits itself to its nonce point.
func (m *Machine) extend() ([]session.Effect, error) {
	if err := m.sameView(func(b []byte) []byte { return parseChoose(b).view }); err != nil {
		return nil, err
	}
	extensions := make([][]byte, len(m.peers))
	for i, p := range m.peers {
		psid := pairID(m.sid, p.slot, m.self)
		ext, err := p.receiver.Extend(psid, parseChoose(p.heard[kindChoose].body).base, m.drbg)
		if errors.Is(err, ot.ErrCheck) {
			return nil, fault(p.slot, session.Cheat, "base-ot-identity", err)
		} else if errors.Is(err, ot.ErrEncoding) {
			return nil, fault(p.slot, session.Malformed, "base-ot-message", err)
		} else if err != nil {
			return nil, fmt.Errorf("sign: %w", err)
		}
		p.bob = rvole.NewBob(psid, p.receiver)
		p.chi = p.bob.Factor()
		extensions[i] = ext
	}
	var err error
	if m.r, err = secp.RandomSecret(m.drbg); err != nil {
		return nil, err
	}
	if m.phi, err = secp.RandomSecret(m.drbg); err != nil {
		return nil, err
	}
	m.drbg.Read(m.salt[:])
	m.point = secp.BaseMul(m.r).Bytes()
	com := commitment(m.sid, m.self, m.point[:], m.salt[:])

	view := m.view(kindExtend)
	bodies := make([][]byte, len(m.peers))
	for i := range m.peers {
		bodies[i] = extendBody{commitment: com[:], view: view[:], extension: extensions[i]}.bytes()
	}
	return m.send(kindExtend, bodies), nil
}

// multiply processes R3 and makes R4: as Alice this device multiplies its nonce
// and its addend of the key with the others' factors.
func (m *Machine) multiply() ([]session.Effect, error) {
	if err := m.sameView(func(b []byte) []byte { return parseExtend(b).view }); err != nil {
		return nil, err
	}
	// All extensions are checked before any message that depends on r_i or
	// sk_i is even made. A check that fails tells its cheat bits of Δ; they
	// must be of a session in which Δ protects nothing.
	for _, p := range m.peers {
		in := parseExtend(p.heard[kindExtend].body)
		p.committed = wire.Hash(in.commitment)
		if err := p.sender.Extend(in.extension); err != nil {
			return nil, fault(p.slot, session.Cheat, "ote-check", err)
		}
	}
	com := commitment(m.sid, m.self, m.point[:], m.salt[:])
	m.record(com[:])
	m.key = secp.BaseMul(m.sk)
	bodies := make([][]byte, len(m.peers))
	for i, p := range m.peers {
		var err error
		if bodies[i], err = m.product(p, m.sk, m.key); err != nil {
			return nil, err
		}
	}
	m.drbg.Reset()
	return m.send(kindMultiply, bodies), nil
}

// product makes R4 for one peer: the multiplication of r_i and sk with the peer's
// factors, and what it is checked by. key is sk·G.
func (m *Machine) product(p *peer, sk secp.Secret, key secp.Point) ([]byte, error) {
	msg, c, err := rvole.Alice(pairID(m.sid, m.self, p.slot), [2]secp.Secret{m.r, sk}, p.sender, m.drbg)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	p.sender.Wipe()
	p.shares = c
	gammaU, gammaV := secp.BaseMul(c[0]).Bytes(), secp.BaseMul(c[1]).Bytes()
	// ψ is sent: χ, random and known to this device alone, hides φ in it.
	psi := m.phi.Sub(p.chi).Public().Bytes()
	view, pk := m.view(kindMultiply), key.Bytes()
	return multiplyBody{
		nonce: m.point[:], salt: m.salt[:], key: pk[:], view: view[:],
		rvole: msg, gammaU: gammaU[:], gammaV: gammaV[:], psi: psi[:],
	}.bytes(), nil
}

// release processes R4 and makes R5, this device's share of the signature.
func (m *Machine) release() ([]session.Effect, error) {
	if err := m.sameView(func(b []byte) []byte { return parseMultiply(b).view }); err != nil {
		return nil, err
	}
	own, err := secp.ParsePoint(m.point[:])
	if err != nil {
		return nil, fmt.Errorf("sign: own nonce: %w", err)
	}
	m.sum = own
	keys := m.key
	// φ', and the sums of what the multiplications gave for u and for v.
	var psi secp.Scalar
	sumU, sumV := secp.NewSecret(), secp.NewSecret()
	defer sumU.Wipe()
	defer sumV.Wipe()
	for _, p := range m.peers {
		got, err := m.check(p)
		if err != nil {
			return nil, err
		}
		m.sum, keys = m.sum.Add(got.nonce), keys.Add(got.key)
		psi = psi.Add(got.psi)
		for i, sum := range []secp.Secret{sumU, sumV} {
			sum.Accumulate(p.shares[i])
			sum.Accumulate(got.d[i])
			got.d[i].Wipe()
		}
	}
	if !keys.Equal(m.child) {
		// Between two, the other's pk is Q' minus ours: all that its addend is
		// made of passed between the two of us.
		return nil, m.blame("public-key-sum")
	}
	rx, _, _ := m.sum.X()
	if m.sum.IsIdentity() || rx.IsZero() {
		return nil, session.ErrUnattributable
	}
	key := m.key.Bytes()
	m.record(m.point[:], m.salt[:], key[:])
	view := m.view(kindFinish)

	m.partial(m.phi.AddPublic(psi), sumU, sumV, rx)
	m.wipe()

	ub, wb := m.u.Bytes(), m.w.Bytes()
	bodies := make([][]byte, len(m.peers))
	for i := range m.peers {
		bodies[i] = finishBody{u: ub[:], w: wb[:], view: view[:]}.bytes()
	}
	return append([]session.Effect{session.Release{}}, m.send(kindFinish, bodies)...), nil
}

// partial computes this device's share of the signature from φ' and from the
// sums of its shares of all products:
//
//	u = r·φ' + Σ(cᵘ + dᵘ)    v = sk·φ' + Σ(cᵛ + dᵛ)    w = m·φ + r_x·v
func (m *Machine) partial(phi, sumU, sumV secp.Secret, rx secp.Scalar) {
	u, v := m.r.Mul(phi), m.sk.Mul(phi)
	u.Accumulate(sumU)
	v.Accumulate(sumV)
	digest := secp.ReduceScalar((*[secp.ScalarSize]byte)(m.proposal.Message))
	w, rv := m.phi.MulPublic(digest), v.MulPublic(rx)
	w.Accumulate(rv)
	// Here the share of the signature becomes public, which is what the
	// session is for. The Release that precedes it makes that durable first.
	m.u, m.w = u.Public(), w.Public()
	for _, s := range []secp.Secret{phi, u, v, w, rv} {
		s.Wipe()
	}
}

// checked is what a peer's R4 amounts to.
type checked struct {
	nonce, key secp.Point
	psi        secp.Scalar
	d          [2]secp.Secret
}

// check makes the checks of R4 that concern one peer, in the order of the paper.
func (m *Machine) check(p *peer) (checked, error) {
	in := parseMultiply(p.heard[kindMultiply].body)
	com := commitment(m.sid, p.slot, in.nonce, in.salt)
	if subtle.ConstantTimeCompare(com[:], p.committed[:]) != 1 {
		return checked{}, fault(p.slot, session.Cheat, "commitment", nil)
	}
	var out checked
	var gamma [2]secp.Point
	for _, f := range []struct {
		dst *secp.Point
		b   []byte
	}{{&out.nonce, in.nonce}, {&out.key, in.key}, {&gamma[0], in.gammaU}, {&gamma[1], in.gammaV}} {
		var err error
		if *f.dst, err = secp.ParsePoint(f.b); err != nil {
			return checked{}, fault(p.slot, session.Malformed, "encoding", err)
		}
	}
	var err error
	if out.psi, err = secp.ParseScalar(in.psi); err != nil {
		return checked{}, fault(p.slot, session.Malformed, "encoding", err)
	}
	out.d, err = p.bob.Shares(in.rvole)
	if errors.Is(err, rvole.ErrCheck) {
		return checked{}, fault(p.slot, session.Cheat, "rvole-check", err)
	} else if err != nil {
		return checked{}, fault(p.slot, session.Malformed, "encoding", err)
	}
	p.receiver.Wipe()
	// What the peer multiplied is what it published: c + d = a·χ in the
	// exponent, with a the logarithm of R_j and of pk_j.
	wrong := ""
	if !secp.Mul(p.chi, out.nonce).Sub(gamma[0]).Equal(secp.BaseMul(out.d[0])) {
		wrong = "gamma-u"
	} else if !secp.Mul(p.chi, out.key).Sub(gamma[1]).Equal(secp.BaseMul(out.d[1])) {
		wrong = "gamma-v"
	}
	if wrong != "" {
		out.d[0].Wipe()
		out.d[1].Wipe()
		return checked{}, fault(p.slot, session.Cheat, wrong, nil)
	}
	return out, nil
}

// finish processes R5.
func (m *Machine) finish() error {
	if err := m.sameView(func(b []byte) []byte { return parseFinish(b).view }); err != nil {
		return err
	}
	u, w := m.u, m.w
	for _, p := range m.peers {
		in := parseFinish(p.heard[kindFinish].body)
		uj, err := secp.ParseScalar(in.u)
		if err != nil {
			return fault(p.slot, session.Malformed, "encoding", err)
		}
		wj, err := secp.ParseScalar(in.w)
		if err != nil {
			return fault(p.slot, session.Malformed, "encoding", err)
		}
		u, w = u.Add(uj), w.Add(wj)
	}
	sig, err := combine(m.sum, u, w)
	if err == nil {
		child := m.child.Bytes()
		err = verify(sig, m.proposal.Message, child[:])
	}
	if err != nil {
		// Between two, honest shares of checked multiplications always make a
		// signature, so the other's share is wrong.
		return m.blame("signature-share")
	}
	m.signature, m.done = sig, true
	return nil
}

// blame names the other signer if there is only one.
func (m *Machine) blame(check string) error {
	if len(m.peers) == 1 {
		return fault(m.peers[0].slot, session.Cheat, check, nil)
	}
	return session.ErrUnattributable
}
