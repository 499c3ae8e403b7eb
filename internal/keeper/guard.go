package keeper

import (
	"bytes"
	"errors"
	"fmt"
	"sync"
	"time"
)

// A TriesStore keeps the count of wrong passphrases, in the form of
// [Tries.Bytes], where it outlives the process. Nothing stored is nil.
type TriesStore interface {
	Tries() ([]byte, error)
	SetTries(b []byte) error
}

// A WrongError means that the passphrase is wrong, and was counted. It is an
// [ErrPassphrase].
type WrongError struct {
	Failures int           // since the last right one
	Wait     time.Duration // until the next try, or 0
}

func (e *WrongError) Error() string { return ErrPassphrase.Error() }

func (e *WrongError) Unwrap() error { return ErrPassphrase }

// An EarlyError means that nothing was tried: too many were wrong.
type EarlyError struct{ Wait time.Duration } // until the next try

func (e *EarlyError) Error() string {
	return fmt.Sprintf("keeper: too early for another passphrase by %v", e.Wait)
}

// A Guard slows down whoever tries passphrases at the keyboard.
type Guard struct {
	Store  TriesStore
	Uptime func() time.Duration // how long the machine has been on
}

// tries reads the count. A count that is damaged asks for the longest wait.
func (g Guard) tries() (Tries, error) {
	stored, err := g.Store.Tries()
	if err != nil {
		return Tries{}, err
	}
	up := g.Uptime()
	// Damaged, of an older form, or of before the machine was started: what the
	// wait is counted from must not move with each look at it.
	t, _ := ParseTries(stored, up)
	t = t.At(up)
	if len(stored) > 0 && !bytes.Equal(t.Bytes(), stored) {
		return t, g.Store.SetTries(t.Bytes())
	}
	return t, nil
}

// Wait is how long no passphrase is taken.
func (g Guard) Wait() (time.Duration, error) {
	t, err := g.tries()
	return t.Wait(g.Uptime()), err
}

// Unlock is the function [Unlock] as a try that counts, for a caller that has
// waited. The error may be a [WrongError], or the store's.
func (g Guard) Unlock(header, passphrase []byte) (k *Keeper, err error) {
	err = g.try(func() (err error) {
		k, err = Unlock(header, passphrase)
		return err
	})
	if err != nil && k != nil {
		k.Close()
		k = nil
	}
	return k, err
}

// try counts a try as a failure before it is made, so that killing the process
// wins nothing, and forgets the count if it was none.
func (g Guard) try(unlock func() error) error {
	t, err := g.tries()
	if err != nil {
		return err
	}
	t = t.Failed(g.Uptime())
	if err := g.Store.SetTries(t.Bytes()); err != nil {
		return fmt.Errorf("count the try: %w", err)
	}
	err = unlock()
	switch {
	case errors.Is(err, ErrPassphrase):
		return &WrongError{t.Failures(), t.Wait(g.Uptime())}
	case err != nil && !locked(err):
		return err
	}
	// It was the right one, whatever else was said meanwhile.
	if err := g.Store.SetTries(nil); err != nil {
		return fmt.Errorf("forget the tries: %w", err)
	}
	return err
}

// locked reports whether somebody locked, and the passphrase was right.
func locked(err error) bool { return errors.Is(err, ErrLocked) || errors.Is(err, ErrLockedSince) }

// A Guarded keeper counts the tries of a program that goes on, too: who is to
// prove to be there, or to unlock, is told a [WrongError] or an [EarlyError].
type Guarded struct {
	*Keeper
	Guard Guard

	// trying is held from looking at the count to having counted: calls that
	// come at once must not pass for one try.
	trying sync.Mutex
}

// Unlock is [Keeper.Unlock]: it brings the shares back, unless they are locked
// while it waits for its turn or for the passphrase to be tried.
func (k *Guarded) Unlock(passphrase []byte) error { return k.unlockSince(k.Locks(), passphrase) }

// unlockSince is Unlock as of when the shares had been locked so often.
func (k *Guarded) unlockSince(locks uint64, passphrase []byte) error {
	return k.counted(func() error { return k.UnlockUnlessLocked(locks, passphrase) })
}

// Prove is [Keeper.Prove]: it checks the passphrase and brings nothing back.
func (k *Guarded) Prove(passphrase []byte) error {
	return k.counted(func() error { return k.Keeper.Prove(passphrase) })
}

func (k *Guarded) counted(try func() error) error {
	k.trying.Lock()
	defer k.trying.Unlock()
	if err := k.early(); err != nil {
		return err
	}
	return k.Guard.try(try)
}

// early says that it is too early for another try. The caller holds trying.
func (k *Guarded) early() error {
	left, err := k.Guard.Wait()
	if err == nil && left > 0 {
		err = &EarlyError{left}
	}
	return err
}

// MayUnlock says why it is too early for another try, with an [EarlyError], or
// nil.
func (k *Guarded) MayUnlock() error {
	k.trying.Lock()
	defer k.trying.Unlock()
	return k.early()
}

// A HeldGuard guards a store that is only read. It holds back what it counts,
// for [HeldGuard.Store].
type HeldGuard struct {
	tries  Tries
	uptime func() time.Duration
}

// NewHeldGuard goes on from what is stored. A count that is damaged asks for the
// longest wait.
func NewHeldGuard(stored []byte, uptime func() time.Duration) *HeldGuard {
	t, _ := ParseTries(stored, uptime())
	return &HeldGuard{t, uptime}
}

// Wait is how long no passphrase is taken.
func (g *HeldGuard) Wait() (time.Duration, error) {
	g.tries = g.tries.At(g.uptime())
	return g.tries.Wait(g.uptime()), nil
}

// Unlock is as for [Guard.Unlock]. There is no use in counting what is not stored
// before it is tried.
func (g *HeldGuard) Unlock(header, passphrase []byte) (*Keeper, error) {
	k, err := Unlock(header, passphrase)
	if errors.Is(err, ErrPassphrase) {
		g.tries = g.tries.Failed(g.uptime())
		err = &WrongError{g.tries.Failures(), g.tries.Wait(g.uptime())}
	}
	return k, err
}

// Store stores the count in s, if s has another: what the wait is counted from
// does not move with each look at it.
func (g *HeldGuard) Store(s TriesStore) error {
	stored, err := s.Tries()
	if err != nil || bytes.Equal(stored, g.tries.Bytes()) {
		return err
	}
	return s.SetTries(g.tries.Bytes())
}
