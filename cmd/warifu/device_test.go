package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
	"github.com/warifu/warifu/node/api"
)

// TestTriesAtOnce has many wrong passphrases come at once, as from a program
// that calls the daemon in parallel. No more are tried than one after the other.
func TestTriesAtOnce(t *testing.T) {
	t.Parallel()
	const pass = "the right passphrase"
	opened, header := keepertest.New(t, pass)
	store, err := boltstore.Create(filepath.Join(t.TempDir(), "h", storeName), header)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const stopped = time.Hour
	k := &guardedKeeper{Keeper: opened, guard: guard{store, func() time.Duration { return stopped }}}

	const calls, free = 12, 5
	done := make(chan error, calls)
	for range calls {
		go func() { done <- k.Unlock([]byte("a wrong passphrase")) }()
	}
	for range calls {
		if err := <-done; api.CodeOf(err) != api.CodeWrongPass {
			t.Errorf("a wrong passphrase: %v", err)
		}
	}
	stored, err := store.Tries()
	if err != nil {
		t.Fatal(err)
	}
	tries, err := keeper.ParseTries(stored, stopped)
	if err != nil || tries.Failures() != free {
		t.Errorf("%d wrong passphrases were tried, want %d (%v)", tries.Failures(), free, err)
	}
	if err := k.Unlock([]byte(pass)); api.CodeOf(err) != api.CodeWrongPass {
		t.Errorf("the right passphrase during the wait: %v, want %s", err, api.CodeWrongPass)
	}
}

// TestLockIsNotUndone has persons prove their presence and unlock while others
// lock: whatever began before the last lock leaves the device locked, and says so
// instead of a success.
func TestLockIsNotUndone(t *testing.T) {
	t.Parallel()
	const pass = "the right passphrase"
	opened, header := keepertest.New(t, pass)
	store, err := boltstore.Create(filepath.Join(t.TempDir(), "h", storeName), header)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	k := &guardedKeeper{Keeper: opened, guard: guard{store, uptime}}
	began := k.Locks()
	k.Lock()
	for name, try := range map[string]func() error{
		"prove":  func() error { return k.Prove([]byte(pass)) },
		"unlock": func() error { return k.unlockSince(began, []byte(pass)) },
	} {
		if err := try(); api.CodeOf(err) != api.CodeLocked || !k.Locked() {
			t.Errorf("%s: %v, locked %v", name, err, k.Locked())
		}
		if stored, err := store.Tries(); err != nil || len(stored) > 0 {
			t.Errorf("%s: the right passphrase counts as a wrong one: %x, %v", name, stored, err)
		}
	}
	if err := k.Unlock([]byte(pass)); err != nil || k.Locked() {
		t.Errorf("a later unlock: %v", err)
	}
}
