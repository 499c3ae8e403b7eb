package frost_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/warifu/warifu/internal/wycheprooftest"
)

// TestWycheproof runs the verification that every signature of ours must pass, and
// that statements, cards and certificates rest on: the one of the standard library.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	got := wycheprooftest.Messages(t, func(key, msg, sig []byte) bool { return ed25519.Verify(key, msg, sig) })
	if want := (wycheprooftest.Tally{Accepted: 88, Refused: 63}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
