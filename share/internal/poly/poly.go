package poly

import (
	"errors"
	"fmt"
	"io"

	"github.com/warifu/warifu/wire"
)

// A Polynomial is f(X) = Σ_k a_k·X^k with secret coefficients a_0 … a_{t−1}.
type Polynomial[K interface{ Wipe() }] struct{ a []K }

// Wipe clears all coefficients.
func (f Polynomial[K]) Wipe() {
	for _, a := range f.a {
		a.Wipe()
	}
}

// Random returns a polynomial of degree t−1 whose coefficients are uniform and
// not zero: one that is zero has no encoding as a commitment, and is never
// drawn but by a broken source. t must be at least 1.
func (g Group[S, K, P]) Random(t int, r io.Reader) (Polynomial[K], error) {
	var f Polynomial[K]
	for range t {
		a, err := g.random(r)
		if err != nil {
			f.Wipe()
			return Polynomial[K]{}, fmt.Errorf("poly: draw coefficient: %w", err)
		}
		f.a = append(f.a, a)
	}
	return f, nil
}

// Constant returns f(0) as a handle on the coefficient that f owns.
func (g Group[S, K, P]) Constant(f Polynomial[K]) K { return f.a[0] }

// Eval returns f(x) by Horner's rule, in constant time. The caller owns it.
func (g Group[S, K, P]) Eval(f Polynomial[K], x wire.Slot) K {
	at := g.scalar(uint64(x))
	top := len(f.a) - 1
	// The product makes a value of our own, which may be wiped, of a
	// coefficient, which may not.
	sum := f.a[top].MulPublic(g.scalar(1))
	for k := top - 1; k >= 0; k-- {
		prod := sum.MulPublic(at)
		sum.Wipe()
		sum = prod.Add(f.a[k])
		prod.Wipe()
	}
	return sum
}

// Commit returns F_k = a_k·G for each coefficient.
func (g Group[S, K, P]) Commit(f Polynomial[K]) []P {
	points := make([]P, len(f.a))
	for k, a := range f.a {
		points[k] = g.baseMul(a)
	}
	return points
}

// EvalVartime returns Σ_k x^k·F_k, which is f(x)·G: what everybody knows of
// the value at x. There must be at least one commitment.
func (g Group[S, K, P]) EvalVartime(commitments []P, x wire.Slot) P {
	at := g.scalar(uint64(x))
	sum := commitments[len(commitments)-1]
	for k := len(commitments) - 2; k >= 0; k-- {
		sum = g.mulVartime(at, sum).Add(commitments[k])
	}
	return sum
}

// Check reports whether share·G = Σ_k x^k·F_k, so that share is the value at x
// of the polynomial that was committed to.
func (g Group[S, K, P]) Check(share K, commitments []P, x wire.Slot) bool {
	return g.baseMul(share).Equal(g.EvalVartime(commitments, x))
}

// Sum returns the commitments of the sum of polynomials of the same degree.
// There must be at least one.
func (g Group[S, K, P]) Sum(dealers [][]P) []P {
	total := make([]P, len(dealers[0]))
	copy(total, dealers[0])
	for _, commitments := range dealers[1:] {
		for k := range total {
			total[k] = total[k].Add(commitments[k])
		}
	}
	return total
}

var errSlots = errors.New("poly: slots are not distinct, not ascending or lack the one asked for")

// Lagrange returns λ_i = Π_{j≠i} (x−x_j)/(x_i−x_j) over the given slots, so
// that f(x) = Σ λ_i·f(x_i) for every f of degree below len(slots). The slots
// must be ascending, without 0, and contain i. The x of a secret is 0.
func (g Group[S, K, P]) Lagrange(slots []wire.Slot, i, x wire.Slot) (S, error) {
	num, den := g.scalar(1), g.scalar(1)
	if wire.CheckSlots(slots) != nil {
		return num, errSlots
	}
	at, xi, found := g.scalar(uint64(x)), g.scalar(uint64(i)), false
	for _, j := range slots {
		if j == i {
			found = true
			continue
		}
		xj := g.scalar(uint64(j))
		num = num.Mul(at.Sub(xj))
		den = den.Mul(xi.Sub(xj))
	}
	if !found {
		return num, errSlots
	}
	return num.Mul(den.Inv()), nil
}
