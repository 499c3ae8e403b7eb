package sign

import (
	"crypto/sha3"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/wire"
)

// What tests need of the inside: the numbers that the algebra is about, and the
// means to make a machine that cheats consistently, by changing a secret between
// two rounds and letting it compute on.

var (
	Combine    = combine
	Verify     = verify
	BodySize   = bodySize
	PublicSize = publicSize
	SaidSize   = saidSize
	Commitment = commitment
	PairID     = pairID
	Lagrange   = lagrange
	ZeroShare  = zeroShare
)

// DeliverSplit is Deliver of the last frame of the third round to a cheater, which
// multiplies another addend of the key with some of the others than with the rest,
// and publishes it to them.
func (m *Machine) DeliverSplit(f wire.Frame, shift map[wire.Slot]secp.Secret) ([]session.Effect, error) {
	h := &m.peer(f.From).heard[kindExtend]
	h.body, h.is = f.Body, true
	if !m.witness.Hear(f.From, f.Kind, f.Body, saidSize[f.Kind]) {
		return nil, fault(f.From, session.Malformed, "statement", nil)
	}
	bodies := map[wire.Slot][]byte{}
	for _, p := range m.peers {
		in := parseExtend(p.heard[kindExtend].body)
		p.committed = wire.Hash(in.commitment)
		if err := p.sender.Extend(in.extension); err != nil {
			return nil, err
		}
	}
	com := commitment(m.sid, m.self, m.point[:], m.salt[:])
	m.record(com[:])
	m.key = secp.BaseMul(m.sk)
	var out []session.Effect
	for _, p := range m.peers {
		sk := m.sk
		if by, ok := shift[p.slot]; ok {
			sk = sk.Add(by)
		}
		var err error
		if bodies[p.slot], err = m.product(p, sk, secp.BaseMul(sk)); err != nil {
			return nil, err
		}
		sig := m.witness.Say(kindMultiply, bodies[p.slot][:saidSize[kindMultiply]])
		out = append(out, session.Send{Frame: wire.Frame{Session: m.session, From: m.self, To: p.slot, Kind: kindMultiply, Body: append(bodies[p.slot], sig...)}})
	}
	m.forget()
	m.round++
	// What came early is processed now, as Deliver does.
	for m.round != over && len(m.Waiting()) == 0 {
		effects, err := m.step()
		if err != nil {
			return nil, err
		}
		m.forget()
		m.round++
		out = append(out, effects...)
	}
	return out, nil
}

// NewUnchecked is New for a proposal that does not match its record.
func NewUnchecked(cfg Config) (*Machine, []session.Effect, error) {
	acc, _ := cfg.Record.Account(cfg.Proposal.Account)
	m, err := prepare(cfg, acc)
	if err != nil {
		return nil, nil, err
	}
	effects, err := m.open()
	return m, effects, err
}

// Parsed cuts a body of kind k to pieces and puts it together again.
func Parsed(k wire.Kind, b []byte) []byte {
	switch k {
	case kindOpen:
		return parseOpen(b).bytes()
	case kindChoose:
		return parseChoose(b).bytes()
	case kindExtend:
		return parseExtend(b).bytes()
	case kindMultiply:
		return parseMultiply(b).bytes()
	default:
		return parseFinish(b).bytes()
	}
}

// Fields returns the offsets of the fields of kind k and the length of a body.
func Fields(k wire.Kind) map[string][2]int {
	b := make([]byte, bodySize[k])
	fields := map[string][2]int{}
	at := 0
	add := func(name string, piece []byte) {
		fields[name] = [2]int{at, at + len(piece)}
		at += len(piece)
	}
	switch k {
	case kindOpen:
		m := parseOpen(b)
		add("nonce", m.nonce)
		add("proposal", m.proposal)
		add("point", m.point)
		add("zero", m.zero)
	case kindChoose:
		m := parseChoose(b)
		add("view", m.view)
		add("base", m.base)
	case kindExtend:
		m := parseExtend(b)
		add("commitment", m.commitment)
		add("view", m.view)
		add("extension", m.extension)
	case kindMultiply:
		m := parseMultiply(b)
		add("nonce", m.nonce)
		add("salt", m.salt)
		add("key", m.key)
		add("view", m.view)
		add("rvole", m.rvole)
		add("gamma-u", m.gammaU)
		add("gamma-v", m.gammaV)
		add("psi", m.psi)
	case kindFinish:
		m := parseFinish(b)
		add("u", m.u)
		add("w", m.w)
		add("view", m.view)
	}
	if at != len(b) {
		panic("fields do not cover the body")
	}
	return fields
}

func (m *Machine) Round() wire.Kind { return m.round }
func (m *Machine) Sid() wire.Hash   { return m.sid }
func (m *Machine) Salt() wire.Hash  { return m.salt }

func (m *Machine) NonceSecret() *secp.Secret         { return &m.r }
func (m *Machine) KeySecret() *secp.Secret           { return &m.sk }
func (m *Machine) MaskSecret() *secp.Secret          { return &m.phi }
func (m *Machine) NoncePoint() *[secp.PointSize]byte { return &m.point }
func (m *Machine) KeyPoint() *secp.Point             { return &m.key }
func (m *Machine) RandomState() *sha3.SHAKE          { return m.drbg }

// Sender is the side of the transfers in which this device is Alice.
func (m *Machine) Sender(peer wire.Slot) *ot.Sender { return m.peer(peer).sender }

// Factor and Shares are χ toward a peer, and cᵘ and cᵛ from the multiplication
// in which the peer was Bob.
func (m *Machine) Factor(peer wire.Slot) secp.Secret    { return m.peer(peer).chi }
func (m *Machine) Shares(peer wire.Slot) [2]secp.Secret { return m.peer(peer).shares }

func (m *Machine) peer(slot wire.Slot) *peer {
	for _, p := range m.peers {
		if p.slot == slot {
			return p
		}
	}
	panic("no such peer")
}

// Secrets returns every scalar secret that the machine still holds.
func (m *Machine) Secrets() []secp.Secret {
	out := []secp.Secret{m.share, m.sk, m.r, m.phi}
	for _, p := range m.peers {
		out = append(out, p.chi, p.shares[0], p.shares[1])
	}
	return out
}

// Bodies counts the bytes of frames that the machine keeps.
func (m *Machine) Bodies() (n int) {
	for _, p := range m.peers {
		for _, h := range p.heard {
			n += len(h.body)
		}
	}
	return n
}

func (m *Machine) View(round wire.Kind) wire.Hash { return m.view(round) }
func (m *Machine) Nonce() []byte                  { return m.nonce[:] }
