package ristretto_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"testing"

	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
	"github.com/gtank/ristretto255"

	"github.com/warifu/warifu/share/internal/ot/ristretto"
)

func wide(r *rand.ChaCha8) (b [64]byte) {
	r.Read(b[:])
	return b
}

func TestAgreesWithOtherImplementation(t *testing.T) {
	t.Parallel()
	rng := rand.NewChaCha8([32]byte{1})
	g := ristretto.Encode(edwards25519.NewGeneratorPoint())
	if want := ristretto255.NewGeneratorElement().Bytes(); !bytes.Equal(g[:], want) {
		t.Fatalf("generator %x, want %x", g, want)
	}
	var points []edwards25519.Point
	var doubles [][]byte
	for i := range 200 {
		b := wide(rng)
		if i < 3 {
			// MAP at 0, 1 and all ones.
			b = [64]byte{}
			for k := range b {
				b[k] = []byte{0, 1, 255}[i]
			}
		}
		want, err := ristretto255.NewIdentityElement().SetUniformBytes(b[:])
		if err != nil {
			t.Fatal(err)
		}
		var p edwards25519.Point
		ristretto.Uniform(&p, &b)
		got := ristretto.Encode(&p)
		if !bytes.Equal(got[:], want.Bytes()) {
			t.Fatalf("seed 1: uniform(%x) = %x, want %x", b, got, want.Bytes())
		}
		var q edwards25519.Point
		if !ristretto.Decode(&q, got[:]) {
			t.Fatalf("seed 1: %x does not decode", got)
		}
		if again := ristretto.Encode(&q); again != got {
			t.Fatalf("seed 1: %x decodes and encodes as %x", got, again)
		}
		if i < 2 {
			continue // uniform of equal halves may be anything, even the identity
		}
		k := wide(rng)
		scalar, _ := edwards25519.NewScalar().SetUniformBytes(k[:])
		ref, err := ristretto255.NewScalar().SetUniformBytes(k[:])
		if err != nil {
			t.Fatal(err)
		}
		var out edwards25519.Point
		ristretto.NewTable(&q).Mul(&out, scalar)
		got = ristretto.Encode(&out)
		if w := ristretto255.NewIdentityElement().ScalarMult(ref, want).Bytes(); !bytes.Equal(got[:], w) {
			t.Fatalf("seed 1: table product %x, want %x", got, w)
		}
		points = append(points, p, out)
		w := ristretto255.NewIdentityElement().ScalarMult(ref, want)
		doubles = append(doubles, ristretto255.NewIdentityElement().Add(want, want).Bytes(), w.Add(w, w).Bytes())
	}
	encoded, err := ristretto.EncodeDoubles(points)
	if err != nil || len(encoded) != len(doubles) {
		t.Fatalf("%d encodings: %v", len(encoded), err)
	}
	for i, got := range encoded {
		if !bytes.Equal(got[:], doubles[i]) {
			t.Fatalf("seed 1: double %d = %x, want %x", i, got, doubles[i])
		}
	}
}

// TestPoisonedBatch puts each point that stands for the identity into a batch of
// honest ones. All share one inversion, so that without a check every encoding
// comes out as zeros, and every key that is hashed from one is known.
func TestPoisonedBatch(t *testing.T) {
	t.Parallel()
	minusOne := new(field.Element).Negate(new(field.Element).One())
	root, _ := new(field.Element).SqrtRatio(minusOne, new(field.Element).One())
	torsion := func(x, y *field.Element) edwards25519.Point {
		p, err := new(edwards25519.Point).SetExtendedCoordinates(x, y, new(field.Element).One(), new(field.Element).Multiply(x, y))
		if err != nil {
			t.Fatal(err)
		}
		return *p
	}
	zero := new(field.Element)
	poisons := map[string]edwards25519.Point{
		"identity": *edwards25519.NewIdentityPoint(),
		"order-2":  torsion(zero, minusOne),
		"order-4":  torsion(root, zero),
		"-order-4": torsion(new(field.Element).Negate(root), zero),
	}
	rng := rand.NewChaCha8([32]byte{3})
	for name, poison := range poisons {
		for at := range 4 {
			points := make([]edwards25519.Point, 4)
			for i := range points {
				b := wide(rng)
				ristretto.Uniform(&points[i], &b)
			}
			if out, err := ristretto.EncodeDoubles(points); err != nil || len(out) != 4 {
				t.Fatalf("%s: the honest batch: %v", name, err)
			}
			points[at] = poison
			if out, err := ristretto.EncodeDoubles(points); !errors.Is(err, ristretto.ErrIdentity) || out != nil {
				t.Errorf("%s at %d: %x, %v", name, at, out, err)
			}
		}
	}
}

