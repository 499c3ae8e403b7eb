package keeper

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/wire"
)

// The file of an epoch key is "<id>.key": the 32-byte key, sealed under the
// share key. It is written once, under a temporary name, and never changed
// until it is destroyed.
const (
	keySuffix   = ".key"
	tmpSuffix   = ".tmp"
	keyFileSize = secret.Size + Overhead
	maxID       = 80
)

const tagEpochKey wire.Tag = "keeper/epoch-key"

var errNoDir = errors.New("keeper: no directory for epoch keys")

// OpenEpochKeys says where the epoch keys are, and makes the directory (0700)
// if it is missing. It removes what a crash left half written. It must be
// called before any other method on epoch keys, by the only process that uses
// the directory: whoever holds the store's lock.
func (k *Keeper) OpenEpochKeys(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("keeper: make directory of epoch keys: %w", err)
	}
	if err := checkPrivate(dir); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("keeper: list epoch keys: %w", err)
	}
	for _, e := range entries {
		// A temporary file was never renamed, so nothing was ever sealed
		// under the key in it.
		id, isTmp := strings.CutSuffix(e.Name(), tmpSuffix)
		if !isTmp || CheckEpochID(id) != nil {
			continue
		}
		if err := shred(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("keeper: remove unfinished epoch key: %w", err)
		}
	}
	// The directory entry itself must survive a power cut before a share is
	// sealed under a key in it.
	if err := syncDir(filepath.Dir(dir)); err != nil {
		return fmt.Errorf("keeper: sync directory: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dir = dir
	return nil
}

// ReadEpochKeys says where the epoch keys are, for a keeper that makes and
// destroys none. It changes nothing, and dir need not exist.
func (k *Keeper) ReadEpochKeys(dir string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.dir = dir
}

// CheckEpochID refuses an id that is not 1 to 80 of the letters 0-9, a-f, "-".
func CheckEpochID(id string) error {
	if len(id) == 0 || len(id) > maxID {
		return fmt.Errorf("keeper: epoch key id of %d bytes, want 1 to %d", len(id), maxID)
	}
	for _, c := range []byte(id) {
		if !('0' <= c && c <= '9' || 'a' <= c && c <= 'f' || c == '-') {
			return errors.New("keeper: epoch key id with a letter other than 0-9, a-f and '-'")
		}
	}
	return nil
}

// NewEpochKey draws a key for id and makes it durable before it returns. If
// there is one already it is kept, and the error wraps [ErrDamaged] if that
// one does not open. After any other error the key may or may not exist.
//
// The key comes before the record that holds what is sealed under it. A crash
// between the two leaves a key that seals nothing; [Keeper.ListEpochKeys]
// finds it and [Keeper.DestroyEpochKey] removes it.
func (k *Keeper) NewEpochKey(id string) error {
	if err := CheckEpochID(id); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err := k.epochHeld(id)
	if err == nil {
		// It may be there although an earlier call said that it failed.
		err = syncDir(k.dir)
	}
	if !errors.Is(err, ErrNoEpochKey) {
		return err
	}
	key, err := secret.New(rand.Reader)
	if err != nil {
		return fmt.Errorf("keeper: new epoch key: %w", err)
	}
	var sealed []byte
	err = key.Use(func(b *[secret.Size]byte) (err error) {
		sealed, err = seal(k.share, epochAD(id), b[:])
		return err
	})
	if err == nil {
		err = writeNew(k.dir, id, sealed)
	}
	if err != nil {
		key.Wipe()
		return fmt.Errorf("keeper: new epoch key: %w", err)
	}
	k.epochs[id] = key
	return nil
}

// SealShare seals under the epoch key of id. Only OpenShare with the same id
// and name opens it. The error is or wraps [ErrLocked], [ErrNoEpochKey] or
// [ErrDamaged].
func (k *Keeper) SealShare(id, name string, plaintext []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := k.epochHeld(id)
	if err != nil {
		return nil, err
	}
	return seal(key, shareAD(id, name), plaintext)
}

// OpenShare opens what SealShare sealed. The result is the caller's to wipe.
// The error is as for SealShare.
func (k *Keeper) OpenShare(id, name string, sealed []byte) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	key, err := k.epochHeld(id)
	if err != nil {
		return nil, err
	}
	plain, err := open(key, shareAD(id, name), sealed)
	if err != nil {
		return nil, fmt.Errorf("keeper: open share: %w", err)
	}
	return plain, nil
}

// HasEpochKey reports whether there is a file for id, without opening it.
func (k *Keeper) HasEpochKey(id string) (bool, error) {
	if err := CheckEpochID(id); err != nil {
		return false, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.dir == "" {
		return false, errNoDir
	}
	_, err := os.Lstat(keyPath(k.dir, id))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("keeper: look for epoch key: %w", err)
	}
	return true, nil
}

// ListEpochKeys returns the ids that have a file, ascending.
func (k *Keeper) ListEpochKeys() ([]string, error) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.dir == "" {
		return nil, errNoDir
	}
	entries, err := os.ReadDir(k.dir)
	if err != nil {
		return nil, fmt.Errorf("keeper: list epoch keys: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if id, ok := strings.CutSuffix(e.Name(), keySuffix); ok && CheckEpochID(id) == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// DestroyEpochKey overwrites the key of id and removes its file, so that what
// was sealed under it cannot be read again. It works while locked, and does
// nothing if there is no such key. After an error the key may be unreadable
// although its file is there; destroying it again finishes the work.
func (k *Keeper) DestroyEpochKey(id string) error {
	if err := CheckEpochID(id); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.dir == "" {
		return errNoDir
	}
	if key, ok := k.epochs[id]; ok {
		key.Wipe()
		delete(k.epochs, id)
	}
	err := shred(keyPath(k.dir, id))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	// Also if the file is gone already: the crash may have come between
	// unlinking it and syncing the directory.
	if err == nil {
		err = syncDir(k.dir)
	}
	if err != nil {
		return fmt.Errorf("keeper: destroy epoch key: %w", err)
	}
	return nil
}

// epochHeld returns the key of id, from memory or from its file. The caller
// holds mu for writing.
func (k *Keeper) epochHeld(id string) (secret.Key, error) {
	if err := CheckEpochID(id); err != nil {
		return secret.Key{}, err
	}
	if k.dir == "" {
		return secret.Key{}, errNoDir
	}
	if k.share.Empty() {
		return secret.Key{}, ErrLocked
	}
	if key, ok := k.epochs[id]; ok {
		return key, nil
	}
	key, err := readKey(k.dir, id, k.share)
	if err != nil {
		return secret.Key{}, err
	}
	k.epochs[id] = key
	return key, nil
}

func readKey(dir, id string, share secret.Key) (secret.Key, error) {
	sealed, err := readFile(keyPath(dir, id), keyFileSize)
	if errors.Is(err, fs.ErrNotExist) {
		return secret.Key{}, ErrNoEpochKey
	}
	if err != nil {
		return secret.Key{}, fmt.Errorf("keeper: read epoch key: %w", err)
	}
	plain, err := open(share, epochAD(id), sealed)
	if err != nil {
		return secret.Key{}, fmt.Errorf("keeper: open epoch key: %w", err)
	}
	return secret.TakeSlice(plain)
}

func keyPath(dir, id string) string { return filepath.Join(dir, id+keySuffix) }

func epochAD(id string) wire.Hash { return wire.Sum(tagEpochKey, []byte(id)) }

func shareAD(id, name string) wire.Hash { return wire.Sum(tagShare, []byte(id), []byte(name)) }
