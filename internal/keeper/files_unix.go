//go:build !windows

package keeper

import (
	"errors"
	"fmt"
	"os"
)

// checkPrivate refuses a directory that others may enter or list.
func checkPrivate(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("keeper: look at directory of epoch keys: %w", err)
	}
	if !info.IsDir() {
		return fmt.Errorf("keeper: %q is not a directory", dir)
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return fmt.Errorf("keeper: %q has mode %#o, so that others may read it; want 0700 (chmod 700 it)", dir, perm)
	}
	return nil
}

// syncDir makes renames and removals in dir durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