func TestTableAtEdges(t *testing.T) {
	t.Parallel()
	p := edwards25519.NewGeneratorPoint()
	table := ristretto.NewTable(p)
	one := make([]byte, 32)
	one[0] = 1
	unit, _ := edwards25519.NewScalar().SetCanonicalBytes(one)
	minus := edwards25519.NewScalar().Negate(unit)
	for _, s := range []*edwards25519.Scalar{edwards25519.NewScalar(), unit, minus} {
		var got edwards25519.Point
		table.Mul(&got, s)
		if got.Equal(edwards25519.NewIdentityPoint().ScalarBaseMult(s)) != 1 {
			t.Errorf("product with %x", s.Bytes())
		}
	}
}

// TestDecodeRefuses holds the invalid encodings of RFC 9496, appendix A.2, one
// of each sort, and what else is not canonical.
func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"non-canonical-0": "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"non-canonical-1": "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"p":               "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"negative-1":      "0100000000000000000000000000000000000000000000000000000000000000",
		"negative-2":      "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"negative-3":      "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
		"non-square":      "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
		"negative-xy":     "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
		"s-minus-one":     "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"short":           "00",
		"long":            "000000000000000000000000000000000000000000000000000000000000000000",
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		var p edwards25519.Point
		if ristretto.Decode(&p, b) {
			t.Errorf("%s is accepted", name)
		}
	}
}

// TestDecodeRefusesNegative: s and p - s give the same point, of which only one
// is its encoding.
func TestDecodeRefusesNegative(t *testing.T) {
	t.Parallel()
	b := ristretto.Encode(edwards25519.NewGeneratorPoint())
	s, err := new(field.Element).SetBytes(b[:])
	if err != nil {
		t.Fatal(err)
	}
	var p edwards25519.Point
	if !ristretto.Decode(&p, b[:]) || ristretto.Decode(&p, s.Negate(s).Bytes()) {
		t.Error("generator refused or its negative form accepted")
	}
}

func TestIsIdentity(t *testing.T) {
	t.Parallel()
	p := edwards25519.NewIdentityPoint()
	if !ristretto.IsIdentity(p) {
		t.Error("identity")
	}
	if ristretto.IsIdentity(edwards25519.NewGeneratorPoint()) {
		t.Error("generator")
	}
	// The point of order 2 stands for the same coset.
	minusOne, _ := hex.DecodeString("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")
	if _, err := p.SetBytes(minusOne); err != nil {
		t.Fatal(err)
	}
	if !ristretto.IsIdentity(p) || ristretto.Encode(p) != [32]byte{} {
		t.Error("point of order 2")
	}
}

func FuzzDecode(f *testing.F) {
	g := ristretto.Encode(edwards25519.NewGeneratorPoint())
	f.Add(g[:])
	f.Add(make([]byte, 32))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, err := ristretto255.NewIdentityElement().SetCanonicalBytes(b)
		var p edwards25519.Point
		ok := ristretto.Decode(&p, b)
		if ok != (err == nil) {
			t.Fatalf("decode %x: %v, other implementation: %v", b, ok, err)
		}
		if ok {
			if again := ristretto.Encode(&p); !bytes.Equal(again[:], b) {
				t.Fatalf("%x encodes as %x", b, again)
			}
		}
	})
}

func BenchmarkScalarMult(b *testing.B) {
	w := wide(rand.NewChaCha8([32]byte{2}))
	s, _ := edwards25519.NewScalar().SetUniformBytes(w[:])
	p := edwards25519.NewGeneratorPoint()
	var out edwards25519.Point
	b.Run("variable", func(b *testing.B) {
		for b.Loop() {
			out.ScalarMult(s, p)
		}
	})
	b.Run("base", func(b *testing.B) {
		for b.Loop() {
			out.ScalarBaseMult(s)
		}
	})
	table := ristretto.NewTable(p)
	b.Run("table", func(b *testing.B) {
		for b.Loop() {
			table.Mul(&out, s)
		}
	})
}

func BenchmarkUniform(b *testing.B) {
	w := wide(rand.NewChaCha8([32]byte{3}))
	var out edwards25519.Point
	for b.Loop() {
		ristretto.Uniform(&out, &w)
	}
}
