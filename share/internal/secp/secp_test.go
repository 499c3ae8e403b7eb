package secp_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"

	"github.com/warifu/warifu/share/internal/secp"
)

var order = decred.Params().N

func seeded(seed byte) *rand.ChaCha8 { return rand.NewChaCha8([32]byte{seed}) }

func toBig(b [32]byte) *big.Int { return new(big.Int).SetBytes(b[:]) }

// fromBig encodes n modulo q.
func fromBig(n *big.Int) (b [32]byte) {
	new(big.Int).Mod(n, order).FillBytes(b[:])
	return b
}

func mustScalar(t testing.TB, b [32]byte) secp.Scalar {
	t.Helper()
	x, err := secp.ParseScalar(b[:])
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// decredMul returns the compressed form of k·p, or 33 zeros for the identity.
func decredMul(k [32]byte, p *decred.JacobianPoint) (out [33]byte) {
	var s decred.ModNScalar
	s.SetBytes(&k)
	var r decred.JacobianPoint
	if p == nil {
		decred.ScalarBaseMultNonConst(&s, &r)
	} else {
		decred.ScalarMultNonConst(&s, p, &r)
	}
	return decredBytes(&r)
}

func decredBytes(r *decred.JacobianPoint) (out [33]byte) {
	if (r.X.IsZero() && r.Y.IsZero()) || r.Z.IsZero() {
		return out
	}
	r.ToAffine()
	copy(out[:], decred.NewPublicKey(&r.X, &r.Y).SerializeCompressed())
	return out
}

// edges are the scalars where carries, reductions and windows go wrong.
func edges() []*big.Int {
	one := big.NewInt(1)
	two128 := new(big.Int).Lsh(one, 128)
	return []*big.Int{
		big.NewInt(0), one, big.NewInt(2), big.NewInt(15), big.NewInt(16), big.NewInt(65535), big.NewInt(65536),
		new(big.Int).Sub(two128, one), two128, new(big.Int).Rsh(order, 1), new(big.Int).Add(new(big.Int).Rsh(order, 1), one),
		new(big.Int).Sub(order, one), new(big.Int).Sub(order, big.NewInt(2)),
	}
}

func TestScalarAgreesWithBigInt(t *testing.T) {
	t.Parallel()
	rng := seeded(1)
	values := edges()
	for range 40 {
		var b [32]byte
		rng.Read(b[:])
		values = append(values, toBig(b).Mod(toBig(b), order))
	}
	for _, a := range values {
		x := mustScalar(t, fromBig(a))
		inv := new(big.Int)
		if a.Sign() != 0 {
			inv.ModInverse(a, order)
		}
		for name, pair := range map[string]struct{ got, want [32]byte }{
			"neg":   {x.Neg().Bytes(), fromBig(new(big.Int).Neg(a))},
			"inv":   {x.Inv().Bytes(), fromBig(inv)},
			"s-neg": {x.Secret().Neg().Bytes(), fromBig(new(big.Int).Neg(a))},
		} {
			if pair.got != pair.want {
				t.Fatalf("seed 1: %s(%x) = %x, want %x", name, a, pair.got, pair.want)
			}
		}
		if got, want := x.IsHigh(), a.Cmp(new(big.Int).Rsh(order, 1)) > 0; got != want {
			t.Fatalf("seed 1: IsHigh(%x) = %v", a, got)
		}
		for _, b := range values {
			y := mustScalar(t, fromBig(b))
			sum, diff, prod := new(big.Int).Add(a, b), new(big.Int).Sub(a, b), new(big.Int).Mul(a, b)
			xs, ys := x.Secret(), y.Secret()
			for name, pair := range map[string]struct {
				got  [32]byte
				want *big.Int
			}{
				"add": {x.Add(y).Bytes(), sum}, "sub": {x.Sub(y).Bytes(), diff}, "mul": {x.Mul(y).Bytes(), prod},
				"s-add": {xs.Add(ys).Bytes(), sum}, "s-sub": {xs.Sub(ys).Bytes(), diff}, "s-mul": {xs.Mul(ys).Bytes(), prod},
				"p-add": {xs.AddPublic(y).Bytes(), sum}, "p-mul": {xs.MulPublic(y).Bytes(), prod},
			} {
				if pair.got != fromBig(pair.want) {
					t.Fatalf("seed 1: %s(%x, %x) = %x", name, a, b, pair.got)
				}
			}
			if x.Equal(y) != (a.Cmp(b) == 0) || xs.Equal(ys) != (a.Cmp(b) == 0) {
				t.Fatalf("seed 1: equality of %x and %x", a, b)
			}
		}
	}
}

func TestPointAgreesWithDecred(t *testing.T) {
	t.Parallel()
	rng := seeded(2)
	ks := edges()
	for range 20 {
		var b [32]byte
		rng.Read(b[:])
		ks = append(ks, toBig(b))
	}
	var base decred.JacobianPoint
	decred.ScalarBaseMultNonConst(new(decred.ModNScalar).SetInt(77), &base)
	p := secp.BaseMulVartime(secp.NewScalar(77))
	for _, k := range ks {
		kb := fromBig(k)
		x := mustScalar(t, kb)
		wantBase, wantVar := decredMul(kb, nil), decredMul(kb, &base)
		for name, pair := range map[string]struct{ got, want [33]byte }{
			"base":      {secp.BaseMul(x.Secret()).Bytes(), wantBase},
			"base-vt":   {secp.BaseMulVartime(x).Bytes(), wantBase},
			"mul":       {secp.Mul(x.Secret(), p).Bytes(), wantVar},
			"mul-vt":    {secp.MulVartime(x, p).Bytes(), wantVar},
			"multi-vt":  {secp.MultiMulVartime([]secp.Scalar{x, x, secp.NewScalar(1)}, []secp.Point{p, p.Neg(), p}).Bytes(), p.Bytes()},
			"add-sub":   {secp.BaseMul(x.Secret()).Add(p).Sub(p).Bytes(), wantBase},
			"identity+": {secp.Identity().Add(secp.BaseMulVartime(x)).Bytes(), wantBase},
		} {
			if pair.got != pair.want {
				t.Fatalf("seed 2: %s(%x) = %x, want %x", name, k, pair.got, pair.want)
			}
		}
		if new(big.Int).Mod(k, order).Sign() == 0 {
			continue
		}
		pub, err := decred.ParsePubKey(wantBase[:])
		if err != nil {
			t.Fatal(err)
		}
		gotX, overflow, odd := secp.BaseMulVartime(x).X()
		wantX, wantOdd := pub.X(), pub.Y().Bit(0) == 1
		if gotX.Bytes() != fromBig(wantX) || overflow != (wantX.Cmp(order) >= 0) || odd != wantOdd {
			t.Fatalf("seed 2: X of %x·G", k)
		}
	}
	if !secp.Base().Equal(secp.BaseMulVartime(secp.NewScalar(1))) {
		t.Fatal("base point is not 1·G")
	}
}

// TestPointWithLargeX uses a point whose x coordinate is above the group order,
// which about one point in 2^128 is.
func TestPointWithLargeX(t *testing.T) {
	t.Parallel()
	p := secp.Point{}
	x := new(big.Int).Set(order)
	for found := false; !found; x.Add(x, big.NewInt(1)) {
		var err error
		p, err = secp.ParsePoint(append([]byte{3}, x.FillBytes(make([]byte, 32))...))
		found = err == nil
	}
	x.Sub(x, big.NewInt(1))
	r, overflow, odd := p.X()
	if !overflow || !odd || r.Bytes() != fromBig(x) {
		t.Fatalf("X = %x, %v, %v; want %x, true, true", r.Bytes(), overflow, odd, fromBig(x))
	}
	if r, overflow, odd = secp.Identity().X(); !r.IsZero() || overflow || odd {
		t.Fatal("coordinates of the identity")
	}
}

func TestParseScalarRefuses(t *testing.T) {
	t.Parallel()
	bytesOf := func(n *big.Int) []byte { return n.FillBytes(make([]byte, 32)) }
	for name, b := range map[string][]byte{
		"short":        make([]byte, 31),
		"long":         make([]byte, 33),
		"order":        bytesOf(order),
		"order-plus-1": bytesOf(new(big.Int).Add(order, big.NewInt(1))),
		"all-ones":     bytes.Repeat([]byte{0xff}, 32),
	} {
		if _, err := secp.ParseScalar(b); err == nil {
			t.Errorf("ParseScalar accepts %s", name)
		}
		if _, err := secp.ParseSecret(b); err == nil {
			t.Errorf("ParseSecret accepts %s", name)
		}
	}
}

func TestParsePointRefuses(t *testing.T) {
	t.Parallel()
	g := secp.Base().Bytes()
	gx := g[1:]
	pub, _ := decred.ParsePubKey(g[:])
	full := pub.SerializeUncompressed()
	hybrid := bytes.Clone(full)
	hybrid[0] = 6 | full[64]&1
	field := decred.Params().P
	above := append([]byte{2}, new(big.Int).Add(field, big.NewInt(1)).FillBytes(make([]byte, 32))...)
	offCurve := append([]byte{2}, bytes.Repeat([]byte{0}, 31)...)
	offCurve = append(offCurve, 5) // 5^3 + 7 is not a square
	for name, b := range map[string][]byte{
		"empty":         {},
		"identity":      {0},
		"identity-33":   make([]byte, 33),
		"x-only":        gx,
		"uncompressed":  full,
		"hybrid":        hybrid,
		"prefix-4":      append([]byte{4}, gx...),
		"prefix-0":      append([]byte{0}, gx...),
		"trailing":      append(bytes.Clone(g[:]), 0),
		"x-not-below-p": above,
		"x-off-curve":   offCurve,
		"x-is-p":        append([]byte{3}, field.FillBytes(make([]byte, 32))...),
	} {
		if p, err := secp.ParsePoint(b); err == nil {
			t.Errorf("ParsePoint accepts %s as %x", name, p.Bytes())
		}
	}
}

func TestWideAndReducedScalars(t *testing.T) {
	t.Parallel()
	rng := seeded(3)
	for range 50 {
		var w [64]byte
		rng.Read(w[:])
		if got, want := secp.SecretFromWide(&w).Bytes(), fromBig(new(big.Int).SetBytes(w[:])); got != want {
			t.Fatalf("seed 3: wide %x", w)
		}
		n := [32]byte(w[:32])
		if secp.ReduceScalar(&n).Bytes() != fromBig(toBig(n)) || secp.ReduceSecret(&n).Bytes() != fromBig(toBig(n)) {
			t.Fatalf("seed 3: reduce %x", n)
		}
	}
	var ones [64]byte
	for i := range ones {
		ones[i] = 0xff
	}
	n := [32]byte(ones[:32])
	if secp.SecretFromWide(&ones).Bytes() != fromBig(new(big.Int).SetBytes(ones[:])) ||
		secp.ReduceScalar(&n).Bytes() != fromBig(toBig(n)) {
		t.Fatal("reduction of all ones")
	}
}

// A zeros is a source of randomness that is broken.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func TestRandomSecretRefuses(t *testing.T) {
	t.Parallel()
	if _, err := secp.RandomSecret(zeros{}); err == nil {
		t.Fatal("a secret was drawn from nothing but zeros")
	}
	if _, err := secp.RandomSecret(strings.NewReader("short")); err == nil {
		t.Fatal("short randomness accepted")
	}
}

