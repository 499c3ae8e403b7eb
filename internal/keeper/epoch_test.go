package keeper_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
)

// epochs returns a keeper with a directory of epoch keys.
func epochs(t *testing.T) (k *keeper.Keeper, header []byte, dir string) {
	t.Helper()
	k, header = keepertest.New(t, passphrase)
	dir = filepath.Join(t.TempDir(), "epochs")
	if err := k.OpenEpochKeys(dir); err != nil {
		t.Fatal(err)
	}
	return k, header, dir
}

// restarted returns another keeper on the same files.
func restarted(t *testing.T, header []byte, dir string) *keeper.Keeper {
	t.Helper()
	k, err := keeper.Unlock(header, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	if err := k.OpenEpochKeys(dir); err != nil {
		t.Fatal(err)
	}
	return k
}

func newKey(t *testing.T, k *keeper.Keeper, id string) {
	t.Helper()
	if err := k.NewEpochKey(id); err != nil {
		t.Fatal(err)
	}
}

func sealShare(t *testing.T, k *keeper.Keeper, id, name, share string) []byte {
	t.Helper()
	sealed, err := k.SealShare(id, name, []byte(share))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestEpochKeySurvivesRestart(t *testing.T) {
	t.Parallel()
	k, h, dir := epochs(t)
	newKey(t, k, "1-a")
	sealed := sealShare(t, k, "1-a", "ethereum", "share")
	newKey(t, k, "1-a") // harmless, and keeps the key
	k = restarted(t, h, dir)
	newKey(t, k, "1-a")
	if plain, err := k.OpenShare("1-a", "ethereum", sealed); err != nil || string(plain) != "share" {
		t.Errorf("share after a restart: %q, %v", plain, err)
	}
	info, err := os.Stat(filepath.Join(dir, "1-a.key"))
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("key file: %v, %v", info.Mode(), err)
	}
	info, err = os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: %v, %v", info.Mode(), err)
	}
}

func TestShareIsBoundToItsPlace(t *testing.T) {
	t.Parallel()
	k, _, dir := epochs(t)
	newKey(t, k, "1")
	newKey(t, k, "2")
	sealed := sealShare(t, k, "1", "ethereum", "share")
	if _, err := k.OpenShare("1", "ssh", sealed); !errors.Is(err, keeper.ErrDamaged) {
		t.Errorf("under another name: %v", err)
	}
	if _, err := k.OpenShare("2", "ethereum", sealed); !errors.Is(err, keeper.ErrDamaged) {
		t.Errorf("under another epoch: %v", err)
	}
	if _, err := k.OpenShare("3", "ethereum", sealed); !errors.Is(err, keeper.ErrNoEpochKey) {
		t.Errorf("under no epoch: %v", err)
	}
	if _, err := k.Open("ethereum", sealed); !errors.Is(err, keeper.ErrDamaged) {
		t.Errorf("as a record: %v", err)
	}

	// The files of two epoch keys, swapped.
	k.Lock()
	one, two, tmp := filepath.Join(dir, "1.key"), filepath.Join(dir, "2.key"), filepath.Join(dir, "x")
	if err := errors.Join(os.Rename(one, tmp), os.Rename(two, one), os.Rename(tmp, two)); err != nil {
		t.Fatal(err)
	}
	if err := k.Unlock([]byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	if _, err := k.OpenShare("1", "ethereum", sealed); !errors.Is(err, keeper.ErrDamaged) {
		t.Errorf("with swapped keys: %v", err)
	}
	if err := k.NewEpochKey("1"); !errors.Is(err, keeper.ErrDamaged) {
		t.Errorf("new epoch key over one that does not open: %v", err)
	}
}

func TestDestroyEpochKey(t *testing.T) {
	t.Parallel()
	k, h, dir := epochs(t)
	newKey(t, k, "1")
	newKey(t, k, "2")
	sealed := sealShare(t, k, "1", "ethereum", "share")
	other := sealShare(t, k, "2", "ethereum", "other")
	path := filepath.Join(dir, "1.key")
	// A second name for the same file shows what becomes of its bytes.
	link := filepath.Join(dir, "witness")
	if err := os.Link(path, link); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}

	k.Lock() // destroying needs no passphrase
	for range 2 {
		if err := k.DestroyEpochKey("1"); err != nil {
			t.Fatal(err)
		}
	}
	if err := k.DestroyEpochKey("99"); err != nil {
		t.Errorf("destroying what never was: %v", err)
	}
	after, err := os.ReadFile(link)
	if err != nil {
		t.Fatal(err)
	}
	if len(after) != len(before) || bytes.Contains(after, before[25:41]) {
		t.Error("the key file was unlinked but not overwritten")
	}
	if has, err := k.HasEpochKey("1"); has || err != nil {
		t.Errorf("has: %v, %v", has, err)
	}
	if err := k.Unlock([]byte(passphrase)); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*keeper.Keeper{k, restarted(t, h, dir)} {
		if _, err := k.OpenShare("1", "ethereum", sealed); !errors.Is(err, keeper.ErrNoEpochKey) {
			t.Errorf("open after destroy: %v", err)
		}
		if plain, err := k.OpenShare("2", "ethereum", other); err != nil || string(plain) != "other" {
			t.Errorf("the other epoch: %q, %v", plain, err)
		}
	}
	// A new key under the same id is another key.
	newKey(t, k, "1")
	if _, err := k.OpenShare("1", "ethereum", sealed); !errors.Is(err, keeper.ErrDamaged) {
		t.Errorf("open with the next key of that id: %v", err)
	}
}

