package sign_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	decred "github.com/decred/dcrd/dcrec/secp256k1/v4"
	"github.com/decred/dcrd/dcrec/secp256k1/v4/ecdsa"

	"github.com/warifu/warifu/share"
)

// wantSignature checks that every signer ends with one valid signature.
func (r *run) wantSignature(p share.Proposal) {
	r.t.Helper()
	var first [65]byte
	for i, s := range r.slots {
		party := r.parties[s]
		if party.err != nil {
			r.t.Fatalf("seed %d: device %d: %v", r.circle.seed, s, party.err)
		}
		sig, ok := party.machine.Signature()
		if !ok || !party.done || !party.released {
			r.t.Fatalf("seed %d: device %d: signature %v, done %v, released %v, waiting for %v",
				r.circle.seed, s, ok, party.done, party.released, party.machine.Waiting())
		}
		if i == 0 {
			first = sig
		} else if sig != first {
			r.t.Fatalf("seed %d: devices have different signatures", r.circle.seed)
		}
	}
	pub, err := decred.ParsePubKey(p.ChildKey)
	if err != nil {
		r.t.Fatal(err)
	}
	var rr, ss decred.ModNScalar
	rr.SetByteSlice(first[:32])
	ss.SetByteSlice(first[32:64])
	if !ecdsa.NewSignature(&rr, &ss).Verify(p.Message, pub) || ss.IsOverHalfOrder() {
		r.t.Fatalf("seed %d: signature %x", r.circle.seed, first)
	}
	back, _, err := ecdsa.RecoverCompact(append([]byte{31 + first[64]}, first[:64]...), p.Message)
	if err != nil || !bytes.Equal(back.SerializeCompressed(), p.ChildKey) {
		r.t.Fatalf("seed %d: recovery: %v", r.circle.seed, err)
	}
}

func TestSign(t *testing.T) {
	t.Parallel()
	for i, c := range []struct {
		threshold, n int
		path         []uint32
	}{
		{2, 2, nil}, {2, 3, []uint32{0, 0}}, {2, 3, nil}, {3, 5, []uint32{0, 7}}, {5, 9, []uint32{1, 2147483647}},
	} {
		t.Run(fmt.Sprintf("%d-of-%d-path-%v", c.threshold, c.n, c.path), func(t *testing.T) {
			t.Parallel()
			circle := newCircle(t, c.threshold, c.n, uint64(i))
			p := circle.proposal(t, c.path...)
			r := circle.start(t, p)
			r.finish()
			r.wantSignature(p)
		})
	}
}

func TestSignInAnyOrderOfFrames(t *testing.T) {
	t.Parallel()
	for seed := range uint64(6) {
		circle := newCircle(t, 2+int(seed%2), 4, 100+seed)
		p := circle.proposal(t, 0, uint32(seed))
		r := circle.start(t, p)
		r.order = rand.New(newRNG(seed, "order"))
		r.finish()
		r.wantSignature(p)
	}
}
