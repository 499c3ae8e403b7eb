package header

import (
	"fmt"

	"golang.org/x/crypto/argon2"
)

// Params are the costs of Argon2id (RFC 9106).
type Params struct {
	MemoryKiB uint32
	Time      uint32 // passes over the memory
	Threads   uint8
}

// Bounds of what a header may ask of this machine. They are checked before
// anything is derived, so that a header that somebody changed can neither make
// us allocate without end nor keep us busy for hours. The lower bound does not
// protect the passphrase: that is what keeper.Create's higher floor is for. A
// forged header with low costs does not open our keys, for they are wrapped
// under the costs that they were made with.
const (
	MinMemoryKiB = 8 << 10
	MaxMemoryKiB = 1 << 20
	MaxTime      = 10
	MaxThreads   = 16
)

// Check refuses costs outside of the bounds.
func (p Params) Check() error {
	switch {
	case p.MemoryKiB < MinMemoryKiB || p.MemoryKiB > MaxMemoryKiB:
		return fmt.Errorf("argon2id memory of %d KiB, want %d to %d", p.MemoryKiB, MinMemoryKiB, MaxMemoryKiB)
	case p.Time < 1 || p.Time > MaxTime:
		return fmt.Errorf("argon2id time of %d, want 1 to %d", p.Time, MaxTime)
	case p.Threads < 1 || p.Threads > MaxThreads:
		return fmt.Errorf("argon2id threads of %d, want 1 to %d", p.Threads, MaxThreads)
	}
	return nil
}

// derive returns 32 bytes that the caller clears.
func (p Params) derive(passphrase, salt []byte) []byte {
	return argon2.IDKey(passphrase, salt, p.Time, p.MemoryKiB, p.Threads, 32)
}
