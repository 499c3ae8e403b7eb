//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// TestForeignFilesAreNamed: files of somebody else in a home are no damage. Whose
// they are is said, and what to type.
func TestForeignFilesAreNamed(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "it's home")
	madeDevice(t, home, "correct horse")
	me := os.Geteuid()
	if e := foreignTo(home, me); e != nil {
		t.Errorf("one's own files: %v", e)
	}
	other := me + 12345
	e := foreignTo(home, other)
	if e == nil || e.Code != api.CodeRefused {
		t.Fatalf("files of another user: %v", e)
	}
	has(t, "message", e.Message, home+" belongs to "+userName(me), "(4 files)")
	if me == 0 {
		has(t, "hint", e.Hint, fmt.Sprintf(`sudo chown -R %d '%s'`, other, strings.ReplaceAll(home, "'", `'\''`)))
	} else {
		has(t, "hint", e.Hint, "run warifu as "+userName(me))
	}
}

// TestRootIsWarned before it writes into the home of somebody else, also if there
// is none yet.
func TestRootIsWarned(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, home := range []string{dir, filepath.Join(dir, "not", "yet")} {
		var stderr bytes.Buffer
		a := &app{home: home, path: "up", con: console{stderr: &stderr}}
		a.warnIfRoot(0, os.Geteuid()+1000)
		a.warnIfRoot(0, 0)
		a.warnIfRoot(1000, 1000)
		if n := strings.Count(stderr.String(), "\n"); n != 1 {
			t.Errorf("%d warnings, want 1", n)
		}
		has(t, "stderr", stderr.String(), "you are root, and "+home+" belongs to", "sudo -u", "warifu up")
		owner, ok := homeOwner(home)
		if !ok || owner != os.Geteuid() {
			t.Errorf("%s belongs to %d", home, owner)
		}
	}
}

// TestFsckNamesAllAtOnce and changes nothing, on a disk that cannot be written to.
func TestFsckNamesAllAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	home, pass := filepath.Join(dir, "h"), filepath.Join(dir, "pass")
	madeDevice(t, home, "correct horse")
	for path, text := range map[string]string{
		pass: "correct horse", filepath.Join(dir, "wrong"): "incorrect horse",
		filepath.Join(home, epochsName, "1-1.key"): "short", filepath.Join(home, epochsName, "2-2.tmp"): "left by a crash",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for path, mode := range map[string]os.FileMode{home: 0o750, filepath.Join(home, storeName): 0o644, filepath.Join(home, epochsName): 0o711, filepath.Join(home, epochsName, "0-0.key"): 0o604} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	before := contents(t, home)
	o := warifu(t, t.Context(), "", "--json", "--home", home, "fsck", "--passphrase-file", pass)
	var out struct {
		OK       bool      `json:"ok"`
		Findings []finding `json:"findings"`
	}
	if err := json.Unmarshal([]byte(o.stdout), &out); err != nil || out.OK || o.code != exitFailed {
		t.Fatalf("%+v: %v", o, err)
	}
	kinds := map[string]int{}
	for _, f := range out.Findings {
		kinds[f.Kind]++
	}
	if kinds[findingAccess] != 4 || kinds[findingNote] != 1 || len(out.Findings) != 5 {
		t.Errorf("%v: %s", kinds, o.stdout)
	}
	sameContents(t, contents(t, home), before)

	// A wrong passphrase is counted, and the fifth makes everybody wait.
	for _, f := range []string{"", storeName, epochsName, filepath.Join(epochsName, "0-0.key")} {
		if err := os.Chmod(filepath.Join(home, f), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		o := warifu(t, t.Context(), "", "--home", home, "fsck", "--passphrase-file", filepath.Join(dir, "wrong"))
		has(t, "stderr", o.stderr, "the passphrase is wrong")
	}
	o = warifu(t, t.Context(), "", "--home", home, "fsck", "--passphrase-file", pass)
	has(t, "stderr", o.stderr, "the next try is possible in")
}
