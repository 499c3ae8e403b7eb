// Package keeper seals what only this device may read. It holds two master
// keys, which the passphrase opens:
//
//   - the data key seals the records of the store for as long as the daemon
//     runs ([Keeper.Seal], [Keeper.Open]);
//   - the share key seals the epoch keys, and these seal shares
//     ([Keeper.SealShare], [Keeper.OpenShare]). [Keeper.Lock] forgets them
//     while the daemon goes on.
//
// An epoch key lives in a small file of its own, because the pages of the
// store stay readable on disk after a record was deleted: destroying the file
// is what makes an old share unreadable.
//
// Everything is sealed with XChaCha20-Poly1305 and random nonces, with the
// name under which it is kept as associated data, so that nothing can be put
// in another place. What this does not stop: somebody who puts back old files
// together with an old store and knows the passphrase; a machine that is
// watched while it is unlocked; flash memory and copy-on-write file systems
// that keep what was overwritten (they keep it sealed under the share key).
// Wiping memory is best effort: the libraries below keep copies of keys until
// the collector runs.
package keeper

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/warifu/warifu/internal/keeper/internal/header"
	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/wire"
)

// Params are the costs of a passphrase under Argon2id.
type Params = header.Params

// floor is the least that [Create] accepts, what a phone can do in about 0.2 s.
var floor = Params{MemoryKiB: 64 << 10, Time: 3, Threads: 4}

var (
	// ErrPassphrase means that the passphrase is wrong.
	ErrPassphrase = header.ErrPassphrase

	// ErrLocked means that shares cannot be read until somebody unlocks.
	ErrLocked = errors.New("keeper: locked")

	// ErrLockedSince means that somebody locked after an unlock had begun: the
	// later word counts.
	ErrLockedSince = errors.New("keeper: locked while the passphrase was tried")

	// ErrDamaged is wrapped when something sealed does not open: it was
	// changed, or it is not what was kept under that name.
	ErrDamaged = errors.New("damaged, or not in its place")

	// ErrNoEpochKey means that there is no such epoch key: it was destroyed,
	// or never made.
	ErrNoEpochKey = errors.New("keeper: no such epoch key")
)

const (
	tagRecord wire.Tag = "keeper/record"
	tagShare  wire.Tag = "keeper/share"
)

// ParamsFor returns the costs for a kind of device: 64 MiB for a phone, a
// tablet or a browser, 256 MiB for everything else.
func ParamsFor(kind string) Params {
	p := floor
	switch kind {
	case "phone", "tablet", "browser":
	default:
		p.MemoryKiB = 256 << 10
	}
	return p
}

// A Keeper is safe for concurrent use. None of its methods returns a key.
type Keeper struct {
	header []byte

	// deriving keeps two unlocks from holding the memory of two derivations.
	deriving sync.Mutex

	mu     sync.RWMutex // guards what follows
	data   secret.Key
	share  secret.Key // empty while locked
	locks  uint64     // how often it was locked
	dir    string     // of the epoch keys, or ""
	epochs map[string]secret.Key
}

// Create draws master keys from random and returns the keeper, open, and the
// header that must be stored: without it everything sealed is lost. It refuses
// passphrases and costs that are too low; the passphrase stays the caller's to
// wipe.
func Create(random io.Reader, passphrase []byte, p Params) (*Keeper, []byte, error) {
	if err := CheckPassphrase(passphrase); err != nil {
		return nil, nil, err
	}
	if p.MemoryKiB < floor.MemoryKiB || p.Time < floor.Time {
		return nil, nil, fmt.Errorf("keeper: argon2id with %d KiB and %d passes, want at least %d and %d",
			p.MemoryKiB, p.Time, floor.MemoryKiB, floor.Time)
	}
	defer debug.FreeOSMemory()
	keys, h, err := header.Wrap(random, passphrase, p)
	if err != nil {
		return nil, nil, fmt.Errorf("keeper: create: %w", err)
	}
	return &Keeper{header: h, data: keys.Data, share: keys.Share, epochs: map[string]secret.Key{}}, h, nil
}

// Unlock opens a header. The error wraps [ErrPassphrase], or
// [wire.ErrMalformed] if the header is damaged. It takes about a second of the
// machine, and gives the memory back to the operating system.
func Unlock(h, passphrase []byte) (*Keeper, error) {
	keys, err := unwrap(h, passphrase)
	if err != nil {
		return nil, err
	}
	return &Keeper{
		header: append([]byte(nil), h...),
		data:   keys.Data, share: keys.Share, epochs: map[string]secret.Key{},
	}, nil
}

// CheckHeader reports whether h could be opened by some passphrase.
func CheckHeader(h []byte) error {
	if err := header.Check(h); err != nil {
		return fmt.Errorf("keeper: %w", err)
	}
	return nil
}

// Lock forgets the share key and every epoch key that is in memory. Records
// can still be opened.
func (k *Keeper) Lock() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lockHeld()
}

func (k *Keeper) lockHeld() {
	k.locks++
	k.share.Wipe()
	k.share = secret.Key{}
	for id, key := range k.epochs {
		key.Wipe()
		delete(k.epochs, id)
	}
}

