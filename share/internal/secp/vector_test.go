package secp_test

import (
	"math/big"
	"testing"

	"github.com/warifu/warifu/share/internal/secp"
)

func TestVectorAgreesWithBigInt(t *testing.T) {
	t.Parallel()
	const n, stride = 24, 40
	rng := seeded(9)
	load := func() (secp.Vector, []*big.Int) {
		b := make([]byte, n*stride)
		rng.Read(b)
		v, out := secp.NewVector(n), make([]*big.Int, n)
		v.Reduce(b, stride)
		for j := range out {
			out[j] = new(big.Int).Mod(new(big.Int).SetBytes(b[j*stride:][:32]), order)
		}
		return v, out
	}
	v, a := load()
	w, b := load()
	x, _ := secp.RandomSecret(rng)
	xb := toBig(x.Bytes())
	mask := make([]byte, n/8)
	rng.Read(mask)
	bit := func(j int) *big.Int { return big.NewInt(int64(mask[j/8] >> (j % 8) & 1)) }

	check := func(name string, f func(j int) *big.Int) {
		t.Helper()
		out := make([]byte, n*stride)
		v.Put(out, stride)
		for j := range n {
			a[j] = new(big.Int).Mod(f(j), order)
			if got := new(big.Int).SetBytes(out[j*stride:][:32]); got.Cmp(a[j]) != 0 {
				t.Fatalf("seed 9: %s: element %d = %x, want %x", name, j, got, a[j])
			}
		}
		again := secp.NewVector(n)
		if err := again.Parse(out, stride); err != nil || !again.Dot(w).Equal(v.Dot(w)) {
			t.Fatalf("seed 9: %s: parse: %v", name, err)
		}
	}
	check("reduce", func(j int) *big.Int { return a[j] })
	v.Sub(w)
	check("sub", func(j int) *big.Int { return new(big.Int).Sub(a[j], b[j]) })
	v.AddEach(x)
	check("add-each", func(j int) *big.Int { return new(big.Int).Add(a[j], xb) })
	v.AddScaled(x.Public(), w)
	check("add-scaled", func(j int) *big.Int { return new(big.Int).Add(a[j], new(big.Int).Mul(xb, b[j])) })
	v.AddMasked(mask, w)
	check("add-masked", func(j int) *big.Int { return new(big.Int).Add(a[j], new(big.Int).Mul(bit(j), b[j])) })
	v.SubMaskedEach(mask, x.Public())
	check("sub-masked", func(j int) *big.Int { return new(big.Int).Sub(a[j], new(big.Int).Mul(bit(j), xb)) })

	dot, sum := new(big.Int), new(big.Int)
	for j := range n {
		dot.Add(dot, new(big.Int).Mul(a[j], b[j]))
		sum.Add(sum, new(big.Int).Mul(bit(j), a[j]))
	}
	if v.Dot(w).Bytes() != fromBig(dot) || v.SumMasked(mask).Bytes() != fromBig(sum) {
		t.Fatal("seed 9: dot or masked sum")
	}
	v.Negate()
	check("negate", func(j int) *big.Int { return new(big.Int).Neg(a[j]) })
	v.Wipe()
	if !v.Dot(w).IsZero() {
		t.Fatal("wiped vector is not zero")
	}
}

func TestVectorParseRefusesNonCanonical(t *testing.T) {
	t.Parallel()
	b := make([]byte, 3*32)
	order.FillBytes(b[64:])
	if secp.NewVector(3).Parse(b, 32) == nil {
		t.Fatal("accepts the group order")
	}
	if secp.NewVector(2).Parse(b, 32) != nil {
		t.Fatal("refuses zeros")
	}
}
