package poly_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/wire"
)

// both runs a generic test over both groups.
func both(t *testing.T, secp, ed func(*testing.T)) {
	t.Run("secp256k1", func(t *testing.T) { t.Parallel(); secp(t) })
	t.Run("ed25519", func(t *testing.T) { t.Parallel(); ed(t) })
}

// slots returns n distinct ascending slots, sparse and up to the largest.
func slots(rng *rand.Rand, n int) []wire.Slot {
	list := make([]wire.Slot, n)
	step := 65535 / n
	for i := range list {
		list[i] = wire.Slot(i*step + 1 + rng.IntN(step))
	}
	return list
}

func seeded(seed byte) (*rand.ChaCha8, *rand.Rand) {
	src := rand.NewChaCha8([32]byte{seed})
	return src, rand.New(rand.NewChaCha8([32]byte{seed, 1}))
}

func TestSharing(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T) { testSharing(t, poly.Secp256k1()) }, func(t *testing.T) { testSharing(t, poly.Ed25519()) })
}

// testSharing checks the whole of Shamir and Feldman against each other: any t
// values give the secret and every other value, t−1 give something else, and
// the public check accepts exactly the right value at the right place.
func testSharing[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](t *testing.T, g poly.Group[S, K, P]) {
	src, rng := seeded(1)
	for _, c := range []struct{ t, n int }{{1, 1}, {2, 2}, {2, 3}, {3, 5}, {5, 9}, {9, 9}} {
		f, err := g.Random(c.t, src)
		if err != nil {
			t.Fatal(err)
		}
		all := slots(rng, c.n)
		commitments := g.Commit(f)
		if got := g.BaseMul(g.Constant(f)); !got.Equal(commitments[0]) {
			t.Fatal("commitment 0 is not the secret times G")
		}
		values := map[wire.Slot]K{}
		for _, x := range all {
			v := g.Eval(f, x)
			values[x] = v
			if !g.Check(v, commitments, x) {
				t.Errorf("%d of %d: the right value at %d is refused", c.t, c.n, x)
			}
			if c.t > 1 && g.Check(v, commitments, x+1) {
				t.Errorf("%d of %d: the value at %d passes at %d", c.t, c.n, x, x+1)
			}
			if g.Check(v.Add(v), commitments, x) {
				t.Errorf("%d of %d: a wrong value passes at %d", c.t, c.n, x)
			}
		}
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		if got := interpolate(t, g, values, all[:c.t], 0); got != g.Constant(f).Bytes() {
			t.Errorf("%d of %d: t values do not give the secret", c.t, c.n)
		}
		if got := interpolate(t, g, values, all[:c.t], all[c.n-1]); got != values[all[c.n-1]].Bytes() {
			t.Errorf("%d of %d: t values do not give another value", c.t, c.n)
		}
		if c.t > 1 && interpolate(t, g, values, all[:c.t-1], 0) == g.Constant(f).Bytes() {
			t.Errorf("%d of %d: t−1 values give the secret", c.t, c.n)
		}
	}
}

func interpolate[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](t *testing.T, g poly.Group[S, K, P], values map[wire.Slot]K, use []wire.Slot, x wire.Slot) [32]byte {
	t.Helper()
	sorted := append([]wire.Slot(nil), use...)
	for i := range sorted {
		for j := range i {
			if sorted[i] < sorted[j] {
				sorted[i], sorted[j] = sorted[j], sorted[i]
			}
		}
	}
	var sum *K
	for _, i := range sorted {
		lambda, err := g.Lagrange(sorted, i, x)
		if err != nil {
			t.Fatal(err)
		}
		term := values[i].MulPublic(lambda)
		if sum != nil {
			term = (*sum).Add(term)
		}
		sum = &term
	}
	return (*sum).Bytes()
}

// TestSharesLookRandom deals one secret many times. No device's share shows it.
func TestSharesLookRandom(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T) { testUniform(t, poly.Secp256k1(), 32) }, func(t *testing.T) { testUniform(t, poly.Ed25519(), 31) })
}

