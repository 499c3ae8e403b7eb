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
	stopped := time.Unix(1_800_000_000, 0)
	k := &guardedKeeper{Keeper: opened, guard: guard{store, func() time.Time { return stopped }}}

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
