package frost

import (
	"io"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/wire"
)

// What follows lets the tests reach the RFC beneath the machine.

type Nonces = nonces

// A Pair is an encoded commitment and whose it is.
type Pair struct {
	Slot  wire.Slot
	Bytes []byte
}

func Commit(slot wire.Slot, share ed.Secret, rand io.Reader) (*Nonces, error) {
	return commit(slot, share, rand)
}

func (n *nonces) Commitment() Pair { return Pair{n.own.slot, n.own.bytes()} }

func (n *nonces) Secrets() (hiding, binding ed.Secret) { return n.hiding, n.binding }

// NewWith is New with the random bytes of the session.
func NewWith(cfg Config, random io.Reader) (*Machine, []session.Effect, error) {
	return newMachine(cfg, random)
}

type Signing = signing

// NewSigning decodes the commitments and starts a signing.
func NewSigning(signers []wire.Slot, pairs []Pair, key [32]byte, msg []byte) (*Signing, error) {
	var list []commitment
	for _, p := range pairs {
		c, err := parseCommitment(p.Slot, p.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return newSigning(signers, list, key, msg)
}

func (s *signing) Factor(i int) ed.Scalar { return s.factors[i] }

func (s *signing) Sign(n *Nonces, share ed.Secret) (ed.Scalar, error) { return s.sign(n, share) }

func (s *signing) Verify(i int, z ed.Scalar, y ed.Point) bool { return s.verify(i, z, y) }

func (s *signing) Aggregate(z []ed.Scalar) [64]byte { return s.aggregate(z) }

// SecretsWiped reports whether m holds neither share nor nonces any more.
func (m *Machine) SecretsWiped() bool {
	return m.share.IsZero() && m.nonces.used && m.nonces.hiding.IsZero() && m.nonces.binding.IsZero()
}

// BendOwnResponse changes the response that m holds of itself, as a fault of
// memory would.
func (m *Machine) BendOwnResponse() {
	m.answers[m.self].z = m.answers[m.self].z.Add(ed.NewScalar(1))
}

// Recode decodes and encodes a body of the given kind.
func Recode(k wire.Kind, slot wire.Slot, body []byte) ([]byte, error) {
	if k == KindCommit {
		b, err := parseCommit(slot, body)
		if err != nil {
			return nil, err
		}
		return b.bytes(), nil
	}
	b, err := parseResponse(slot, body)
	if err != nil {
		return nil, err
	}
	return b.bytes(), nil
}
