package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

// contents returns the bytes of every file below dir, by its path in it.
func contents(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[rel] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func sameContents(t *testing.T, got, want map[string][]byte) {
	t.Helper()
	for name, b := range want {
		if !bytes.Equal(got[name], b) {
			t.Errorf("%s has changed or is gone", name)
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%s is left", name)
		}
	}
}

// TestInitFindsADeviceAtTheEnd has a device made in the home while somebody is
// still asked for the passphrase of another. The one that was made keeps its
// store and the keys of its shares.
func TestInitFindsADeviceAtTheEnd(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{"", storeName} {
		home := filepath.Join(t.TempDir(), "h")
		if err := prepareHome(home); err != nil {
			t.Fatal(err)
		}
		if _, err := draftDevice(home, "first", roster.Phone, []byte("the first passphrase")); err != nil {
			t.Fatal(err)
		}
		if lost != "" {
			// Its store was moved away; the keys wait for it.
			if err := os.Remove(filepath.Join(home, lost)); err != nil {
				t.Fatal(err)
			}
		}
		before := contents(t, home)
		_, err := draftDevice(home, "second", roster.Phone, []byte("the second passphrase"))
		if api.CodeOf(err) != api.CodeDeviceExists {
			t.Errorf("a second device in one home: %v, want %s", err, api.CodeDeviceExists)
		}
		sameContents(t, contents(t, home), before)
	}
}

// TestDraftThatBecameADevice has one init wait for the lock of another's draft,
// which becomes a device in that moment.
func TestDraftThatBecameADevice(t *testing.T) {
	t.Parallel()
	home := filepath.Join(t.TempDir(), "h")
	if _, err := draftDevice(home, "first", roster.Phone, []byte("the first passphrase")); err != nil {
		t.Fatal(err)
	}
	// What the one that waits has open is the device's store by now.
	if err := os.Link(filepath.Join(home, storeName), filepath.Join(home, draftName)); err != nil {
		t.Fatal(err)
	}
	before := contents(t, home)
	if err := discardDraft(home); api.CodeOf(err) != api.CodeDeviceExists {
		t.Errorf("a device was discarded: %v, want %s", err, api.CodeDeviceExists)
	}
	sameContents(t, contents(t, home), before)
}

// TestDraftKeepsItsLock has the draft locked until it has its name, so that
// nobody takes it for what an interrupted init left.
func TestDraftKeepsItsLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	draft := filepath.Join(dir, draftName)
	store, err := boltstore.Create(draft, []byte("a header"))
	if err != nil {
		t.Fatal(err)
	}
	if err := discardDraft(dir); api.CodeOf(err) != api.CodeAlreadyRunning {
		t.Fatalf("a draft at work was discarded: %v, want %s", err, api.CodeAlreadyRunning)
	}
	if err := publish(store, draft, filepath.Join(dir, storeName)); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, storeName)); err != nil {
		t.Error(err)
	}
}