func TestSecretIsNotPrintedOrEncoded(t *testing.T) {
	t.Parallel()
	x, err := secp.RandomSecret(seeded(5))
	if err != nil {
		t.Fatal(err)
	}
	type wrapper struct {
		X  secp.Secret
		p  *secp.Secret
		in struct{ x secp.Secret }
	}
	w := wrapper{X: x, p: &x}
	w.in.x = x
	b := x.Bytes()
	limb := fmt.Sprintf("%x", b[:4])
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		for _, v := range []any{x, &x, w, &w} {
			if out := fmt.Sprintf(verb, v); strings.Contains(out, limb) || strings.Contains(out, "m:[") {
				t.Errorf("%s prints %q", verb, out)
			}
		}
	}
	if _, err := json.Marshal(x); err == nil {
		t.Error("encoded as JSON")
	}
	if _, err := json.Marshal(w); err == nil {
		t.Error("encoded as JSON inside a struct")
	}
}

func TestSecretHandles(t *testing.T) {
	t.Parallel()
	x, _ := secp.RandomSecret(seeded(6))
	k := x.Key()
	back, err := secp.SecretFromKey(k)
	if err != nil || !back.Equal(x) || !back.Public().Equal(x.Public()) {
		t.Fatal("key round trip")
	}
	sum := x.Clone()
	sum.Accumulate(back)
	if !sum.Equal(x.Add(x)) {
		t.Fatal("accumulate")
	}
	alias, clone := x, x.Clone()
	x.Wipe()
	if !alias.IsZero() || clone.IsZero() || back.IsZero() {
		t.Fatal("wipe reaches handles and nothing else")
	}
	var zero secp.Secret
	zero.Wipe()
	if !zero.IsZero() || !zero.Add(clone).Equal(clone) || !secp.BaseMul(zero).IsIdentity() {
		t.Fatal("zero value is not 0")
	}
}

