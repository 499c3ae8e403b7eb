package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
	"github.com/warifu/warifu/node/api"
)

// TestTriesInWords: what came of a passphrase is told with its code, and with what
// to do about it.
func TestTriesInWords(t *testing.T) {
	t.Parallel()
	const pass = "the right passphrase"
	opened, header := keepertest.New(t, pass)
	store, err := boltstore.Create(filepath.Join(t.TempDir(), "h", storeName), header)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	const stopped = time.Hour
	k := spokenKeeper{&keeper.Guarded{Keeper: opened, Guard: keeper.Guard{Store: store, Uptime: func() time.Duration { return stopped }}}}
	says := func(what string, err error, code api.Code, text, hint string) {
		t.Helper()
		if e := api.AsError(err); e.Code != code || !strings.Contains(e.Message, text) || !strings.Contains(e.Hint, hint) {
			t.Errorf("%s: %s, %s, hint: %s", what, e.Code, e.Message, e.Hint)
		}
	}
	k.Lock()
	says("locked", k.Prove([]byte(pass)), api.CodeLocked, "locked meanwhile", "`warifu unlock`")
	says("locked since", triesError(keeper.ErrLockedSince), api.CodeLocked, "locked meanwhile", "`warifu unlock`")
	for range 4 {
		says("wrong", k.Unlock([]byte("a wrong passphrase")), api.CodeWrongPass, "the passphrase is wrong", "keyboard's layout")
	}
	if err := k.MayUnlock(); err != nil {
		t.Errorf("a free try: %v", err)
	}
	says("fifth", k.Prove([]byte("a wrong passphrase")), api.CodeWrongPass, "the passphrase is wrong", "that was number 5; the next try is possible in 30s")
	for name, err := range map[string]error{"unlock": k.Unlock([]byte(pass)), "prove": k.Prove([]byte(pass)), "before": k.MayUnlock()} {
		says(name, err, api.CodeWrongPass, "the next try is possible in 30s", "wait, then")
	}
}