// Locked reports whether shares are out of reach.
func (k *Keeper) Locked() bool {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.share.Empty()
}

// Locks returns how often the keeper was locked, for [Keeper.UnlockUnlessLocked].
func (k *Keeper) Locks() uint64 {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.locks
}

// Unlock brings back what [Keeper.Lock] forgot. A wrong passphrase changes
// nothing, not even if the keeper is unlocked. The error is as for the
// function Unlock, or [ErrLockedSince].
func (k *Keeper) Unlock(passphrase []byte) error {
	return k.UnlockUnlessLocked(k.Locks(), passphrase)
}

// UnlockUnlessLocked is [Keeper.Unlock] of somebody who began when
// [Keeper.Locks] returned locks. A try takes a second, and others may be waited
// for before it: whoever locks meanwhile spoke last, and the error is
// [ErrLockedSince].
func (k *Keeper) UnlockUnlessLocked(locks uint64, passphrase []byte) error {
	keys, err := k.try(passphrase)
	if err != nil {
		return err
	}
	keys.Data.Wipe()

	k.mu.Lock()
	defer k.mu.Unlock()
	if k.data.Empty() || k.locks != locks {
		keys.Share.Wipe()
		if k.data.Empty() {
			return errClosed
		}
		return ErrLockedSince
	}
	k.share.Wipe()
	k.share = keys.Share
	return nil
}

// Prove reports, as a nil error, that the passphrase is the right one. It brings
// nothing back: a keeper that is locked, or is locked meanwhile, stays so, and
// the error is [ErrLocked]. Others are as for the function Unlock.
func (k *Keeper) Prove(passphrase []byte) error {
	keys, err := k.try(passphrase)
	if err != nil {
		return err
	}
	keys.Wipe()
	if k.Locked() {
		return ErrLocked
	}
	return nil
}

// try opens the header, one try at a time.
func (k *Keeper) try(passphrase []byte) (header.MasterKeys, error) {
	k.deriving.Lock()
	defer k.deriving.Unlock()
	return unwrap(k.header, passphrase)
}

// Close wipes every key. The keeper opens and seals nothing afterwards.
// Closing twice is harmless.
func (k *Keeper) Close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.lockHeld()
	k.data.Wipe()
	k.data = secret.Key{}
}

var errClosed = errors.New("keeper: closed")

// Seal seals a record under the data key. Only Open with the same name opens
// it. The result is [Overhead] bytes longer than plain.
func (k *Keeper) Seal(name string, plain []byte) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.data.Empty() {
		return nil, errClosed
	}
	return seal(k.data, wire.Sum(tagRecord, []byte(name)), plain)
}

// Open opens a record. The result is never nil without an error, and it is the
// caller's to wipe. The error wraps [ErrDamaged].
func (k *Keeper) Open(name string, sealed []byte) ([]byte, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.data.Empty() {
		return nil, errClosed
	}
	plain, err := open(k.data, wire.Sum(tagRecord, []byte(name)), sealed)
	if err != nil {
		return nil, fmt.Errorf("keeper: open record: %w", err)
	}
	return plain, nil
}

func unwrap(h, passphrase []byte) (header.MasterKeys, error) {
	// Argon2id has just used up to a gigabyte, which an idle daemon must not
	// keep. The memory held key material too; the sooner it is unmapped the
	// better.
	defer debug.FreeOSMemory()
	if len(passphrase) > MaxPassphrase {
		return header.MasterKeys{}, fmt.Errorf("keeper: %w", ErrPassphrase)
	}
	keys, err := header.Unwrap(h, passphrase)
	if err != nil {
		return header.MasterKeys{}, fmt.Errorf("keeper: %w", err)
	}
	return keys, nil
}

// The sealed form: version, nonce, ciphertext with tag.
const (
	sealVersion = 1
	sealPrefix  = 1 + chacha20poly1305.NonceSizeX

	// Overhead is by how many bytes sealing makes a value longer.
	Overhead = sealPrefix + chacha20poly1305.Overhead
)

func seal(key secret.Key, ad wire.Hash, plain []byte) (out []byte, err error) {
	out = make([]byte, sealPrefix, len(plain)+Overhead)
	out[0] = sealVersion
	rand.Read(out[1:sealPrefix])
	err = key.Use(func(b *[secret.Size]byte) error {
		aead, err := chacha20poly1305.NewX(b[:])
		if err != nil {
			return err
		}
		out = aead.Seal(out, out[1:sealPrefix], plain, ad[:])
		return nil
	})
	return out, err
}

func open(key secret.Key, ad wire.Hash, sealed []byte) (plain []byte, err error) {
	if len(sealed) < Overhead || sealed[0] != sealVersion {
		return nil, ErrDamaged
	}
	plain = make([]byte, 0, len(sealed)-Overhead)
	err = key.Use(func(b *[secret.Size]byte) error {
		aead, err := chacha20poly1305.NewX(b[:])
		if err != nil {
			return err
		}
		plain, err = aead.Open(plain, sealed[1:sealPrefix], sealed[sealPrefix:], ad[:])
		return err
	})
	if err != nil {
		return nil, ErrDamaged
	}
	return plain, nil
}
