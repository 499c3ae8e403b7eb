package eth

import (
	"bytes"
	"crypto/sha256"
	"math/big"
	"testing"

	"github.com/ethereum/go-ethereum/crypto"

	"github.com/warifu/warifu/internal/wycheprooftest"
)

// TestWycheproof runs the verification that every signature passes before it is
// shown: recovery of the key, and its address.
func TestWycheproof(t *testing.T) {
	t.Parallel()
	sha := func(msg []byte) []byte { h := sha256.Sum256(msg); return h[:] }
	large := 0
	got := wycheprooftest.Signatures(t, sha, func(sig [65]byte, digest, key []byte) bool {
		pub, err := crypto.DecompressPubkey(key)
		if err != nil {
			t.Fatal(err)
		}
		if sig[64] > 1 {
			// Ethereum knows no point whose x is above the order: what has one is
			// refused, although it is a signature.
			if _, err := Recover(crypto.PubkeyToAddress(*pub), digest, sig[:]); err == nil {
				t.Errorf("recovery identifier %d is accepted", sig[64])
			}
			found, err := crypto.Ecrecover(digest, sig[:])
			valid := err == nil && bytes.Equal(found, crypto.FromECDSAPub(pub))
			if valid && crypto.ValidateSignatureValues(0, new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:64]), true) {
				large++
				return true
			}
			return false
		}
		found, err := Recover(crypto.PubkeyToAddress(*pub), digest, sig[:])
		return err == nil && bytes.Equal(found, crypto.FromECDSAPub(pub))
	})
	if large != 1 {
		t.Errorf("%d valid signatures have a large x, want 1", large)
	}
	if want := (wycheprooftest.Tally{Accepted: 162, Refused: 69, Unwritable: 232}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