// TestDestroyForgetsTheCachedKey: without a lock in between.
func TestDestroyForgetsTheCachedKey(t *testing.T) {
	t.Parallel()
	k, _, _ := epochs(t)
	newKey(t, k, "1")
	sealed := sealShare(t, k, "1", "ethereum", "share")
	if err := k.DestroyEpochKey("1"); err != nil {
		t.Fatal(err)
	}
	if _, err := k.OpenShare("1", "ethereum", sealed); !errors.Is(err, keeper.ErrNoEpochKey) {
		t.Errorf("open after destroy: %v", err)
	}
}

func TestEpochKeyDamage(t *testing.T) {
	t.Parallel()
	k, h, dir := epochs(t)
	newKey(t, k, "1")
	sealed := sealShare(t, k, "1", "ethereum", "share")
	path := filepath.Join(dir, "1.key")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, b []byte) {
		t.Helper()
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		k := restarted(t, h, dir)
		if _, err := k.OpenShare("1", "ethereum", sealed); !errors.Is(err, keeper.ErrDamaged) {
			t.Errorf("%s: %v", what, err)
		}
		said, err := keeper.CheckEpochKeys(dir, k)
		if err != nil || len(said) != 1 || !strings.Contains(said[0], "epoch key 1 ") {
			t.Errorf("%s: check says %q, %v", what, said, err)
		}
		if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, b) {
			t.Errorf("%s: the damaged file was changed", what)
		}
	}
	for i := 0; i < len(whole); i += 6 {
		b := bytes.Clone(whole)
		b[i] ^= 1
		try("bit flip", b)
	}
	for _, n := range []int{0, 1, len(whole) - 1} {
		try("cut short", whole[:n])
	}
	try("too long", append(bytes.Clone(whole), 0))
	try("huge", make([]byte, 1<<20))
}

func TestCheckEpochKeys(t *testing.T) {
	t.Parallel()
	k, _, dir := epochs(t)
	newKey(t, k, "1")
	newKey(t, k, "2")
	for _, k := range []*keeper.Keeper{nil, k} {
		if said, err := keeper.CheckEpochKeys(dir, k); err != nil || len(said) > 0 {
			t.Errorf("sound keys: %q, %v", said, err)
		}
	}
	if said, err := keeper.CheckEpochKeys(filepath.Join(dir, "none"), k); err != nil || len(said) > 0 {
		t.Errorf("no directory: %q, %v", said, err)
	}
	if err := os.Truncate(filepath.Join(dir, "1.key"), 5); err != nil {
		t.Fatal(err)
	}
	for _, k := range []*keeper.Keeper{nil, k} {
		said, err := keeper.CheckEpochKeys(dir, k)
		if err != nil || len(said) != 1 || !strings.Contains(said[0], "epoch key 1 ") {
			t.Errorf("short file: %q, %v", said, err)
		}
	}
	k.Lock()
	if said, err := keeper.CheckEpochKeys(dir, k); err != nil || len(said) != 2 || !strings.Contains(said[1], "locked") {
		t.Errorf("with a locked keeper: %q, %v", said, err)
	}
}

// TestLeftovers: what a crash leaves is removed when the keys are opened, and
// nothing else is.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	k, h, dir := epochs(t)
	newKey(t, k, "1")
	for _, name := range []string{"2.tmp", "a-f.tmp", "notes.txt", "X.tmp"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("half a key"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	k = restarted(t, h, dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if want := []string{"1.key", "X.tmp", "notes.txt"}; !slices.Equal(names, want) {
		t.Errorf("files: %q, want %q", names, want)
	}
	if has, err := k.HasEpochKey("2"); has || err != nil {
		t.Errorf("a leftover counts as a key: %v, %v", has, err)
	}
	newKey(t, k, "2")
	if ids, err := k.ListEpochKeys(); err != nil || !slices.Equal(ids, []string{"1", "2"}) {
		t.Errorf("ids: %q, %v", ids, err)
	}
}

func TestEpochIDs(t *testing.T) {
	t.Parallel()
	k, _, _ := epochs(t)
	for _, id := range []string{"", "..", "a/b", "A", "g", "1.key", "1\x00", strings.Repeat("a", 81)} {
		_, sealErr := k.SealShare(id, "x", nil)
		_, openErr := k.OpenShare(id, "x", nil)
		_, hasErr := k.HasEpochKey(id)
		for i, err := range []error{k.NewEpochKey(id), k.DestroyEpochKey(id), sealErr, openErr, hasErr} {
			if err == nil {
				t.Errorf("id %q was accepted by method %d", id, i)
			}
		}
	}
	newKey(t, k, strings.Repeat("a", 80))
	newKey(t, k, "-")
}

func TestEpochDirectory(t *testing.T) {
	t.Parallel()
	k, _ := keepertest.New(t, passphrase)
	_, listErr := k.ListEpochKeys()
	_, hasErr := k.HasEpochKey("1")
	for i, err := range []error{k.NewEpochKey("1"), k.DestroyEpochKey("1"), listErr, hasErr} {
		if err == nil {
			t.Errorf("method %d works without a directory", i)
		}
	}
	open := filepath.Join(t.TempDir(), "open")
	if err := errors.Join(os.Mkdir(open, 0o700), os.Chmod(open, 0o750)); err != nil {
		t.Fatal(err)
	}
	if err := k.OpenEpochKeys(open); err == nil || !strings.Contains(err.Error(), "chmod") {
		t.Errorf("a directory that others can read: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.OpenEpochKeys(file); err == nil {
		t.Error("a file was taken for a directory")
	}
	if err := k.OpenEpochKeys(filepath.Join(t.TempDir(), "a", "b")); err == nil {
		t.Error("a directory was made where its parent is missing")
	}
}
