//go:build !windows

package boltstore

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// checkPrivate refuses a file or directory on which group or others have any
// right.
func checkPrivate(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	want := os.FileMode(0o600)
	if info.IsDir() {
		want = 0o700
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("%s has mode %#o: %w: want %#o (chmod %o %s)", path, perm, ErrUnfit, want, want, path)
	}
	return nil
}

// lockFile takes bbolt's own lock: taking it a second time on the same open
// file, as bbolt then does, succeeds at once.
func lockFile(f *os.File, exclusive bool, wait time.Duration) error {
	how := syscall.LOCK_SH
	if exclusive {
		how = syscall.LOCK_EX
	}
	for until := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return err
		}
		if time.Now().After(until) {
			return ErrInUse
		}
	}
}

// yieldLock does nothing: see lockFile.
func yieldLock(*os.File) error { return nil }

// syncDir makes names in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
