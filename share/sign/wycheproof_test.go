package sign_test

import (
	"crypto/sha256"
	"testing"

	"github.com/warifu/warifu/internal/wycheprooftest"
	"github.com/warifu/warifu/share/sign"
)

func sha(msg []byte) []byte { h := sha256.Sum256(msg); return h[:] }

// TestWycheproof runs the verification that every signature of ours must pass.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	got := wycheprooftest.Signatures(t, sha, func(sig [65]byte, digest, key []byte) bool { return sign.Verify(sig, digest, key) == nil })
	if want := (wycheprooftest.Tally{Accepted: 162, Refused: 69, Unwritable: 232}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
