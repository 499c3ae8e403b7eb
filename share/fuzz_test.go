package share_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/internal/ed"
	"github.com/warifu/warifu/share/internal/secp"
)

// publicKey returns share·G by the group packages themselves.
func publicKey(t testing.TB, suite roster.Suite, key secret.Key) []byte {
	t.Helper()
	if suite == roster.Secp256k1 {
		s, err := secp.SecretFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		b := secp.BaseMul(s).Bytes()
		return b[:]
	}
	s, err := ed.SecretFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b := ed.BaseMul(s).Bytes()
	return b[:]
}

// FuzzParseProposal checks that what is accepted is canonical, within the
// limits, and that checking it against a record never panics.
func FuzzParseProposal(f *testing.F) {
	rec, eth, ssh := proposals(f)
	f.Add(eth.Bytes())
	f.Add(ssh.Bytes())
	f.Add([]byte{0x91, 1, 2})
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := share.ParseProposal(b)
		if err != nil {
			return
		}
		if !bytes.Equal(p.Bytes(), b) {
			t.Fatalf("accepted %x, encodes %x", b, p.Bytes())
		}
		if len(p.Message) > share.MaxMessage || len(p.Path) > share.MaxDepth || len(p.Signers) > roster.MaxDevices {
			t.Fatal("over the limits")
		}
		if p.Check(rec) == nil && p.Record != rec.Hash() {
			t.Fatal("accepted under another record")
		}
	})
}

// FuzzParsePath checks that a path that is accepted has one form.
func FuzzParsePath(f *testing.F) {
	f.Add("0/0")
	f.Add("2147483647")
	f.Add("0'/1")
	f.Fuzz(func(t *testing.T, s string) {
		path, err := share.ParsePath(s)
		if err != nil {
			return
		}
		if share.FormatPath(path) != s || slices.ContainsFunc(path, func(n uint32) bool { return n >= 1<<31 }) {
			t.Fatalf("%q accepted as %v", s, path)
		}
	})
}
