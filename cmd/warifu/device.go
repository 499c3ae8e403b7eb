package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node/api"
)

// What is in a home. The name of the socket is package api's.
const (
	storeName  = "warifu.db"
	draftName  = "init.db" // a store that init has not finished
	epochsName = "epochs"  // the keeper's epoch keys
	socketName = "warifu.sock"
)

// A device is an open home: its store, and the keeper that opens what is in
// it. The store's lock makes this process the only one that has it open.
type device struct {
	store  *boltstore.Store
	keeper *keeper.Keeper
}

// openDevice opens home with a passphrase that ask returns. It does not ask if
// none would help.
func openDevice(ctx context.Context, home string, ask asker) (*device, error) {
	store, err := boltstore.Open(filepath.Join(home, storeName))
	if err != nil {
		return nil, storeError(home, err)
	}
	d := &device{store: store}
	if e := foreign(home); e != nil {
		return nil, errors.Join(e, d.Close())
	}
	if err := d.unlock(ctx, home, ask); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *device) unlock(ctx context.Context, home string, ask asker) error {
	header, err := d.store.Header()
	if err != nil {
		return storeError(home, err)
	}
	if err := keeper.CheckHeader(header); err != nil {
		return api.AsError(fmt.Errorf("the store's header is damaged: %w", err)).WithHint("`warifu fsck` says more")
	}
	if d.keeper, err = openKeeper(ctx, d.guard(), header, ask); err != nil {
		return err
	}
	if err := d.store.Attach(d.keeper); err != nil {
		return storeError(home, err)
	}
	if err := d.keeper.OpenEpochKeys(filepath.Join(home, epochsName)); err != nil {
		return storeError(home, err)
	}
	return nil
}

// guard counts the wrong passphrases of this device in its store.
func (d *device) guard() keeper.Guard { return keeper.Guard{Store: d.store, Uptime: uptime} }

// Close wipes keys and closes the store.
func (d *device) Close() error {
	if d.keeper != nil {
		d.keeper.Close()
	}
	return d.store.Close()
}

// storeError says in words why a store cannot be used.
func storeError(home string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return api.Errorf(api.CodeNoDevice, "there is no device in %s", home).
			WithHint("make one with `warifu init --name NAME`, or say where it is with --home")
	case errors.Is(err, fs.ErrPermission):
		if e := foreign(home); e != nil {
			return e
		}
		return api.Errorf(api.CodeRefused, "%s", plain(err)).WithHint("run warifu as the user whose device this is, on a disk that can be written to")
	case errors.Is(err, syscall.EROFS):
		return api.Errorf(api.CodeRefused, "the disk that %s is on cannot be written to", home).
			WithHint("`warifu fsck` needs no write; a device does")
	case errors.Is(err, boltstore.ErrInUse):
		return api.Errorf(api.CodeAlreadyRunning, "another warifu runs in %s", home).
			WithHint("use it, or stop it first; `warifu status` shows it")
	case errors.Is(err, boltstore.ErrDamaged), errors.Is(err, keeper.ErrDamaged):
		return api.Errorf(api.CodeStoreDamaged, "%s", plain(err)).
			WithHint("`warifu fsck --passphrase-file FILE` says what is wrong; nothing was changed")
	case errors.Is(err, boltstore.ErrNewer):
		return api.Errorf(api.CodeRefused, "%s", plain(err)).WithHint("install the version that wrote it, or a newer one")
	case errors.Is(err, boltstore.ErrUnfit):
		return api.Errorf(api.CodeRefused, "%s", plain(err)).WithHint("take the others' rights away: chmod -R go= %s", home)
	}
	return err
}

// plain is the text of a store's error without what only its makers look for.
func plain(err error) string {
	text := err.Error()
	for _, where := range []string{"boltstore: ", "attach: ", "open: ", "fsck: "} {
		text = strings.TrimPrefix(text, where)
	}
	return text
}

// exists reports whether there is something at path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
