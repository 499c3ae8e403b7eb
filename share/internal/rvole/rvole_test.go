package rvole_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/share/internal/ot"
	"github.com/warifu/warifu/share/internal/rvole"
	"github.com/warifu/warifu/share/internal/secp"
)

// A pair is the two parties after the OT extension.
type pair struct {
	psid  []byte
	alice *ot.Sender
	bob   *ot.Receiver
	rng   *rand.ChaCha8
}

func newPair(t testing.TB, seed byte) *pair {
	t.Helper()
	p := &pair{psid: bytes.Repeat([]byte{seed}, 32), rng: rand.NewChaCha8([32]byte{seed})}
	var err error
	if p.bob, err = ot.NewReceiver(p.rng); err != nil {
		t.Fatal(err)
	}
	alice, base, err := ot.NewSender(p.psid, p.bob.Point(), p.rng)
	if err != nil {
		t.Fatal(err)
	}
	p.alice = alice
	ext, err := p.bob.Extend(p.psid, base, p.rng)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.alice.Extend(ext); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *pair) inputs(t testing.TB) (a [2]secp.Secret) {
	t.Helper()
	for i := range a {
		var err error
		if a[i], err = secp.RandomSecret(p.rng); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func TestSharesAddUpToProduct(t *testing.T) {
	t.Parallel()
	for seed := range byte(4) {
		p := newPair(t, seed)
		a := p.inputs(t)
		if seed == 3 {
			a[1] = secp.Secret{} // zero is an input like any other
		}
		msg, c, err := rvole.Alice(p.psid, a, p.alice, p.rng)
		if err != nil {
			t.Fatal(err)
		}
		bob := rvole.NewBob(p.psid, p.bob)
		d, err := bob.Shares(msg)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		b := bob.Factor()
		for i := range a {
			if !c[i].Add(d[i]).Equal(a[i].Mul(b)) {
				t.Fatalf("seed %d: c[%d] + d[%d] is not a·b", seed, i, i)
			}
		}
	}
}
