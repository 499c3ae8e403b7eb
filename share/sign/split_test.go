package sign_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/secp"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// TestSplitKeys: two cheaters of four tell one honest device other public addends
// of the key than the rest, which cancel out in the sum, and multiply accordingly.
// Every check of every device passes. No honest device may come by a signature out
// of it or blame an honest one, the cheaters may learn no more than the signature
// that all were about to make, and what they signed convicts both.
func TestSplitKeys(t *testing.T) {
	t.Parallel()
	circle := newCircle(t, 4, 4, 80000)
	p := circle.proposal(t)
	h1, h2, k, l := p.Signers[0], p.Signers[1], p.Signers[2], p.Signers[3]
	d, err := secp.RandomSecret(circle.rng)
	if err != nil {
		t.Fatal(err)
	}
	shift := map[wire.Slot]secp.Secret{k: d, l: d.Neg()}
	r := circle.start(t, p)
	var sum secp.Point
	var u, w secp.Scalar
	psi := map[wire.Slot]secp.Scalar{}
	heard := map[[2]wire.Slot]bool{} // by kind and sender, once
	first := func(f wire.Frame) bool {
		at := [2]wire.Slot{wire.Slot(f.Kind), f.From}
		defer func() { heard[at] = true }()
		return !heard[at]
	}
	note := func(f wire.Frame) {
		switch {
		case f.Kind == r4 && first(f):
			x, err := secp.ParsePoint(get(&f, "nonce"))
			if err != nil {
				t.Fatal(err)
			}
			sum = sum.Add(x)
		case f.Kind == r5 && first(f):
			a, _ := secp.ParseScalar(get(&f, "u"))
			b, _ := secp.ParseScalar(get(&f, "w"))
			u, w = u.Add(a), w.Add(b)
		}
		if f.Kind == r4 && f.From == h1 {
			psi[f.To], _ = secp.ParseScalar(get(&f, "psi"))
		}
	}
	r.rewrite = func(f wire.Frame) []wire.Frame {
		note(f)
		m := r.parties[f.To].machine
		by, cheats := shift[f.To]
		if !cheats || f.Kind != r3 || m.Round() != r3 || !slices.Equal(m.Waiting(), []wire.Slot{f.From}) {
			return []wire.Frame{f}
		}
		effects, err := m.DeliverSplit(f, map[wire.Slot]secp.Secret{h1: by})
		if err != nil {
			t.Fatal(err)
		}
		r.carry(f.To, effects)
		return nil
	}
	r.finish()

	for _, s := range []wire.Slot{h1, h2} {
		m := r.parties[s].machine
		if _, ok := m.Signature(); ok || !errors.Is(r.parties[s].err, session.ErrViewMismatch) {
			t.Errorf("device %d: signature %t, %v", s, ok, r.parties[s].err)
		}
		if len(m.Statements()) != 20 {
			t.Errorf("device %d keeps %d words of 4 signers in 5 rounds", s, len(m.Statements()))
		}
		other := h1 + h2 - s
		f := share.Judge(p, circle.record, sign.CheckView, s, other, m.Statements(), r.parties[other].machine.Statements())
		if f == nil || f.Check != "signed-twice" || f.Slot != k && f.Slot != l {
			t.Errorf("device %d is shown what device %d heard: %v", s, other, f)
		}
	}

	// What went out of h1 is off by what the cheaters chose, times what they know:
	// without that it is the signature. So they hold nothing but that.
	rx, _, _ := sum.X()
	extra := rx.Mul(d.Public()).Mul(psi[l].Sub(psi[k]))
	child := [33]byte(p.ChildKey)
	for _, tt := range []struct {
		w     secp.Scalar
		valid bool
	}{{w, false}, {w.Sub(extra), true}} {
		sig, err := sign.Combine(sum, u, tt.w)
		if err == nil {
			err = sign.Verify(sig, p.Message, child[:])
		}
		if (err == nil) != tt.valid {
			t.Errorf("valid should be %t: %v", tt.valid, err)
		}
	}
}
