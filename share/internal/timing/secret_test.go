// Package timing measures whether secrets show in the time that the functions
// of share/internal take. Nothing here is asserted, since a shared machine cannot
// hold it; docs/crypto.md says what was measured, and how to measure again.
package timing_test

import (
	"io"
	"math/rand/v2"
	"testing"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/share/internal/ot/ristretto"
	"github.com/warifu/warifu/share/internal/secp"
)

// source is randomness that begins with zeros, or does not.
func source(c class, zeros int, rng *rand.ChaCha8) io.Reader {
	if c == fixed {
		return io.MultiReader(io.LimitReader(zero{}, int64(zeros)), rng)
	}
	return rng
}

type zero struct{}

func (zero) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func newRand() *rand.ChaCha8 { return rand.NewChaCha8([32]byte{9}) }

// secret is 1, or random.
func secret(b *testing.B, c class, rng *rand.ChaCha8) secp.Secret {
	b.Helper()
	if c == fixed {
		return secp.NewScalar(1).Secret()
	}
	x, err := secp.RandomSecret(rng)
	if err != nil {
		b.Fatal(err)
	}
	return x
}

func edSecret(b *testing.B, c class, rng *rand.ChaCha8) ed.Secret {
	b.Helper()
	if c == fixed {
		return ed.NewScalar(1).Secret()
	}
	x, err := ed.RandomSecret(rng)
	if err != nil {
		b.Fatal(err)
	}
	return x
}

// mask is n bytes of zeros, or random.
func mask(c class, n int, rng *rand.ChaCha8) []byte {
	m := make([]byte, n)
	if c == random {
		rng.Read(m)
	}
	return m
}

func BenchmarkTiming(b *testing.B) {
	for _, x := range []struct {
		name string
		op   func(b *testing.B)
	}{
		{"control/MulVartime", control},
		{"secp/BaseMul", func(b *testing.B) {
			rng := newRand()
			compare(b, 1, func(c class) func() { x := secret(b, c, rng); return func() { secp.BaseMul(x) } })
		}},
		{"secp/Mul", func(b *testing.B) {
			rng := newRand()
			p := secp.BaseMul(secret(b, random, rng))
			compare(b, 1, func(c class) func() { x := secret(b, c, rng); return func() { secp.Mul(x, p) } })
		}},
		{"secp/Secret", func(b *testing.B) {
			rng := newRand()
			y := secret(b, random, rng)
			compare(b, 1, func(c class) func() {
				x := secret(b, c, rng)
				return func() {
					for range 32 {
						x.Mul(y).Add(x).Sub(y).Neg()
					}
				}
			})
		}},
		{"secp/Vector", func(b *testing.B) {
			rng := newRand()
			v, w, wide := secp.NewVector(ot.Xi), secp.NewVector(ot.Xi), make([]byte, ot.Xi*secp.ScalarSize)
			rng.Read(wide)
			v.Reduce(wide, secp.ScalarSize)
			compare(b, 1, func(c class) func() {
				m := mask(c, ot.Xi/8, rng)
				return func() { w.AddMasked(m, v); w.SubMaskedEach(m, secp.NewScalar(5)); v.SumMasked(m) }
			})
		}},
		{"ed/BaseMul", func(b *testing.B) {
			rng := newRand()
			compare(b, 1, func(c class) func() { x := edSecret(b, c, rng); return func() { ed.BaseMul(x) } })
		}},
		{"ed/Mul", func(b *testing.B) {
			rng := newRand()
			p := ed.BaseMul(edSecret(b, random, rng))
			compare(b, 1, func(c class) func() { x := edSecret(b, c, rng); return func() { ed.Mul(x, p) } })
		}},
		{"ristretto/Table.Mul", func(b *testing.B) {
			rng := newRand()
			table := ristretto.NewTable(edwards25519.NewGeneratorPoint())
			compare(b, 1, func(c class) func() {
				wide := mask(c, 64, rng)
				wide[0] |= 1
				s, err := edwards25519.NewScalar().SetUniformBytes(wide)
				if err != nil {
					b.Fatal(err)
				}
				var out edwards25519.Point
				return func() { table.Mul(&out, s) }
			})
		}},
		{"ristretto/Encode", func(b *testing.B) {
			rng := newRand()
			compare(b, 1, func(c class) func() {
				u := [64]byte(mask(c, 64, rng))
				var p edwards25519.Point
				return func() { ristretto.Uniform(&p, &u); ristretto.Encode(&p) }
			})
		}},
		{"ot/choose", choose},
		{"ot/Sender.Extend", extend},
	} {
		b.Run(x.name, x.op)
	}
}

// control is an operation that does depend on the scalar: a harness that does
// not see that sees nothing.
func control(b *testing.B) {
	rng := newRand()
	p := secp.BaseMul(secret(b, random, rng))
	compare(b, 1, func(c class) func() {
		x := secret(b, c, rng).Public() // it is a test's
		return func() { secp.MulVartime(x, p) }
	})
}

// choose is the receiver of the base transfers, by its choice bits Δ: the first
// 16 bytes that it draws.
func choose(b *testing.B) {
	rng := newRand()
	bob, err := ot.NewReceiver(rng)
	if err != nil {
		b.Fatal(err)
	}
	compare(b, 8, func(c class) func() {
		r := source(c, ot.Lambda/8, newRand())
		return func() {
			if _, _, err := ot.NewSender([]byte("psid"), bob.Point(), r); err != nil {
				b.Error(err)
			}
		}
	})
}

// extend is the sender of the extension, by the same Δ.
func extend(b *testing.B) {
	rng := newRand()
	psid := []byte("psid")
	compare(b, 16, func(c class) func() {
		bob, err := ot.NewReceiver(rng)
		if err != nil {
			b.Fatal(err)
		}
		alice, base, err := ot.NewSender(psid, bob.Point(), source(c, ot.Lambda/8, rng))
		if err != nil {
			b.Fatal(err)
		}
		msg, err := bob.Extend(psid, base, rng)
		if err != nil {
			b.Fatal(err)
		}
		return func() {
			if err := alice.Extend(msg); err != nil {
				b.Error(err)
			}
		}
	})
}
