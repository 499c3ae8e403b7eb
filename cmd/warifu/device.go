package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

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
	if d.keeper, err = (guard{d.store, uptime}).open(ctx, header, ask); err != nil {
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

// A guard slows down whoever tries passphrases at the keyboard.
type guard struct {
	store  *boltstore.Store
	uptime func() time.Duration
}

// open tries what ask returns until it opens the header, or ask gives up.
func (g guard) open(ctx context.Context, header []byte, ask asker) (*keeper.Keeper, error) {
	var failed error
	for {
		left, err := g.left()
		if err != nil {
			return nil, err
		}
		pass, err := ask(failed, left)
		if err != nil {
			return nil, err
		}
		// Who interrupts a try does not wait for its end. It was counted.
		k, err := await(ctx, func() (k *keeper.Keeper, err error) {
			defer clear(pass)
			err = g.try(func() (err error) {
				k, err = keeper.Unlock(header, pass)
				return err
			})
			return k, err
		})
		if err == nil || api.CodeOf(err) != api.CodeWrongPass {
			if err != nil && k != nil {
				k.Close()
			}
			return k, err
		}
		failed = err
	}
}

// tries reads the count. A count that is damaged asks for the longest wait.
func (g guard) tries() (keeper.Tries, error) {
	stored, err := g.store.Tries()
	if err != nil {
		return keeper.Tries{}, err
	}
	up := g.uptime()
	// Damaged, of an older form, or of before the machine was started: what the
	// wait is counted from must not move with each look at it.
	t, _ := keeper.ParseTries(stored, up)
	t = t.At(up)
	if len(stored) > 0 && !bytes.Equal(t.Bytes(), stored) {
		return t, g.store.SetTries(t.Bytes())
	}
	return t, nil
}

// left is how long no passphrase is taken.
func (g guard) left() (time.Duration, error) {
	t, err := g.tries()
	return t.Wait(g.uptime()), err
}

// try counts a try as a failure before it is made, so that killing the process
// wins nothing, and forgets the count if it was none.
func (g guard) try(unlock func() error) error {
	t, err := g.tries()
	if err != nil {
		return err
	}
	t = t.Failed(g.uptime())
	if err := g.store.SetTries(t.Bytes()); err != nil {
		return fmt.Errorf("count the try: %w", err)
	}
	err = unlock()
	switch {
	case errors.Is(err, keeper.ErrPassphrase):
		return wrongPassphrase(t.Failures(), t.Wait(g.uptime()))
	case err != nil && !locked(err):
		return err
	}
	// It was the right one, whatever else was said meanwhile.
	if err := g.store.SetTries(nil); err != nil {
		return fmt.Errorf("forget the tries: %w", err)
	}
	if locked(err) {
		return api.Errorf(api.CodeLocked, "this device was locked meanwhile, and stays so").WithHint("`warifu unlock` brings its shares back")
	}
	return nil
}

func wrongPassphrase(failures int, left time.Duration) *api.Error {
	e := api.Errorf(api.CodeWrongPass, "the passphrase is wrong")
	if left > 0 {
		return e.WithHint("that was number %d; the next try is possible in %v", failures, left.Round(time.Second))
	}
	return e.WithHint("check the keyboard's layout and try again")
}

func locked(err error) bool {
	return errors.Is(err, keeper.ErrLocked) || errors.Is(err, keeper.ErrLockedSince)
}

// A guardedKeeper counts the tries of the running daemon, too.
type guardedKeeper struct {
	*keeper.Keeper
	guard guard

	// trying is held from looking at the count to having counted: calls that
	// come at once must not pass for one try.
	trying sync.Mutex
}

// Unlock brings the shares back, unless they are locked while it waits for its
// turn or for the passphrase to be tried.
func (k *guardedKeeper) Unlock(passphrase []byte) error {
	return k.unlockSince(k.Locks(), passphrase)
}

// unlockSince is Unlock as of when the shares had been locked so often.
func (k *guardedKeeper) unlockSince(locks uint64, passphrase []byte) error {
	return k.counted(func() error { return k.UnlockUnlessLocked(locks, passphrase) })
}

// Prove checks the passphrase and brings nothing back.
func (k *guardedKeeper) Prove(passphrase []byte) error {
	return k.counted(func() error { return k.Keeper.Prove(passphrase) })
}

func (k *guardedKeeper) counted(try func() error) error {
	k.trying.Lock()
	defer k.trying.Unlock()
	if err := k.early(); err != nil {
		return err
	}
	return k.guard.try(try)
}

// early says that it is too early for another try. The caller holds trying.
func (k *guardedKeeper) early() error {
	left, err := k.guard.left()
	if err == nil && left > 0 {
		err = tooEarly(left)
	}
	return err
}

// MayUnlock says why it is too early for another try, or nil.
func (k *guardedKeeper) MayUnlock() error {
	k.trying.Lock()
	defer k.trying.Unlock()
	return k.early()
}

// exists reports whether there is something at path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
