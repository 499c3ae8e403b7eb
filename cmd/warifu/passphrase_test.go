package main

import (
	"bytes"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

// A passFile is a passphrase file, what opens a device that was once set with it,
// and why it sets none now.
type passFile struct{ content, opens, refused string }

var passFiles = map[string]passFile{
	"plain":            {"correct horse\n", "correct horse", ""},
	"no end":           {"correct horse", "correct horse", ""},
	"windows":          {"correct horse\r\nmore\r\n", "correct horse", ""},
	"second line":      {"correct horse\nbattery", "correct horse", ""},
	"byte order mark":  {"\xef\xbb\xbfcorrect horse battery\r\n", "\ufeffcorrect horse battery", "byte order mark"},
	"lone return":      {"correct horse\rbattery staple\n", "correct horse", "carriage return"},
	"old mac":          {"correct horse\r", "correct horse", ""},
	"two returns":      {"correct horse\r\r\n", "correct horse", "carriage return"},
	"utf-16":           {"\xff\xfec\x00o\x00r\x00r\x00e\x00c\x00t\x00 \x00h\x00\n\x00", "\xff\xfec\x00o\x00r\x00r\x00e\x00c\x00t\x00 \x00h\x00", "UTF-16"},
	"utf-16 big":       {"\xfe\xff\x00c\x00o\x00r\x00r\x00e\x00c\x00t\x00 \x00h\x00\n", "\xfe\xff\x00c\x00o\x00r\x00r\x00e\x00c\x00t\x00 \x00h\x00", "UTF-16"},
	"utf-16 no mark":   {"c\x00o\x00r\x00r\x00e\x00c\x00t\x00\n\x00", "c\x00o\x00r\x00r\x00e\x00c\x00t\x00", "UTF-16"},
	"zero byte":        {"correct horse\x00", "correct horse\x00", "zero bytes"},
	"trailing space":   {"correct horse \n", "correct horse ", "begins or ends with a space"},
	"leading tab":      {"\tcorrect horse\n", "\tcorrect horse", "control character"},
	"latin-1":          {"gr\xf6\xdfer als\n", "gr\xf6\xdfer als", "not valid UTF-8"},
	"empty":            {"", "", "empty first line"},
	"empty first line": {"\ncorrect horse\n", "", "empty first line"},
	"empty on windows": {"\r\ncorrect horse\r\n", "", "empty first line"},
	"short":            {"horse\n", "horse", "fewer than 8 characters"},
	"long":             {strings.Repeat("x", 1025) + "\n", "", "longer than 1024 bytes"},
}

// TestPassphraseFilesThatSet: a file that holds something else than its person
// thinks is refused before it locks a device up.
func TestPassphraseFilesThatSet(t *testing.T) {
	t.Parallel()
	for name, f := range passFiles {
		path := filepath.Join(t.TempDir(), "pass")
		if err := os.WriteFile(path, []byte(f.content), 0o600); err != nil {
			t.Fatal(err)
		}
		var stderr bytes.Buffer
		p := &passphrases{con: &console{stderr: &stderr}}
		pass, err := p.newPassphrase(t.Context(), path)
		switch {
		case f.refused == "" && (err != nil || string(pass) != f.opens):
			t.Errorf("%s: %q, %v", name, pass, err)
		case f.refused != "" && (api.CodeOf(err) != api.CodeBadArgument || !strings.Contains(err.Error(), f.refused) || api.AsError(err).Hint == ""):
			t.Errorf("%s: %v, want %s", name, err, f.refused)
		}
		if err != nil && strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the passphrase is told: %v", name, err)
		}
	}
}

// TestPassphraseFilesThatOpen: a home that was set with any of them, before this
// was looked at, opens with the same file.
func TestPassphraseFilesThatOpen(t *testing.T) {
	t.Parallel()
	for name, f := range passFiles {
		if f.opens == "" {
			continue
		}
		dir := t.TempDir()
		home, path := filepath.Join(dir, "h"), filepath.Join(dir, "pass")
		if err := os.WriteFile(path, []byte(f.content), 0o600); err != nil {
			t.Fatal(err)
		}
		madeDevice(t, home, f.opens)
		p := &passphrases{con: &console{stderr: &bytes.Buffer{}}}
		d, err := openDevice(t.Context(), home, p.opening(t.Context(), path))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}
}

// madeDevice makes a device whose passphrase costs little to try, whatever it is.
func madeDevice(t *testing.T, home, pass string) {
	t.Helper()
	k, header := keepertest.New(t, pass)
	store, err := boltstore.Create(filepath.Join(home, storeName), header)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Attach(k); err != nil {
		t.Fatal(err)
	}
	if err := k.OpenEpochKeys(filepath.Join(home, epochsName)); err != nil {
		t.Fatal(err)
	}
	if _, err := node.Init(store, spokenKeeper{&keeper.Guarded{Keeper: k}}, rand.Reader, "phone", roster.Phone); err != nil {
		t.Fatal(err)
	}
}
