package ed_test

import (
	"crypto/sha512"
	"slices"
	"testing"

	"github.com/warifu/warifu/internal/wycheprooftest"
	"github.com/warifu/warifu/share/internal/ed"
)

// TestWycheproof verifies the vectors (RFC 8032, section 5.1.7) with the group and
// the parsers that FROST is made of.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	got := wycheprooftest.Messages(t, func(key, msg, sig []byte) bool {
		if len(sig) != 64 {
			return false
		}
		a, err := ed.ParsePoint(key)
		if err != nil {
			return false
		}
		r, err := ed.ParsePoint(sig[:32])
		if err != nil {
			return false
		}
		s, err := ed.ParseScalar(sig[32:])
		if err != nil {
			return false
		}
		h := sha512.Sum512(slices.Concat(sig[:32], key, msg))
		return ed.BaseMulVartime(s).Equal(r.Add(ed.MulVartime(ed.ScalarFromWide(&h), a)))
	})
	if want := (wycheprooftest.Tally{Accepted: 88, Refused: 63}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
