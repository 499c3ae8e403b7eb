package wycheprooftest

import (
	"crypto/sha256"
	"encoding/hex"
	"testing"
)

// TestFiles: the files are those that README.md names.
func TestFiles(t *testing.T) {
	t.Parallel()
	for name, want := range Files {
		raw, err := files.ReadFile("testdata/" + name)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s has the hash %s, want %s", name, got, want)
		}
		Load(t, name)
	}
	if len(Files) != 3 {
		t.Errorf("%d files", len(Files))
	}
}

// TestRawForms: what has no raw form is not DER, and no valid signature is among it.
func TestRawForms(t *testing.T) {
	t.Parallel()
	written, valid := 0, 0
	for _, c := range Load(t, ECDSA) {
		if _, ok := c.Raw(); ok {
			written++
			if c.Result == "valid" {
				valid++
			}
		}
	}
	if valid != 162 || written <= valid {
		t.Errorf("%d signatures have a raw form, %d of them valid", written, valid)
	}
}
