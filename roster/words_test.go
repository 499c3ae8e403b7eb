package roster

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"testing"
)

// TestWordList checks that the list is the published one, whole.
func TestWordList(t *testing.T) {
	sum := sha256.Sum256([]byte(englishList))
	if got := hex.EncodeToString(sum[:]); got != "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda" {
		t.Errorf("SHA-256 of the word list is %s, not that of bip-0039/english.txt", got)
	}
	if len(english) != 2048 || !slices.IsSorted(english) || english[0] != "abandon" || english[2047] != "zoo" {
		t.Errorf("%d words, from %q to %q", len(english), english[0], english[len(english)-1])
	}
}
