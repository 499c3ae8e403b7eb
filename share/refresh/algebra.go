package refresh

import (
	"bytes"
	"errors"
	"io"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/wire"
)

const scalarSize = 32

var (
	errDealing  = errors.New("the commitments are not those of this dealer's share")
	errSubShare = errors.New("a sub-share does not fit the commitments")
)

// An algebra is the mathematics of one account over its group, on bytes as
// they travel.
type algebra interface {
	// deal draws g with g(0) = share and degree t−1, and returns its
	// commitments and its values at the given slots.
	deal(share secret.Key, t int, at []wire.Slot, r io.Reader) (commitments [][]byte, values []secret.Key, err error)

	// checkDealing refuses commitments that are not points of the prime-order
	// group, or whose constant term is not the dealer's public share.
	checkDealing(commitments [][]byte, public []byte) error

	// checkShare reports whether share is g(x) for the committed g.
	checkShare(share []byte, commitments [][]byte, x wire.Slot) bool

	// combine returns the commitments of the new sharing, combineShares the
	// share of one device in it.
	combine(dealers []wire.Slot, commitments [][][]byte) ([][]byte, error)
	combineShares(dealers []wire.Slot, values [][]byte) (secret.Key, error)

	// prove and verify are a proof of knowledge of the share behind a public
	// share, bound to all that seed covers. The nonce is derived from the share
	// and the seed, so that a repeated proof is the same proof.
	prove(share secret.Key, seed func(t []byte) io.Reader, nonce func(share []byte) io.Reader) ([]byte, error)
	verify(public, proof []byte, seed func(t []byte) io.Reader) bool
}

func algebraOf(s roster.Suite) algebra {
	switch s {
	case roster.Secp256k1:
		return erase(poly.Secp256k1())
	case roster.Ed25519:
		return erase(poly.Ed25519())
	}
	panic("refresh: internal error: an account of an unknown suite")
}

type group[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]] struct{ poly.Group[S, K, P] }

func erase[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](g poly.Group[S, K, P]) algebra {
	return group[S, K, P]{g}
}

// open returns the scalar of a share, which the caller wipes.
func (g group[S, K, P]) open(share secret.Key) (k K, err error) {
	err = share.Use(func(b *[secret.Size]byte) error {
		k, err = g.ParseSecret(b[:])
		return err
	})
	return k, err
}

func (g group[S, K, P]) deal(share secret.Key, t int, at []wire.Slot, r io.Reader) ([][]byte, []secret.Key, error) {
	k, err := g.open(share)
	if err != nil {
		return nil, nil, err
	}
	f, err := g.Redeal(k, t, r)
	if err != nil {
		return nil, nil, err
	}
	defer f.Wipe()
	values := make([]secret.Key, len(at))
	for i, x := range at {
		v := g.Eval(f, x)
		values[i] = v.Key()
		v.Wipe()
	}
	return g.EncodePoints(g.Commit(f)), values, nil
}

func (g group[S, K, P]) checkDealing(commitments [][]byte, public []byte) error {
	if _, err := g.ParsePoints(commitments); err != nil || !bytes.Equal(commitments[0], public) {
		return errDealing
	}
	return nil
}

func (g group[S, K, P]) checkShare(share []byte, commitments [][]byte, x wire.Slot) bool {
	points, err := g.ParsePoints(commitments)
	if err != nil {
		return false
	}
	k, err := g.ParseSecret(share)
	if err != nil {
		return false
	}
	defer k.Wipe()
	return g.Check(k, points, x)
}

func (g group[S, K, P]) combine(dealers []wire.Slot, commitments [][][]byte) ([][]byte, error) {
	lists := make([][]P, len(commitments))
	for i, c := range commitments {
		points, err := g.ParsePoints(c)
		if err != nil {
			return nil, errDealing
		}
		lists[i] = points
	}
	sum, err := g.Combine(dealers, lists)
	if err != nil {
		return nil, err
	}
	for _, p := range sum {
		if p.IsIdentity() {
			return nil, errDealing
		}
	}
	return g.EncodePoints(sum), nil
}

func (g group[S, K, P]) combineShares(dealers []wire.Slot, values [][]byte) (secret.Key, error) {
	scalars := make([]K, 0, len(values))
	defer func() {
		for _, k := range scalars {
			k.Wipe()
		}
	}()
	for _, b := range values {
		k, err := g.ParseSecret(b)
		if err != nil {
			return secret.Key{}, errSubShare
		}
		scalars = append(scalars, k)
	}
	sum, err := g.CombineShares(dealers, scalars)
	if err != nil {
		return secret.Key{}, err
	}
	defer sum.Wipe()
	return sum.Key(), nil
}

func (g group[S, K, P]) prove(share secret.Key, seed func(t []byte) io.Reader, nonce func(share []byte) io.Reader) ([]byte, error) {
	k, err := g.open(share)
	if err != nil {
		return nil, err
	}
	defer k.Wipe()
	b := k.Bytes()
	kappa, err := g.RandomSecret(nonce(b[:]))
	clear(b[:])
	if err != nil {
		return nil, err
	}
	t := g.EncodePoint(g.BaseMul(kappa))
	z := g.Prove(kappa, k, g.FromXOF(seed(t))).Bytes()
	return append(t, z[:]...), nil
}

func (g group[S, K, P]) verify(public, proof []byte, seed func(t []byte) io.Reader) bool {
	if len(proof) < scalarSize {
		return false
	}
	tb, zb := proof[:len(proof)-scalarSize], proof[len(proof)-scalarSize:]
	y, err := g.ParsePoint(public)
	if err != nil {
		return false
	}
	t, err := g.ParsePoint(tb)
	if err != nil {
		return false
	}
	z, err := g.ParseScalar(zb)
	return err == nil && g.VerifyVartime(z, t, y, g.FromXOF(seed(tb)))
}
