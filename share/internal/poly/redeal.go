package poly

import (
	"io"

	"github.com/warifu/warifu/wire"
)

// Redeal returns a polynomial of degree t−1 with f(0) = a, which it takes over,
// and otherwise as [Group.Random].
func (g Group[S, K, P]) Redeal(a K, t int, r io.Reader) (Polynomial[K], error) {
	rest, err := g.Random(t-1, r)
	if err != nil {
		a.Wipe()
		return Polynomial[K]{}, err
	}
	return Polynomial[K]{a: append([]K{a}, rest.a...)}, nil
}

// Combine returns Σ_i λ_i·C_{i,k} for each k: the commitments of the sum of the
// dealers' polynomials, weighted to interpolate at 0. There must be a list of
// equal length for each dealer.
func (g Group[S, K, P]) Combine(dealers []wire.Slot, commitments [][]P) ([]P, error) {
	weighted := make([][]P, len(dealers))
	for i, d := range dealers {
		lambda, err := g.Lagrange(dealers, d, 0)
		if err != nil {
			return nil, err
		}
		for _, c := range commitments[i] {
			weighted[i] = append(weighted[i], g.mulVartime(lambda, c))
		}
	}
	return g.Sum(weighted), nil
}

// CombineShares returns Σ_i λ_i·g_i(x) of the values that a device got from the
// dealers: the device's share of the sum. There must be a value for each
// dealer. The caller owns the result.
func (g Group[S, K, P]) CombineShares(dealers []wire.Slot, values []K) (K, error) {
	parts := make([]K, len(dealers))
	for i, d := range dealers {
		lambda, err := g.Lagrange(dealers, d, 0)
		if err != nil {
			// The slots are wrong, which the first factor has shown already.
			return parts[0], err
		}
		parts[i] = values[i].MulPublic(lambda)
	}
	sum := parts[0]
	for _, part := range parts[1:] {
		next := sum.Add(part)
		sum.Wipe()
		part.Wipe()
		sum = next
	}
	return sum, nil
}
