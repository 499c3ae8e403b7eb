package intent_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/base64"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warifu/warifu/intent"
)

var ed25519Options = ed25519.Options{}

const fileText = "the contents of a file\n"

func fileInput() intent.Input {
	return intent.Input{
		Kind: intent.SSHFile, Namespace: "file", FileName: "notes.txt",
		FileHash: sha512.Sum512([]byte(fileText)), FileSize: int64(len(fileText)),
	}
}

func TestSSHSIG(t *testing.T) {
	t.Parallel()
	key, ctx := sshAccount()
	payload, in := read(t, fileInput(), ctx)

	hash := sha512.Sum512([]byte(fileText))
	want := "SSHSIG\x00\x00\x00\x04file\x00\x00\x00\x00\x00\x00\x00\x06sha512\x00\x00\x00\x40" + string(hash[:])
	if string(in.ToSign) != want {
		t.Fatalf("signed data %x, want %x", in.ToSign, want)
	}
	r, err := intent.Finish(intent.SSHFile, payload, ctx, ed25519.Sign(key, in.ToSign))
	if err != nil {
		t.Fatal(err)
	}

	lines := strings.Split(string(r.Signature), "\n")
	n := len(lines)
	if lines[0] != "-----BEGIN SSH SIGNATURE-----" || lines[n-2] != "-----END SSH SIGNATURE-----" || lines[n-1] != "" {
		t.Fatalf("armor:\n%s", r.Signature)
	}
	for i, l := range lines[1 : n-2] {
		if len(l) > 70 || len(l) < 70 && i != n-4 {
			t.Errorf("line %d has %d columns", i+1, len(l))
		}
	}
	blob, err := base64.StdEncoding.DecodeString(strings.Join(lines[1:n-2], ""))
	if err != nil {
		t.Fatal(err)
	}
	public := "\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + string(ctx.PublicKey)
	head := "SSHSIG\x00\x00\x00\x01\x00\x00\x00\x33" + public +
		"\x00\x00\x00\x04file\x00\x00\x00\x00\x00\x00\x00\x06sha512\x00\x00\x00\x53\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x40"
	if !bytes.HasPrefix(blob, []byte(head)) || len(blob) != len(head)+64 {
		t.Fatalf("blob %x, want the head %x and a signature", blob, head)
	}
	if want := "ssh-ed25519 " + base64.StdEncoding.EncodeToString([]byte(public)); r.PublicKey != want {
		t.Errorf("public key %s, want %s", r.PublicKey, want)
	}

	tool, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Log("ssh-keygen is not here; the layout above is what was checked")
		return
	}
	t.Logf("checking with %s", tool)
	dir := t.TempDir()
	signers, sig := filepath.Join(dir, "signers"), filepath.Join(dir, "sig")
	for name, text := range map[string]string{signers: "me " + r.PublicKey + "\n", sig: string(r.Signature)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	verify := func(namespace, text string) error {
		cmd := exec.Command(tool, "-Y", "verify", "-f", signers, "-I", "me", "-n", namespace, "-s", sig)
		cmd.Stdin = strings.NewReader(text)
		return cmd.Run()
	}
	if err := verify("file", fileText); err != nil {
		t.Errorf("ssh-keygen refuses the signature: %v", err)
	}
	if verify("file", fileText+"x") == nil || verify("git", fileText) == nil {
		t.Error("ssh-keygen accepts another file or namespace")
	}
}

func TestFileErrors(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*intent.Input)
		want   string
	}{
		"no-namespace":   {func(in *intent.Input) { in.Namespace = "" }, "namespace is missing"},
		"long-namespace": {func(in *intent.Input) { in.Namespace = strings.Repeat("n", 256) }, "longer than 255"},
		"space":          {func(in *intent.Input) { in.Namespace = "a b" }, "printable ASCII"},
		"control":        {func(in *intent.Input) { in.Namespace = "a\x1b[2J" }, "printable ASCII"},
		"unicode":        {func(in *intent.Input) { in.Namespace = "fіle" }, "printable ASCII"},
		"long-name":      {func(in *intent.Input) { in.FileName = strings.Repeat("n", 256) }, "name of the file"},
		"name-not-utf8":  {func(in *intent.Input) { in.FileName = "a\xff" }, "name of the file"},
		"negative-size":  {func(in *intent.Input) { in.FileSize = -1 }, "negative"},
		"no-hash":        {func(in *intent.Input) { in.FileHash = [64]byte{} }, "hash of the file is missing"},
	} {
		in := fileInput()
		c.change(&in)
		_, err := intent.Normalize(in)
		t.Run(name, func(t *testing.T) { wantError(t, err, intent.CodeBadFile, c.want) })
	}
}

func TestFileWords(t *testing.T) {
	t.Parallel()
	_, ctx := sshAccount()
	in := fileInput()
	in.FileName, in.Namespace = "evil\u202egpj.exe", "git"
	_, got := read(t, in, ctx)
	if got.Purpose != intent.PurposeSSHSIG || got.Account != "ssh" {
		t.Errorf("purpose %s, account %s", got.Purpose, got.Account)
	}
	wantLine(t, got, "file", `evil\u{202e}gpj.exe`)
	wantLine(t, got, "namespace", "git")
	wantLine(t, got, "note", "this is a commit or tag of git; its text is not part of the request")
	if want := `sign the file "evil\u{202e}gpj.exe" of 23 bytes for "git"`; got.Summary != want {
		t.Errorf("summary %q, want %q", got.Summary, want)
	}
	in.FileName = ""
	if _, nameless := read(t, in, ctx); nameless.Summary != `sign a file of 23 bytes for "git"` {
		t.Errorf("summary %q", nameless.Summary)
	}
	wantWarning(t, got, "cannot be seen")
}
