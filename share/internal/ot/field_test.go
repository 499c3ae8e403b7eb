package ot

import (
	"math/big"
	"math/rand/v2"
	"testing"
)

func (a element) big() *big.Int {
	n := new(big.Int).SetUint64(a.hi)
	return n.Or(n.Lsh(n, 64), new(big.Int).SetUint64(a.lo))
}

// slowMul multiplies as schoolbooks multiply polynomials, then divides.
func slowMul(a, b *big.Int) *big.Int {
	p := new(big.Int)
	for i := range a.BitLen() {
		if a.Bit(i) == 1 {
			p.Xor(p, new(big.Int).Lsh(b, uint(i)))
		}
	}
	modulus := new(big.Int).SetBit(big.NewInt(0x87), 128, 1)
	for i := p.BitLen() - 1; i >= 128; i = p.BitLen() - 1 {
		p.Xor(p, new(big.Int).Lsh(modulus, uint(i-128)))
	}
	return p
}

func TestFieldAgreesWithPolynomials(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewChaCha8([32]byte{1}))
	values := []element{{}, {1, 0}, {2, 0}, {0, 1 << 63}, {^uint64(0), ^uint64(0)}}
	for range 20 {
		values = append(values, element{r.Uint64(), r.Uint64()})
	}
	for _, a := range values {
		for _, b := range values {
			if got, want := a.mul(b).big(), slowMul(a.big(), b.big()); got.Cmp(want) != 0 {
				t.Fatalf("seed 1: %x · %x = %x, want %x", a.big(), b.big(), got, want)
			}
		}
		// Frobenius: every element is its own 2^128th power.
		x := a
		for range 128 {
			x = x.mul(x)
		}
		if x != a {
			t.Fatalf("seed 1: %x to the 2^128 is %x", a.big(), x.big())
		}
	}
}

func TestTranspose(t *testing.T) {
	t.Parallel()
	rng := rand.NewChaCha8([32]byte{2})
	var m matrix
	for i := range m {
		rng.Read(m[i][:])
	}
	var out columns
	transpose(&out, &m)
	for i := range Lambda {
		for j := range Xi {
			if bitOf(m[i][:], j) != bitOf(out[j][:], i) {
				t.Fatalf("seed 2: bit %d, %d", i, j)
			}
		}
	}
}
