package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node/api"
)

// What is in a home, beside the socket.
const (
	storeName  = "warifu.db"
	draftName  = "init.db" // a store that init has not finished
	epochsName = "epochs"  // the keeper's epoch keys
)

// A device is an open home: its store, and the keeper that opens what is in
// it. The store's lock makes this process the only one that has it open.
type device struct {
	store  *boltstore.Store
	keeper *keeper.Keeper
}

// openDevice opens home with the passphrase that ask returns. It does not ask
// if the passphrase would not help.
func openDevice(home string, ask func() ([]byte, error)) (*device, error) {
	store, err := boltstore.Open(filepath.Join(home, storeName))
	if err != nil {
		return nil, storeError(home, err)
	}
	d := &device{store: store}
	if err := d.unlock(home, ask); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *device) unlock(home string, ask func() ([]byte, error)) error {
	header, err := d.store.Header()
	if err != nil {
		return storeError(home, err)
	}
	if err := keeper.CheckHeader(header); err != nil {
		return api.AsError(fmt.Errorf("the store's header is damaged: %w", err)).WithHint("`warifu fsck` says more")
	}
	g := guard{store: d.store, now: now}
	if err := g.wait(); err != nil {
		return err
	}
	pass, err := ask()
	if err != nil {
		return err
	}
	defer clear(pass)
	err = g.try(func() (err error) {
		d.keeper, err = keeper.Unlock(header, pass)
		return err
	})
	if err != nil {
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
	for _, where := range []string{"boltstore: ", "attach: ", "open: "} {
		text = strings.TrimPrefix(text, where)
	}
	return text
}

// A guard slows down whoever tries passphrases at the keyboard.
type guard struct {
	store *boltstore.Store
	now   func() time.Time
}

// tries reads the count. A count that is damaged asks for the longest wait.
func (g guard) tries() (keeper.Tries, error) {
	stored, err := g.store.Tries()
	if err != nil {
		return keeper.Tries{}, err
	}
	now := g.now()
	t, err := keeper.ParseTries(stored, now)
	if err != nil {
		return t, g.store.SetTries(t.Bytes())
	}
	// The clock may have been set back: what is stored must not wait for it.
	if at := t.At(now); at != t {
		return at, g.store.SetTries(at.Bytes())
	}
	return t, nil
}

// wait refuses while it is too early for another try.
func (g guard) wait() error {
	t, err := g.tries()
	if err != nil {
		return err
	}
	if left := t.Wait(g.now()); left > 0 {
		return api.Errorf(api.CodeWrongPass, "%d wrong passphrases in a row; the next try is possible in %v", t.Failures(), left.Round(time.Second)).
			WithHint("wait, then take your time to type it")
	}
	return nil
}

// try counts a try as a failure before it is made, so that killing the process
// wins nothing, and forgets the count if it was none.
func (g guard) try(unlock func() error) error {
	t, err := g.tries()
	if err != nil {
		return err
	}
	t = t.Failed(g.now())
	if err := g.store.SetTries(t.Bytes()); err != nil {
		return fmt.Errorf("count the try: %w", err)
	}
	err = unlock()
	switch {
	case errors.Is(err, keeper.ErrPassphrase):
		e := api.Errorf(api.CodeWrongPass, "the passphrase is wrong")
		if left := t.Wait(g.now()); left > 0 {
			return e.WithHint("that was number %d; the next try is possible in %v", t.Failures(), left.Round(time.Second))
		}
		return e.WithHint("check the keyboard's layout and try again")
	case err != nil:
		return err
	}
	if err := g.store.SetTries(nil); err != nil {
		return fmt.Errorf("forget the tries: %w", err)
	}
	return nil
}

// A guardedKeeper counts the tries of the running daemon, too.
type guardedKeeper struct {
	*keeper.Keeper
	guard guard

	// trying is held from looking at the count to having counted: calls that
	// come at once must not pass for one try.
	trying sync.Mutex
}

// Unlock brings the shares back.
func (k *guardedKeeper) Unlock(passphrase []byte) error {
	k.trying.Lock()
	defer k.trying.Unlock()
	if err := k.guard.wait(); err != nil {
		return err
	}
	return k.guard.try(func() error { return k.Keeper.Unlock(passphrase) })
}

// MayUnlock says why it is too early for another try, or nil.
func (k *guardedKeeper) MayUnlock() error {
	k.trying.Lock()
	defer k.trying.Unlock()
	return k.guard.wait()
}

// exists reports whether there is something at path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}
