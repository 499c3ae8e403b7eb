package keeper_test

import (
	"errors"
	"testing"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
)

// TestLaterLockWins: a try of the passphrase takes a second. Whoever locks in that
// second has spoken last, however the two come to an end.
func TestLaterLockWins(t *testing.T) {
	t.Parallel()
	k, _ := keepertest.New(t, passphrase)
	for _, before := range []bool{false, true} { // locked already, or not, when the unlock begins
		if before {
			k.Lock()
		}
		began := k.Locks()
		k.Lock()
		if err := k.UnlockUnlessLocked(began, []byte(passphrase)); !errors.Is(err, keeper.ErrLockedSince) || !k.Locked() {
			t.Errorf("locked before: %v: unlocked by one that had begun before the lock: %v", before, err)
		}
		if err := k.Unlock([]byte(passphrase)); err != nil || k.Locked() {
			t.Errorf("locked before: %v: a later unlock: %v", before, err)
		}
	}
	began := k.Locks()
	if err := k.UnlockUnlessLocked(began, []byte("incorrect horse")); !errors.Is(err, keeper.ErrPassphrase) || k.Locked() {
		t.Errorf("a wrong passphrase: %v, locked %v", err, k.Locked())
	}
	k.Close()
	if err := k.Unlock([]byte(passphrase)); err == nil || errors.Is(err, keeper.ErrLockedSince) {
		t.Errorf("after the end: %v", err)
	}
}

// TestProveUnlocksNothing: a proof of presence says who is there, and no more.
func TestProveUnlocksNothing(t *testing.T) {
	t.Parallel()
	k, _ := keepertest.New(t, passphrase)
	if err := k.Prove([]byte(passphrase)); err != nil || k.Locked() {
		t.Errorf("the right passphrase: %v", err)
	}
	if err := k.Prove([]byte("incorrect horse")); !errors.Is(err, keeper.ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	k.Lock()
	if err := k.Prove([]byte(passphrase)); !errors.Is(err, keeper.ErrLocked) || !k.Locked() {
		t.Errorf("on a keeper that is locked: %v, locked %v", err, k.Locked())
	}
}
