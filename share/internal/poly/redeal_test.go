package poly_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/share/internal/poly"
	"github.com/warifu/warifu/wire"
)

// TestRedeal re-deals 2-of-3 to 3-of-5 in both groups: the commitments of the
// sum begin with the old key, every new share fits them, and three of the new
// ones, at slots that had none, are the old secret.
func TestRedeal(t *testing.T) {
	t.Parallel()
	both(t, func(t *testing.T) { redeal(t, poly.Secp256k1()) }, func(t *testing.T) { redeal(t, poly.Ed25519()) })
}

func redeal[S poly.Scalar[S], K poly.Secret[K, S], P poly.Point[P]](t *testing.T, g poly.Group[S, K, P]) {
	t.Helper()
	rng := rand.NewChaCha8([32]byte{1})
	f, err := g.Random(2, rng)
	if err != nil {
		t.Fatal(err)
	}
	want := g.Constant(f).Bytes()
	public := g.Commit(f)
	dealers := []wire.Slot{1, 3}
	var commitments [][]P
	var polys []poly.Polynomial[K]
	for _, d := range dealers {
		h, err := g.Redeal(g.Eval(f, d), 3, rng)
		if err != nil {
			t.Fatal(err)
		}
		c := g.Commit(h)
		if len(c) != 3 || !c[0].Equal(g.EvalVartime(public, d)) {
			t.Errorf("dealer %d does not deal its own share", d)
		}
		commitments, polys = append(commitments, c), append(polys, h)
	}
	sum, err := g.Combine(dealers, commitments)
	if err != nil {
		t.Fatal(err)
	}
	if len(sum) != 3 || !sum[0].Equal(public[0]) {
		t.Error("the key has changed")
	}
	share := func(x wire.Slot) K {
		k, err := g.CombineShares(dealers, []K{g.Eval(polys[0], x), g.Eval(polys[1], x)})
		if err != nil {
			t.Fatal(err)
		}
		if !g.Check(k, sum, x) {
			t.Errorf("the share of device %d does not fit", x)
		}
		return k
	}
	young := []wire.Slot{5, 7, 9}
	got, err := g.CombineShares(young, []K{share(5), share(7), share(9)})
	if err != nil {
		t.Fatal(err)
	}
	if b := got.Bytes(); b != want {
		t.Error("new shares are not the secret")
	}
	if _, err := g.CombineShares([]wire.Slot{7, 5}, []K{share(7), share(5)}); err == nil {
		t.Error("slots out of order are combined")
	}
	if _, err := g.Combine([]wire.Slot{0, 5}, commitments); err == nil {
		t.Error("slot 0 is combined")
	}
	if _, err := g.Redeal(share(5), 3, bytes.NewReader(nil)); err == nil {
		t.Error("a polynomial without randomness")
	}
}
