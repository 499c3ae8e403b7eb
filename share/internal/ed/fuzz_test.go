package ed_test

import (
	"bytes"
	"testing"

	"filippo.io/edwards25519"

	"github.com/warifu/warifu/share/internal/ed"
)

// lib is a point of the library underneath, for what package ed hides: points
// outside the prime-order subgroup.
type lib struct{ p *edwards25519.Point }

func library(t testing.TB, b []byte) lib {
	t.Helper()
	p, err := new(edwards25519.Point).SetBytes(b)
	if err != nil {
		t.Fatal(err)
	}
	return lib{p}
}

func libraryAccepts(b []byte) bool {
	_, err := new(edwards25519.Point).SetBytes(b)
	return err == nil
}

func (l lib) mulByCofactorIsIdentity() bool {
	return new(edwards25519.Point).MultByCofactor(l.p).Equal(edwards25519.NewIdentityPoint()) == 1
}

func (l lib) plus(m lib) []byte { return new(edwards25519.Point).Add(l.p, m.p).Bytes() }

// FuzzParsePoint checks that what is accepted is canonical and of order ℓ,
// by a route that the decoder does not take: p = 8·(8⁻¹·p) holds exactly in
// the subgroup, because multiplying by 8 removes every other component.
func FuzzParsePoint(f *testing.F) {
	base := ed.Base().Bytes()
	f.Add(base[:])
	for _, tt := range smallOrder {
		f.Add(unhex(f, tt.hex))
		f.Add(library(f, base[:]).plus(library(f, unhex(f, tt.hex))))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := ed.ParsePoint(b)
		if err != nil {
			return
		}
		if got := p.Bytes(); !bytes.Equal(got[:], b) {
			t.Fatalf("accepted %x, encodes %x", b, got)
		}
		eighth := ed.MulVartime(ed.NewScalar(8).Inv(), p).Bytes()
		again := new(edwards25519.Point).MultByCofactor(library(t, eighth[:]).p)
		if p.IsIdentity() || !bytes.Equal(again.Bytes(), b) {
			t.Fatalf("accepted %x, which is not of order ℓ", b)
		}
	})
}

// FuzzParseScalar checks the bound against math/big, and that both types of
// scalar accept the same strings.
func FuzzParseScalar(f *testing.F) {
	f.Add(make([]byte, 32))
	f.Add(little(order))
	f.Add(bytes.Repeat([]byte{0xff}, 32))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := ed.ParseScalar(b)
		if want := len(b) == ed.ScalarSize && integer(b).Cmp(order) < 0; (err == nil) != want {
			t.Fatalf("ParseScalar(%x): %v", b, err)
		}
		x, errSecret := ed.ParseSecret(b)
		if (err == nil) != (errSecret == nil) {
			t.Fatalf("ParseSecret(%x): %v", b, errSecret)
		}
		if err != nil {
			return
		}
		sb, xb := s.Bytes(), x.Bytes()
		if !bytes.Equal(sb[:], b) || !bytes.Equal(xb[:], b) {
			t.Fatalf("accepted %x, encodes %x", b, sb)
		}
	})
}
