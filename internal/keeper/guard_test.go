package keeper_test

import (
	"bytes"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
)

// A count is a store of nothing but the tries.
type count struct {
	mu     sync.Mutex // guards stored
	stored []byte
}

func (c *count) Tries() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return bytes.Clone(c.stored), nil
}

func (c *count) SetTries(b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stored = bytes.Clone(b)
	return nil
}

// hand is a clock that stands where it was set.
type hand struct{ on time.Duration }

func (h *hand) uptime() time.Duration { return h.on }

func isWrong(err error) bool {
	_, ok := errors.AsType[*keeper.WrongError](err)
	return ok && errors.Is(err, keeper.ErrPassphrase)
}

func isEarly(err error) bool {
	_, ok := errors.AsType[*keeper.EarlyError](err)
	return ok
}

// TestTriesAtOnce has many wrong passphrases come at once, as from a program
// that calls the daemon in parallel. No more are tried than one after the other.
func TestTriesAtOnce(t *testing.T) {
	t.Parallel()
	opened, _ := keepertest.New(t, passphrase)
	stopped := hand{time.Hour}
	k := &keeper.Guarded{Keeper: opened, Guard: keeper.Guard{Store: &count{}, Uptime: stopped.uptime}}

	const calls, free = 12, 5
	done := make(chan error, calls)
	for range calls {
		go func() { done <- k.Unlock([]byte("a wrong passphrase")) }()
	}
	wrong := 0
	for range calls {
		err := <-done
		if isWrong(err) {
			wrong++
		} else if !isEarly(err) {
			t.Errorf("a wrong passphrase: %v", err)
		}
	}
	stored, err := k.Guard.Store.Tries()
	if err != nil {
		t.Fatal(err)
	}
	tries, err := keeper.ParseTries(stored, stopped.on)
	if err != nil || tries.Failures() != free || wrong != free {
		t.Errorf("%d wrong passphrases were counted and %d tried, want %d (%v)", tries.Failures(), wrong, free, err)
	}
	if err := k.Unlock([]byte(passphrase)); !isEarly(err) {
		t.Errorf("the right passphrase during the wait: %v", err)
	}
	if err := k.MayUnlock(); !isEarly(err) {
		t.Errorf("asked before: %v", err)
	}
}

// TestLockIsNotUndone has persons prove their presence and unlock while others
// lock: whatever began before the last lock leaves the device locked, and says so
// instead of a success.
func TestLockIsNotUndone(t *testing.T) {
	t.Parallel()
	opened, _ := keepertest.New(t, passphrase)
	k := &keeper.Guarded{Keeper: opened, Guard: keeper.Guard{Store: &count{}, Uptime: new(hand).uptime}}
	began := k.Locks()
	k.Lock()
	for name, try := range map[string]func() error{
		"prove":  func() error { return k.Prove([]byte(passphrase)) },
		"unlock": func() error { return k.UnlockSince(began, []byte(passphrase)) },
	} {
		if err := try(); !errors.Is(err, keeper.ErrLocked) && !errors.Is(err, keeper.ErrLockedSince) || !k.Locked() {
			t.Errorf("%s: %v, locked %v", name, err, k.Locked())
		}
		if stored, err := k.Guard.Store.Tries(); err != nil || len(stored) > 0 {
			t.Errorf("%s: the right passphrase counts as a wrong one: %x, %v", name, stored, err)
		}
	}
	if err := k.Unlock([]byte(passphrase)); err != nil || k.Locked() {
		t.Errorf("a later unlock: %v", err)
	}
}

// TestClockSetAheadSkipsNoWait: the wall clock has no part in it, and neither has a
// new start of the program. Only what is on the machine's own clock passes.
func TestClockSetAheadSkipsNoWait(t *testing.T) {
	t.Parallel()
	_, header := keepertest.New(t, passphrase)
	clock := &hand{time.Hour}
	g := keeper.Guard{Store: &count{}, Uptime: clock.uptime}
	wait := func() time.Duration {
		t.Helper()
		left, err := g.Wait()
		if err != nil {
			t.Fatal(err)
		}
		return left
	}
	for range 5 {
		if left := wait(); left != 0 {
			t.Fatalf("a free try waits for %v", left)
		}
		if _, err := g.Unlock(header, []byte("incorrect horse")); !isWrong(err) {
			t.Fatal(err)
		}
	}
	// As of an older release, with a wall clock's time long ago.
	old := append([]byte{1, 0, 0, 0, 5}, make([]byte, 8)...)
	for name, stored := range map[string][]byte{"as counted": nil, "of an older release": old, "damaged": []byte("damaged")} {
		if stored != nil {
			if err := g.Store.SetTries(stored); err != nil {
				t.Fatal(err)
			}
		}
		if wait() == 0 {
			t.Errorf("%s: no wait", name)
		}
		// However often it is looked at, the wait passes.
		clock.on += 10 * time.Second
		before := wait()
		clock.on += 10 * time.Second
		if after := wait(); before-after != 10*time.Second {
			t.Errorf("%s: %v, and 10 s later %v", name, before, after)
		}
	}
	// Started anew, it has waited as long as it has been on.
	if err := g.Store.SetTries(failed(5, clock.on).Bytes()); err != nil {
		t.Fatal(err)
	}
	clock.on = 20 * time.Second
	if left := wait(); left != 10*time.Second {
		t.Errorf("after a restart: %v", left)
	}
	clock.on = 31 * time.Second
	if left := wait(); left != 0 {
		t.Errorf("after the wait: %v", left)
	}
	k, err := g.Unlock(header, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	if stored, err := g.Store.Tries(); err != nil || len(stored) > 0 {
		t.Errorf("tries are left: %x, %v", stored, err)
	}
}

// TestHeldGuard counts as a [keeper.Guard] does, and nothing until it is told where.
func TestHeldGuard(t *testing.T) {
	t.Parallel()
	_, header := keepertest.New(t, passphrase)
	clock, store := &hand{time.Hour}, &count{}
	for n := 1; n <= 5; n++ {
		g := keeper.NewHeldGuard(store.stored, clock.uptime)
		if left, err := g.Wait(); err != nil || left != 0 {
			t.Fatalf("try %d waits for %v, %v", n, left, err)
		}
		_, err := g.Unlock(header, []byte("incorrect horse"))
		if wrong, ok := errors.AsType[*keeper.WrongError](err); !ok || wrong.Failures != n || wrong.Wait != map[bool]time.Duration{true: 30 * time.Second}[n == 5] {
			t.Errorf("try %d: %+v", n, err)
		}
		if err := g.Store(store); err != nil || !bytes.Equal(store.stored, failed(n, clock.on).Bytes()) {
			t.Errorf("try %d is stored as %x, %v", n, store.stored, err)
		}
	}
	// Looked at after a new start, it is counted from there, and from there on.
	clock.on = 10 * time.Second
	for range 2 {
		g := keeper.NewHeldGuard(store.stored, clock.uptime)
		if left, err := g.Wait(); err != nil || left != 30*time.Second-clock.on {
			t.Errorf("on for %v: waits for %v, %v", clock.on, left, err)
		}
		if err := g.Store(store); err != nil {
			t.Error(err)
		}
		clock.on += 10 * time.Second
	}
	// The right one is no news for the count.
	before := bytes.Clone(store.stored)
	clock.on = time.Hour
	g := keeper.NewHeldGuard(store.stored, clock.uptime)
	k, err := g.Unlock(header, []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	if err := g.Store(store); err != nil || !bytes.Equal(store.stored, before) {
		t.Errorf("the right passphrase is counted as %x, was %x, %v", store.stored, before, err)
	}
}
