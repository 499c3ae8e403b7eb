package boltstore

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/windows"
)

// checkPrivate only sees that path exists: who may read it is not in the mode
// bits of this system.
func checkPrivate(path string) error {
	_, err := os.Stat(path)
	return err
}

// lockAt is the one byte that bbolt locks, at the far end of the file.
func lockAt() *windows.Overlapped {
	return &windows.Overlapped{Offset: 1<<32 - 1, OffsetHigh: 1<<32 - 1}
}

func lockFile(f *os.File, exclusive bool, wait time.Duration) error {
	var how uint32 = windows.LOCKFILE_FAIL_IMMEDIATELY
	if exclusive {
		how |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	for until := time.Now().Add(wait); ; time.Sleep(20 * time.Millisecond) {
		err := windows.LockFileEx(windows.Handle(f.Fd()), how, 0, 1, 0, lockAt())
		if !errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			return err
		}
		if time.Now().After(until) {
			return ErrInUse
		}
	}
}

// yieldLock lets go, because this system does not give a lock twice. Whoever
// comes in between either holds it when bbolt asks, which is then [ErrInUse],
// or has closed the file in good order.
func yieldLock(f *os.File) error {
	return windows.UnlockFileEx(windows.Handle(f.Fd()), 0, 1, 0, lockAt())
}

// syncDir does nothing: a directory cannot be synced on this system.
func syncDir(string) error { return nil }
