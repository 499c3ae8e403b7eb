package keygen

import (
	"errors"
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/wire"
)

const scalarSize = 32

// An algebra is the mathematics of one account over its group, on bytes as
// they travel. Values called share are secret.
type algebra interface {
	// deal draws a polynomial of degree t−1 and the nonce of its proof.
	deal(t int, r io.Reader) (dealing, error)

	// parse refuses what is not canonical, not in the prime-order group or the
	// identity. A last commitment that is the identity, which is a polynomial
	// of too low a degree, is refused with the rest.
	parse(f [][]byte) (commitments, error)

	// sum returns C_k = Σ_i F_{i,k}, and fails if any of them, or the public
	// share of any of n slots, is the identity.
	sum(dealers []commitments, n int) ([][]byte, error)

	// sumShares returns the sum of canonical scalars.
	sumShares(shares [][]byte) (secret.Key, error)
}

// commitments are the points F_0 … F_{t−1} of a dealer, or of the sum of all.
type commitments interface {
	// checkProof reports whether z·G = T + c·F_0, with c from the stream. It
	// fails with errNonce if T is not a point, else with errProof.
	checkProof(t, z []byte, c io.Reader) error

	// checkShare reports whether share is a canonical scalar with
	// share·G = Σ_k x^k·F_k.
	checkShare(share []byte, x wire.Slot) bool
}

var (
	errNonce    = errors.New("keygen: proof nonce is not a point")
	errProof    = errors.New("keygen: proof does not hold")
	errIdentity = errors.New("keygen: a public share or commitment of the sum is the identity")
)

// A dealing is one device's contribution to one account.
type dealing interface {
	commitments() [][]byte
	proofNonce() []byte           // T = κ·G
	prove(c io.Reader) []byte     // z = κ + c·a_0; wipes κ
	value(x wire.Slot) secret.Key // f(x)
	wipe()
}

// algebraOf returns the algebra of a suite that [roster.Record.Check] knows.
func algebraOf(s roster.Suite) algebra {
	switch s {
	case roster.Secp256k1:
		return erase(poly.Secp256k1())
	case roster.Ed25519:
		return erase(poly.Ed25519())
	}
	panic("keygen: internal error: an account of an unknown suite")
}

type group[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]] struct{ poly.Group[S, K, P] }

func erase[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](g poly.Group[S, K, P]) algebra {
	return group[S, K, P]{g}
}

type dealt[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]] struct {
	g     poly.Group[S, K, P]
	f     poly.Polynomial[K]
	kappa K
}

func (g group[S, K, P]) deal(t int, r io.Reader) (dealing, error) {
	f, err := g.Random(t, r)
	if err != nil {
		return nil, err
	}
	kappa, err := g.RandomSecret(r)
	if err != nil {
		f.Wipe()
		return nil, err
	}
	return dealt[S, K, P]{g.Group, f, kappa}, nil
}

func (d dealt[S, K, P]) commitments() [][]byte { return d.g.EncodePoints(d.g.Commit(d.f)) }
func (d dealt[S, K, P]) proofNonce() []byte    { return d.g.EncodePoint(d.g.BaseMul(d.kappa)) }

func (d dealt[S, K, P]) prove(c io.Reader) []byte {
	z := d.g.Prove(d.kappa, d.g.Constant(d.f), d.g.FromXOF(c)).Bytes()
	return z[:]
}

func (d dealt[S, K, P]) value(x wire.Slot) secret.Key {
	v := d.g.Eval(d.f, x)
	defer v.Wipe()
	return v.Key()
}

func (d dealt[S, K, P]) wipe() {
	d.f.Wipe()
	d.kappa.Wipe()
}

type committed[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]] struct {
	g poly.Group[S, K, P]
	f []P
}

func (g group[S, K, P]) parse(f [][]byte) (commitments, error) {
	points, err := g.ParsePoints(f)
	if err != nil {
		return nil, err
	}
	return committed[S, K, P]{g.Group, points}, nil
}

func (c committed[S, K, P]) checkProof(t, z []byte, challenge io.Reader) error {
	nonce, err := c.g.ParsePoint(t)
	if err != nil {
		return errNonce
	}
	answer, err := c.g.ParseScalar(z)
	if err != nil || !c.g.VerifyVartime(answer, nonce, c.f[0], c.g.FromXOF(challenge)) {
		return errProof
	}
	return nil
}

func (c committed[S, K, P]) checkShare(share []byte, x wire.Slot) bool {
	v, err := c.g.ParseSecret(share)
	if err != nil {
		return false
	}
	defer v.Wipe()
	return c.g.Check(v, c.f, x)
}

func (g group[S, K, P]) sum(dealers []commitments, n int) ([][]byte, error) {
	all := make([][]P, len(dealers))
	for i, d := range dealers {
		all[i] = d.(committed[S, K, P]).f
	}
	sum := g.Sum(all)
	for _, c := range sum {
		if c.IsIdentity() {
			return nil, errIdentity
		}
	}
	for x := range n {
		if g.EvalVartime(sum, wire.Slot(x+1)).IsIdentity() {
			return nil, errIdentity
		}
	}
	return g.EncodePoints(sum), nil
}

func (g group[S, K, P]) sumShares(shares [][]byte) (secret.Key, error) {
	var sum K
	for i, b := range shares {
		v, err := g.ParseSecret(b)
		if err != nil {
			return secret.Key{}, err
		}
		if i == 0 {
			sum = v
			continue
		}
		next := sum.Add(v)
		sum.Wipe()
		v.Wipe()
		sum = next
	}
	defer sum.Wipe()
	return sum.Key(), nil
}
