package e2e

import (
	"bytes"
	"crypto/sha512"
	"encoding/pem"
	"testing"

	"golang.org/x/crypto/ssh"

	"github.com/warifu/warifu/node/api"
)

// verifySSHSIG verifies an armored signature as PROTOCOL.sshsig of OpenSSH
// describes it.
func verifySSHSIG(t testing.TB, sig api.Signature, namespace, content string) {
	t.Helper()
	block, rest := pem.Decode([]byte(sig.Signature))
	if block == nil || block.Type != "SSH SIGNATURE" || len(bytes.TrimSpace(rest)) != 0 {
		t.Fatalf("not an armored signature:\n%s", sig.Signature)
	}
	magic := []byte("SSHSIG")
	body, ok := bytes.CutPrefix(block.Bytes, magic)
	var blob struct {
		Version                                   uint32
		PublicKey, Namespace, Reserved, Hash, Sig string
	}
	if !ok || ssh.Unmarshal(body, &blob) != nil || blob.Version != 1 {
		t.Fatal("not an SSHSIG blob")
	}
	if blob.Namespace != namespace || blob.Hash != "sha512" {
		t.Errorf("namespace %q, hash %q", blob.Namespace, blob.Hash)
	}
	want, _, _, _, err := ssh.ParseAuthorizedKey([]byte(sig.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if blob.PublicKey != string(want.Marshal()) {
		t.Error("signed with another key than the circle's")
	}
	var inner ssh.Signature
	if err := ssh.Unmarshal([]byte(blob.Sig), &inner); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512([]byte(content))
	payload := append(magic, ssh.Marshal(struct{ Namespace, Reserved, Hash, Sum string }{blob.Namespace, blob.Reserved, blob.Hash, string(sum[:])})...)
	if err := want.Verify(payload, &inner); err != nil {
		t.Errorf("the signature is not valid: %v", err)
	}
}