func FuzzPoint(f *testing.F) {
	g := secp.Base().Bytes()
	f.Add(g[:], []byte{3})
	f.Add(make([]byte, 33), bytes.Repeat([]byte{0xff}, 32))
	f.Fuzz(func(t *testing.T, enc, k []byte) {
		p, err := secp.ParsePoint(enc)
		want, werr := decred.ParsePubKey(enc)
		if (err == nil) != (werr == nil && len(enc) == 33) {
			t.Fatalf("ParsePoint: %v, decred: %v", err, werr)
		}
		if err != nil {
			return
		}
		if got := p.Bytes(); !bytes.Equal(got[:], enc) {
			t.Fatalf("%x encodes as %x", enc, got)
		}
		var kb [32]byte
		copy(kb[:], k)
		x := secp.ReduceScalar(&kb)
		var j decred.JacobianPoint
		want.AsJacobian(&j)
		wantMul := decredMul(x.Bytes(), &j)
		if got := secp.Mul(x.Secret(), p).Bytes(); got != wantMul {
			t.Fatalf("mul: %x, want %x", got, wantMul)
		}
		if got := secp.MulVartime(x, p).Bytes(); got != wantMul {
			t.Fatalf("mul vartime: %x, want %x", got, wantMul)
		}
		var double, sum decred.JacobianPoint
		want.AsJacobian(&double)
		want.AsJacobian(&j)
		decred.AddNonConst(&double, &j, &sum)
		if got := p.Add(p).Bytes(); got != decredBytes(&sum) {
			t.Fatalf("add: %x", got)
		}
	})
}

