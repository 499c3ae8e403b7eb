package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

func initCmd(a *app) *cobra.Command {
	var name, kind, file string
	cmd := &cobra.Command{
		Use:   "init --name NAME",
		Short: "Make this machine a device",
		Long: `Init draws this device's keys and puts them, sealed under a passphrase, into its
home. The device is in no circle yet: "warifu up" runs it, then "warifu found"
or "warifu join".`,
		Example: "  warifu init --name laptop --kind laptop",
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if name == "" {
				return usagef("--name is needed")
			}
			if err := node.CheckNewName(name); err != nil {
				return usagef("%s", strings.TrimPrefix(err.Error(), "node: "))
			}
			k, err := roster.ParseKind(kind)
			if err != nil {
				return usagef("%s", strings.TrimPrefix(err.Error(), "roster: "))
			}
			return makeDevice(cmd.Context(), a, name, k, file)
		},
	}
	f := cmd.Flags()
	f.StringVar(&name, "name", "", "what your other devices call this one")
	f.StringVar(&kind, "kind", string(roster.Laptop), "phone, laptop, tablet, desktop, server or browser")
	passphraseFlag(cmd, &file)
	complete(cmd, "kind", roster.Phone, roster.Laptop, roster.Tablet, roster.Desktop, roster.Server, roster.Browser)
	return cmd
}

// makeDevice makes a device in a.home. It asks for nothing before it is clear
// that there is room for one.
func makeDevice(ctx context.Context, a *app, name string, kind roster.Kind, passFile string) error {
	if _, err := api.SocketPath(a.home); err != nil {
		return err
	}
	a.warnRoot()
	if err := prepareHome(a.home); err != nil {
		return err
	}
	pass, err := a.passphrases().newPassphrase(ctx, passFile)
	if err != nil {
		return err
	}
	defer clear(pass)
	id, err := draftDevice(a.home, name, kind, pass)
	if err != nil {
		return err
	}
	out := struct {
		Device string `json:"device"`
		Name   string `json:"name"`
		Kind   string `json:"kind"`
		Home   string `json:"home"`
	}{id, name, string(kind), a.home}
	return a.con.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s (%s) is a device now: %s\n", esc(name), kind, shortID(id))
		fmt.Fprintf(w, "its home is %s; nobody can open it without the passphrase, not even you\n", esc(a.home))
		a.con.note("next: `warifu up` runs it")
	})
}

// prepareHome makes the home, or checks that an existing one holds no device
// and nothing of one. What it finds may not last until the passphrase is typed:
// draftDevice looks again.
func prepareHome(home string) error {
	if err := noStore(home); err != nil {
		return err
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return fmt.Errorf("make the home: %w", err)
	}
	if err := boltstore.CheckDir(home); err != nil {
		return storeError(home, err)
	}
	drafts, err := exists(filepath.Join(home, draftName))
	if err != nil {
		return fmt.Errorf("look into the home: %w", err)
	}
	if drafts {
		return discardDraft(home)
	}
	return noKeys(home)
}

// noStore refuses a home that holds a device.
func noStore(home string) error {
	there, err := exists(filepath.Join(home, storeName))
	if err != nil {
		return fmt.Errorf("look into the home: %w", err)
	}
	if there {
		return api.Errorf(api.CodeDeviceExists, "there is a device in %s already", home).
			WithHint("run it with `warifu up`, or choose another home with --home")
	}
	return nil
}

// noKeys refuses a home with epoch keys and without a store: somebody moved the
// store away, and it may come back. It would be worth nothing without these.
func noKeys(home string) error {
	keys, err := exists(filepath.Join(home, epochsName))
	if err != nil {
		return fmt.Errorf("look into the home: %w", err)
	}
	if keys {
		return api.Errorf(api.CodeDeviceExists, "%s holds the keys of a device, but not its store %s", home, storeName).
			WithHint("put the store back, or choose another home with --home")
	}
	return nil
}

// discardDraft removes what an interrupted init left. It was never a device:
// that takes a store under its real name.
func discardDraft(home string) error {
	draft := filepath.Join(home, draftName)
	// Opening it takes its lock: another init may be at work.
	store, err := boltstore.Open(draft)
	if errors.Is(err, boltstore.ErrInUse) {
		return api.Errorf(api.CodeAlreadyRunning, "another init is at work in %s", home)
	}
	if err == nil {
		defer store.Close()
	}
	// The init that was at work may have come to its end while the lock was
	// waited for. What has become a device keeps its keys.
	if err := noStore(home); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(home, epochsName)); err != nil {
		return fmt.Errorf("remove an unfinished device: %w", err)
	}
	if err := os.Remove(draft); err != nil {
		return fmt.Errorf("remove an unfinished device: %w", err)
	}
	return nil
}

// draftDevice makes the device beside its final name, and gives it that name
// when it is complete. A crash leaves a draft or a device, nothing in between.
func draftDevice(home, name string, kind roster.Kind, pass []byte) (string, error) {
	k, header, err := keeper.Create(rand.Reader, pass, keeper.ParamsFor(string(kind)))
	if errors.Is(err, keeper.ErrBadPassphrase) {
		return "", api.Errorf(api.CodeBadArgument, "%v", err)
	}
	if err != nil {
		return "", err
	}
	defer k.Close()
	draft := filepath.Join(home, draftName)
	store, err := boltstore.Create(draft, header)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, boltstore.ErrInUse) {
		return "", api.Errorf(api.CodeAlreadyRunning, "another init is at work in %s", home)
	}
	if err != nil {
		return "", storeError(home, err)
	}
	// The home was looked at before somebody typed a passphrase, which may have
	// taken a day. From here on nobody else makes a device in it: that takes the
	// name of the draft. A device that was made meanwhile must lose neither its
	// store nor the keys of its shares.
	if err := errors.Join(noStore(home), noKeys(home)); err != nil {
		return "", errors.Join(err, store.Close(), os.Remove(draft))
	}
	id, err := fillDevice(store, k, home, name, kind)
	if err != nil {
		return "", errors.Join(err, store.Close(), discardDraft(home))
	}
	if err := publish(store, draft, filepath.Join(home, storeName)); err != nil {
		return "", fmt.Errorf("finish the device: %w", err)
	}
	return id, syncDir(home)
}

// publish gives a complete draft its name, under the store's lock, so that
// another init does not take it for what an interrupted one left. Windows
// renames no file that is open.
func publish(store *boltstore.Store, draft, path string) error {
	if runtime.GOOS == "windows" {
		return errors.Join(store.Close(), os.Rename(draft, path))
	}
	return errors.Join(os.Rename(draft, path), store.Close())
}

func fillDevice(store *boltstore.Store, k *keeper.Keeper, home, name string, kind roster.Kind) (string, error) {
	if err := store.Attach(k); err != nil {
		return "", err
	}
	if err := k.OpenEpochKeys(filepath.Join(home, epochsName)); err != nil {
		return "", err
	}
	id, err := node.Init(store, spokenKeeper{&keeper.Guarded{Keeper: k}}, rand.Reader, name, kind)
	return id.Hex(), err
}