// testUniform looks at the first bytes of each share. An encoding of Ed25519
// has zeros at its other end.
func testUniform[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](t *testing.T, g poly.Group[S, K, P], size int) {
	src, _ := seeded(9)
	one := [32]byte{15: 1}
	for _, x := range []wire.Slot{1, 2, 65535} {
		var sample []byte
		for range 64 {
			secret, err := g.ParseSecret(one[:])
			if err != nil {
				t.Fatal(err)
			}
			f, err := g.Redeal(secret, 2, src)
			if err != nil {
				t.Fatal(err)
			}
			b := g.Eval(f, x).Bytes()
			sample = append(sample, b[:size]...)
		}
		sharetest.Uniform(t, fmt.Sprintf("shares of device %d", x), sample)
	}
}

func TestSumOfSharings(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T) { testSum(t, poly.Secp256k1()) }, func(t *testing.T) { testSum(t, poly.Ed25519()) })
}

func testSum[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](t *testing.T, g poly.Group[S, K, P]) {
	src, _ := seeded(2)
	f1, err1 := g.Random(3, src)
	f2, err2 := g.Random(3, src)
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	c1 := g.Commit(f1)
	before := g.EncodePoints(c1)
	sum := g.Sum([][]P{c1, g.Commit(f2)})
	for _, x := range []wire.Slot{1, 2, 65535} {
		if !g.Check(g.Eval(f1, x).Add(g.Eval(f2, x)), sum, x) {
			t.Errorf("sum of values at %d does not match sum of commitments", x)
		}
	}
	for k, b := range g.EncodePoints(c1) {
		if !bytes.Equal(b, before[k]) {
			t.Error("Sum changed its argument")
		}
	}
	again, err := g.ParsePoints(g.EncodePoints(sum))
	if err != nil {
		t.Fatal(err)
	}
	for k := range sum {
		if !sum[k].Equal(again[k]) {
			t.Errorf("point %d changed by encoding", k)
		}
	}
}

func TestProof(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T) { testProof(t, poly.Secp256k1()) }, func(t *testing.T) { testProof(t, poly.Ed25519()) })
}

const tagTest wire.Tag = "poly/test"

func testProof[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](t *testing.T, g poly.Group[S, K, P]) {
	src, _ := seeded(3)
	draw := func() K {
		k, err := g.RandomSecret(src)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	a, kappa := draw(), draw()
	pub, tee := g.BaseMul(a), g.BaseMul(kappa)
	c, d := g.FromXOF(wire.XOF(tagTest)), g.FromXOF(wire.XOF(tagTest, nil))
	z := g.Prove(kappa, a, c)
	if !g.VerifyVartime(z, tee, pub, c) {
		t.Error("a right proof is refused")
	}
	if kappa.Bytes() != [32]byte{} {
		t.Error("Prove kept its nonce")
	}
	other := g.BaseMul(draw())
	for name, ok := range map[string]bool{
		"challenge": g.VerifyVartime(z, tee, pub, d),
		"answer":    g.VerifyVartime(z.Add(c), tee, pub, c),
		"nonce":     g.VerifyVartime(z, other, pub, c),
		"statement": g.VerifyVartime(z, tee, other, c),
	} {
		if ok {
			t.Errorf("a proof with another %s passes", name)
		}
	}
}

func TestLagrangeRefuses(t *testing.T) {
	t.Parallel()
	g := poly.Secp256k1()
	for name, c := range map[string]struct {
		slots []wire.Slot
		i     wire.Slot
	}{
		"empty":      {nil, 1},
		"zero":       {[]wire.Slot{0, 1}, 1},
		"duplicate":  {[]wire.Slot{1, 2, 2}, 1},
		"descending": {[]wire.Slot{2, 1}, 1},
		"absent":     {[]wire.Slot{1, 2}, 3},
	} {
		if _, err := g.Lagrange(c.slots, c.i, 0); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestWipe(t *testing.T) {
	t.Parallel()
	src, _ := seeded(4)
	g := poly.Ed25519()
	f, err := g.Random(2, src)
	if err != nil {
		t.Fatal(err)
	}
	v := g.Eval(f, 7)
	f.Wipe()
	if g.Constant(f).Bytes() != [32]byte{} {
		t.Error("coefficient survives Wipe")
	}
	if v.Bytes() == [32]byte{} {
		t.Error("a value shares storage with its polynomial")
	}
}

func TestShortRandomness(t *testing.T) {
	t.Parallel()
	if _, err := poly.Secp256k1().Random(3, bytes.NewReader(make([]byte, 100))); err == nil {
		t.Error("a polynomial from 100 zero bytes")
	}
}