func FuzzScalar(f *testing.F) {
	f.Add(order.Bytes(), []byte{1})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, err := secp.ParseScalar(a)
		if valid := len(a) == 32 && new(big.Int).SetBytes(a).Cmp(order) < 0; valid != (err == nil) {
			t.Fatalf("ParseScalar: %v", err)
		}
		if err != nil {
			return
		}
		var yb [32]byte
		copy(yb[:], b)
		var s, u decred.ModNScalar
		xb := x.Bytes()
		s.SetBytes(&xb)
		u.SetBytes(&yb)
		y := secp.ReduceScalar(&yb)
		if x.Mul(y).Bytes() != new(decred.ModNScalar).Mul2(&s, &u).Bytes() ||
			x.Add(y).Bytes() != new(decred.ModNScalar).Add2(&s, &u).Bytes() ||
			x.Inv().Bytes() != new(decred.ModNScalar).InverseValNonConst(&s).Bytes() {
			t.Fatal("arithmetic differs from decred")
		}
	})
}

func BenchmarkBaseMul(b *testing.B) {
	x, _ := secp.RandomSecret(seeded(7))
	for b.Loop() {
		secp.BaseMul(x)
	}
}

func BenchmarkMul(b *testing.B) {
	x, _ := secp.RandomSecret(seeded(8))
	p := secp.BaseMul(x)
	for b.Loop() {
		secp.Mul(x, p)
	}
}
