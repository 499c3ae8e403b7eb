package keeper_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
	"github.com/warifu/warifu/wire"
)

const passphrase = "correct horse"

func TestParamsFor(t *testing.T) {
	t.Parallel()
	tests := map[string]keeper.Params{
		"phone":   {MemoryKiB: 64 << 10, Time: 3, Threads: 4},
		"tablet":  {MemoryKiB: 64 << 10, Time: 3, Threads: 4},
		"browser": {MemoryKiB: 64 << 10, Time: 3, Threads: 4},
		"laptop":  {MemoryKiB: 256 << 10, Time: 3, Threads: 4},
		"server":  {MemoryKiB: 256 << 10, Time: 3, Threads: 4},
		"":        {MemoryKiB: 256 << 10, Time: 3, Threads: 4},
	}
	for kind, want := range tests {
		if got := keeper.ParamsFor(kind); got != want {
			t.Errorf("%q: %+v, want %+v", kind, got, want)
		}
	}
}

// TestCreate runs with the costs of a phone: what it creates, it can open.
func TestCreate(t *testing.T) {
	t.Parallel()
	k, h, err := keeper.Create(rand.Reader, []byte(passphrase), keeper.ParamsFor("phone"))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if k.Locked() {
		t.Error("a new keeper is locked")
	}
	if err := keeper.CheckHeader(h); err != nil {
		t.Error(err)
	}
	sealed, err := k.Seal("requests/a", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := keeper.Unlock(h, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if plain, err := again.Open("requests/a", sealed); err != nil || string(plain) != "text" {
		t.Errorf("open: %q, %v", plain, err)
	}
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	good := keeper.ParamsFor("phone")
	tests := []struct {
		name, passphrase string
		params           keeper.Params
		bad              bool // wraps ErrBadPassphrase
	}{
		{"empty-passphrase", "", good, true},
		{"seven-characters", "sevenüü", good, true},
		{"long-passphrase", strings.Repeat("x", keeper.MaxPassphrase+1), good, true},
		{"not-utf8", "\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8\xf7", good, true},
		{"little-memory", passphrase, keeper.Params{MemoryKiB: 64<<10 - 1, Time: 3, Threads: 4}, false},
		{"little-time", passphrase, keeper.Params{MemoryKiB: 64 << 10, Time: 2, Threads: 4}, false},
		{"no-threads", passphrase, keeper.Params{MemoryKiB: 64 << 10, Time: 3}, false},
		{"too-many-threads", passphrase, keeper.Params{MemoryKiB: 64 << 10, Time: 3, Threads: 17}, false},
		{"too-much-memory", passphrase, keeper.Params{MemoryKiB: 1<<20 + 1, Time: 3, Threads: 4}, false},
		{"too-much-time", passphrase, keeper.Params{MemoryKiB: 64 << 10, Time: 11, Threads: 4}, false},
		{"zero-params", passphrase, keeper.Params{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			k, h, err := keeper.Create(rand.Reader, []byte(tt.passphrase), tt.params)
			if err == nil || k != nil || h != nil {
				t.Fatal("accepted")
			}
			if errors.Is(err, keeper.ErrBadPassphrase) != tt.bad {
				t.Errorf("error %v", err)
			}
			if len(tt.passphrase) > 4 && strings.Contains(err.Error(), tt.passphrase[:5]) {
				t.Errorf("error quotes the passphrase: %v", err)
			}
		})
	}
}

// TestCreateWithoutRandomness: a source that ends early is an error, at every
// length.
func TestCreateWithoutRandomness(t *testing.T) {
	t.Parallel()
	for n := 0; n < 32+32+32+24; n += 8 {
		k, h, err := keeper.Create(bytes.NewReader(make([]byte, n)), []byte(passphrase), keeper.ParamsFor("phone"))
		if err == nil || k != nil || h != nil {
			t.Errorf("%d bytes of randomness were enough", n)
		}
	}
}

func TestWrongPassphrase(t *testing.T) {
	t.Parallel()
	_, h := keepertest.New(t, passphrase)
	for _, p := range []string{"", "correct hors", "correct horse ", "Correct horse", strings.Repeat("x", 2000)} {
		k, err := keeper.Unlock(h, []byte(p))
		if !errors.Is(err, keeper.ErrPassphrase) || k != nil {
			t.Errorf("%d bytes: %v", len(p), err)
		}
		if errors.Is(err, wire.ErrMalformed) {
			t.Error("a wrong passphrase is called damage")
		}
		if p != "" && strings.Contains(fmt.Sprintf("%v %+v", err, err), p) {
			t.Errorf("error quotes the passphrase: %v", err)
		}
	}
}

// TestPassphraseIsNormalized: the same letters, composed in two ways.
func TestPassphraseIsNormalized(t *testing.T) {
	t.Parallel()
	_, h := keepertest.New(t, "gr\u00fcne \u00c4pfel")
	typed := []byte("gru\u0308ne A\u0308pfel")
	before := bytes.Clone(typed)
	k, err := keeper.Unlock(h, typed)
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	if !bytes.Equal(typed, before) {
		t.Error("unlock changed the caller's passphrase")
	}
}

func TestSealOpen(t *testing.T) {
	t.Parallel()
	k, _ := keepertest.New(t, passphrase)
	other, _ := keepertest.New(t, passphrase)
	for _, plain := range []string{"", "x", strings.Repeat("long", 50_000)} {
		sealed, err := k.Seal("requests/a", []byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) != len(plain)+keeper.Overhead {
			t.Errorf("sealed %d bytes to %d", len(plain), len(sealed))
		}
		got, err := k.Open("requests/a", sealed)
		if err != nil || got == nil || string(got) != plain {
			t.Errorf("open: %d bytes, %v", len(got), err)
		}
		for _, name := range []string{"", "requests/b", "requests/", "request/sa", "requests/a\x00"} {
			if _, err := k.Open(name, sealed); !errors.Is(err, keeper.ErrDamaged) {
				t.Errorf("open as %q: %v", name, err)
			}
		}
		if _, err := other.Open("requests/a", sealed); !errors.Is(err, keeper.ErrDamaged) {
			t.Errorf("open with another key: %v", err)
		}
		for i := range min(len(sealed), 60) {
			sealed[i] ^= 0x10
			if _, err := k.Open("requests/a", sealed); !errors.Is(err, keeper.ErrDamaged) {
				t.Errorf("open with byte %d changed: %v", i, err)
			}
			sealed[i] ^= 0x10
			if _, err := k.Open("requests/a", sealed[:i]); !errors.Is(err, keeper.ErrDamaged) {
				t.Errorf("open of %d bytes: %v", i, err)
			}
		}
		again, err := k.Seal("requests/a", []byte(plain))
		if err != nil || bytes.Equal(again, sealed) {
			t.Errorf("sealing twice gives the same bytes (%v)", err)
		}
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	k, _ := keepertest.New(t, passphrase)
	if err := k.OpenEpochKeys(t.TempDir() + "/epochs"); err != nil {
		t.Fatal(err)
	}
	if err := k.NewEpochKey("1-a"); err != nil {
		t.Fatal(err)
	}
	share, err := k.SealShare("1-a", "ethereum", []byte("share"))
	if err != nil {
		t.Fatal(err)
	}
	record, err := k.Seal("requests/a", []byte("text"))
	if err != nil {
		t.Fatal(err)
	}

	k.Lock()
	k.Lock()
	if !k.Locked() {
		t.Error("not locked")
	}
	if n := k.EpochKeysInMemory(); n != 0 {
		t.Errorf("%d epoch keys in memory while locked", n)
	}
	if plain, err := k.Open("requests/a", record); err != nil || string(plain) != "text" {
		t.Errorf("record while locked: %q, %v", plain, err)
	}
	if _, err := k.Seal("requests/a", nil); err != nil {
		t.Errorf("seal while locked: %v", err)
	}
	if _, err := k.OpenShare("1-a", "ethereum", share); !errors.Is(err, keeper.ErrLocked) {
		t.Errorf("open share while locked: %v", err)
	}
	if _, err := k.SealShare("1-a", "ethereum", nil); !errors.Is(err, keeper.ErrLocked) {
		t.Errorf("seal share while locked: %v", err)
	}
	if err := k.NewEpochKey("2-a"); !errors.Is(err, keeper.ErrLocked) {
		t.Errorf("new epoch key while locked: %v", err)
	}
	if has, err := k.HasEpochKey("1-a"); !has || err != nil {
		t.Errorf("has epoch key while locked: %v, %v", has, err)
	}

	if err := k.Unlock([]byte("wrong horse")); !errors.Is(err, keeper.ErrPassphrase) || !k.Locked() {
		t.Errorf("wrong passphrase: %v", err)
	}
	if err := k.Unlock([]byte(passphrase)); err != nil || k.Locked() {
		t.Fatalf("unlock: %v", err)
	}
	if plain, err := k.OpenShare("1-a", "ethereum", share); err != nil || string(plain) != "share" {
		t.Errorf("share after unlock: %q, %v", plain, err)
	}
	if err := k.Unlock([]byte("wrong horse")); err == nil || k.Locked() {
		t.Errorf("a wrong passphrase locked an open keeper, or opened it: %v", err)
	}
	if err := k.Unlock([]byte(passphrase)); err != nil || k.Locked() {
		t.Errorf("unlock while unlocked: %v", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	k, _ := keepertest.New(t, passphrase)
	sealed, err := k.Seal("a", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	k.Close()
	if !k.Locked() {
		t.Error("closed and not locked")
	}
	if _, err := k.Open("a", sealed); err == nil {
		t.Error("a closed keeper opens")
	}
	if _, err := k.Seal("a", nil); err == nil {
		t.Error("a closed keeper seals")
	}
	if err := k.Unlock([]byte(passphrase)); err == nil || !k.Locked() {
		t.Errorf("a closed keeper unlocks: %v", err)
	}
}

// TestConcurrentUse is for the race detector.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	k, _ := keepertest.New(t, passphrase)
	if err := k.OpenEpochKeys(t.TempDir() + "/epochs"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			id := fmt.Sprint(i)
			for range 5 {
				if err := k.NewEpochKey(id); err != nil && !errors.Is(err, keeper.ErrLocked) {
					t.Error(err)
				}
				sealed, err := k.SealShare(id, "x", []byte("share"))
				if err == nil {
					_, err = k.OpenShare(id, "x", sealed)
				}
				if err != nil && !errors.Is(err, keeper.ErrLocked) {
					t.Error(err)
				}
				if i == 0 {
					k.Lock()
				} else if err := k.Unlock([]byte(passphrase)); err != nil && !errors.Is(err, keeper.ErrLockedSince) {
					t.Error(err)
				}
				if sealed, err := k.Seal("n", []byte("x")); err != nil {
					t.Error(err)
				} else if _, err := k.Open("n", sealed); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}
