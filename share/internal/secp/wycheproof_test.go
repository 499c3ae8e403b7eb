package secp_test

import (
	"crypto/sha256"
	"testing"

	"github.com/warifu/warifu/internal/wycheprooftest"
	"github.com/warifu/warifu/share/internal/secp"
)

// verifies is ECDSA (SEC 1, section 4.1.4) with low s and the recovery identifier,
// made of the functions that make signatures here.
func verifies(sig [65]byte, digest, key []byte) bool {
	pub, err := secp.ParsePoint(key)
	if err != nil {
		return false
	}
	r, err := secp.ParseScalar(sig[:32])
	if err != nil || r.IsZero() {
		return false
	}
	s, err := secp.ParseScalar(sig[32:64])
	if err != nil || s.IsZero() || s.IsHigh() {
		return false
	}
	inv := s.Inv()
	u1, u2 := secp.ReduceScalar((*[32]byte)(digest)).Mul(inv), r.Mul(inv)
	sum := secp.BaseMulVartime(u1).Add(secp.MulVartime(u2, pub))
	// The secret variants are of another algorithm and must agree.
	if !secp.BaseMul(u1.Secret()).Add(secp.Mul(u2.Secret(), pub)).Equal(sum) {
		return false
	}
	if sum.IsIdentity() {
		return false
	}
	x, overflow, odd := sum.X()
	v := byte(0)
	if odd {
		v = 1
	}
	if overflow {
		v |= 2
	}
	return x.Equal(r) && v == sig[64]
}

// TestWycheproof runs the group itself, in both ways of multiplying, on the vectors.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	sha := func(msg []byte) []byte { h := sha256.Sum256(msg); return h[:] }
	got := wycheprooftest.Signatures(t, sha, verifies)
	if want := (wycheprooftest.Tally{Accepted: 162, Refused: 69, Unwritable: 232}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
