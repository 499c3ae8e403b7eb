package poly

import (
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/secp"
)

// A Scalar is what this package needs of a public scalar type.
type Scalar[S any] interface {
	Add(S) S
	Sub(S) S
	Mul(S) S
	Inv() S
	IsZero() bool
	Bytes() [32]byte
}

// A Secret is what this package needs of a secret scalar type.
type Secret[K, S any] interface {
	Add(K) K
	MulPublic(S) K
	Bytes() [32]byte
	Key() secret.Key
	Public() S
	Wipe()
}

// A Point is what this package needs of a group element type.
type Point[P any] interface {
	Add(P) P
	Equal(P) bool
	IsIdentity() bool
}

// A Group is one of the two groups, with public scalars S, secret scalars K
// and elements P.
type Group[S Scalar[S], K Secret[K, S], P Point[P]] struct {
	scalar      func(uint64) S
	parseScalar func([]byte) (S, error)
	fromXOF     func(io.Reader) S
	random      func(io.Reader) (K, error)
	parseSecret func([]byte) (K, error)
	baseMul     func(K) P
	parsePoint  func([]byte) (P, error)
	encodePoint func(P) []byte

	baseMulVartime func(S) P
	mulVartime     func(S, P) P
}

// Secp256k1 returns the group of threshold ECDSA.
func Secp256k1() Group[secp.Scalar, secp.Secret, secp.Point] {
	return Group[secp.Scalar, secp.Secret, secp.Point]{
		scalar:      secp.NewScalar,
		parseScalar: secp.ParseScalar,
		fromXOF: func(r io.Reader) secp.Scalar {
			b := [32]byte(read(r, 32))
			return secp.ReduceScalar(&b)
		},
		random:      secp.RandomSecret,
		parseSecret: secp.ParseSecret,
		baseMul:     secp.BaseMul,
		parsePoint:  secp.ParsePoint,
		encodePoint: func(p secp.Point) []byte { b := p.Bytes(); return b[:] },

		baseMulVartime: secp.BaseMulVartime,
		mulVartime:     secp.MulVartime,
	}
}

// Ed25519 returns the group of FROST.
func Ed25519() Group[ed.Scalar, ed.Secret, ed.Point] {
	return Group[ed.Scalar, ed.Secret, ed.Point]{
		scalar:      ed.NewScalar,
		parseScalar: ed.ParseScalar,
		fromXOF: func(r io.Reader) ed.Scalar {
			b := [ed.WideSize]byte(read(r, ed.WideSize))
			return ed.ScalarFromWide(&b)
		},
		random:      ed.RandomSecret,
		parseSecret: ed.ParseSecret,
		baseMul:     ed.BaseMul,
		parsePoint:  ed.ParsePoint,
		encodePoint: func(p ed.Point) []byte { b := p.Bytes(); return b[:] },

		baseMulVartime: ed.BaseMulVartime,
		mulVartime:     ed.MulVartime,
	}
}

func read(r io.Reader, n int) []byte {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		panic("poly: internal error: an output stream of a hash ended")
	}
	return b
}

// ParsePoint decodes the canonical encoding of an element of the group other
// than the identity.
func (g Group[S, K, P]) ParsePoint(b []byte) (P, error) { return g.parsePoint(b) }

// ParsePoints is [Group.ParsePoint] for each of a list.
func (g Group[S, K, P]) ParsePoints(list [][]byte) ([]P, error) {
	points := make([]P, len(list))
	for i, b := range list {
		var err error
		if points[i], err = g.parsePoint(b); err != nil {
			return nil, err
		}
	}
	return points, nil
}

// EncodePoint returns the encoding that [Group.ParsePoint] accepts, or bytes
// that it refuses if p is the identity.
func (g Group[S, K, P]) EncodePoint(p P) []byte { return g.encodePoint(p) }

// EncodePoints is [Group.EncodePoint] for each of a list.
func (g Group[S, K, P]) EncodePoints(points []P) [][]byte {
	list := make([][]byte, len(points))
	for i, p := range points {
		list[i] = g.encodePoint(p)
	}
	return list
}

// ParseScalar decodes 32 bytes below the group order.
func (g Group[S, K, P]) ParseScalar(b []byte) (S, error) { return g.parseScalar(b) }

// ParseSecret decodes 32 bytes below the group order. The caller keeps b and
// wipes it.
func (g Group[S, K, P]) ParseSecret(b []byte) (K, error) { return g.parseSecret(b) }

// RandomSecret returns a uniform non-zero secret.
func (g Group[S, K, P]) RandomSecret(r io.Reader) (K, error) { return g.random(r) }

// BaseMul returns x·G in constant time.
func (g Group[S, K, P]) BaseMul(x K) P { return g.baseMul(x) }

// FromXOF returns a scalar from the output stream of a hash, uniform but for a
// bias below 2^-127 (docs/crypto.md, "Parameters"). It panics if the stream ends.
func (g Group[S, K, P]) FromXOF(r io.Reader) S { return g.fromXOF(r) }
