package keeper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// CheckEpochKeys says in words what is wrong with the epoch keys in dir, and
// changes nothing; who may read them is not its matter. With a keeper that is unlocked it opens each of them; with
// nil it only looks at the files. A directory that does not exist has no keys.
func CheckEpochKeys(dir string, k *Keeper) (said []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("keeper: list epoch keys: %w", err)
	}
	for _, e := range entries {
		id, isKey := strings.CutSuffix(e.Name(), keySuffix)
		if !isKey || CheckEpochID(id) != nil {
			continue
		}
		if info, err := e.Info(); err != nil || !info.Mode().IsRegular() || info.Size() != keyFileSize {
			said = append(said, fmt.Sprintf("epoch key %s is not a file of %d bytes", id, keyFileSize))
			continue
		}
		if k == nil {
			continue
		}
		if err := k.tryKey(dir, id); err != nil {
			said = append(said, fmt.Sprintf("epoch key %s does not open: %v", id, err))
		}
	}
	return said, nil
}

// tryKey reads a key and forgets it.
func (k *Keeper) tryKey(dir, id string) error {
	k.mu.RLock()
	defer k.mu.RUnlock()
	if k.share.Empty() {
		return ErrLocked
	}
	key, err := readKey(dir, id, k.share)
	key.Wipe()
	return err
}
