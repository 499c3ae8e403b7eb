package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/node/api"
)

// A finding is one thing that fsck has to say.
type finding struct {
	Damage bool   `json:"damage"`
	What   string `json:"what"`
	Hint   string `json:"hint,omitempty"`
}

func (a *app) fsckCmd() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "Check this device's store and change nothing",
		Long: `Fsck checks the store of a device whose daemon is stopped, and says in words
what is wrong with it. With the passphrase it also opens every record, and
checks that the device could start from them. It changes nothing but the count
of wrong passphrases.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := a.fsck(cmd.Context(), file)
			if err != nil {
				return err
			}
			out := struct {
				OK       bool              `json:"ok"`
				Findings api.List[finding] `json:"findings"`
			}{true, found}
			for _, f := range found {
				out.OK = out.OK && !f.Damage
			}
			err = a.result(out, func(w io.Writer) {
				for _, f := range found {
					fmt.Fprintf(w, "%s\n", esc(f.What))
					if f.Hint != "" {
						fmt.Fprintf(w, "  hint: %s\n", esc(f.Hint))
					}
				}
				switch {
				case !out.OK:
					fmt.Fprintln(w, "the store is damaged")
				case file == "":
					fmt.Fprintln(w, "the store is sound, as far as can be seen without the passphrase (--passphrase-file)")
				default:
					fmt.Fprintln(w, "the store is sound")
				}
			})
			if err == nil && !out.OK {
				return errSaid
			}
			return err
		},
	}
	passphraseFlag(cmd, &file)
	return cmd
}

// fsck checks what can be seen from outside and then, given the passphrase and
// nothing wrong so far, every record.
func (a *app) fsck(ctx context.Context, passFile string) ([]finding, error) {
	path := filepath.Join(a.home, storeName)
	found, err := a.checkStore(path, boltstore.Checks{Header: keeper.CheckHeader})
	if err != nil || passFile == "" || damaged(found) {
		if err == nil {
			found, err = a.checkEpochKeys(found, nil)
		}
		return found, err
	}
	d, err := openDevice(a.home, func() ([]byte, error) { return a.passphrase(ctx, passFile) })
	if api.CodeOf(err) == api.CodeStoreDamaged {
		return append(found, finding{Damage: true, What: err.Error(), Hint: "keep this home as it is, and replace the device: \"warifu invite --replace DEVICE\" on another"}), nil
	}
	if err != nil {
		return nil, err
	}
	// The store's lock is needed once more, so it is closed before its
	// records are checked; the keeper stays.
	deep, err := a.checkEpochKeys(a.checkDevice(d), d.keeper)
	if err := errors.Join(err, d.store.Close()); err != nil {
		return nil, err
	}
	defer d.keeper.Close()
	records, err := a.checkStore(path, boltstore.Checks{Header: keeper.CheckHeader, Records: d.keeper})
	return append(records, deep...), err
}

// checkDevice reads all that a daemon reads when it starts.
func (a *app) checkDevice(d *device) []finding {
	n, err := node.Open(node.Config{Journal: d.store, Keeper: &guardedKeeper{Keeper: d.keeper}})
	if err != nil {
		return []finding{{Damage: true, What: "the device cannot start from its records: " + err.Error()}}
	}
	a.note("device %s, %s", esc(n.Name()), n.Device())
	if err := n.CheckShares(); err != nil {
		return []finding{{Damage: true, What: "the device cannot sign: " + err.Error(), Hint: shareHint}}
	}
	return nil
}

const shareHint = "\"warifu refresh\" on another device of the circle deals it a new share"

// checkEpochKeys adds what is wrong with the files of epoch keys. With a keeper
// it opens each of them. A key that does not open is no damage in itself: a
// device that stops while it destroys one leaves it so, and goes on when it
// starts. If a share is lost with it, [node.Node.CheckShares] says so.
func (a *app) checkEpochKeys(found []finding, k *keeper.Keeper) ([]finding, error) {
	said, err := keeper.CheckEpochKeys(filepath.Join(a.home, epochsName), k)
	for _, what := range said {
		found = append(found, finding{What: what})
	}
	return found, err
}

func (a *app) checkStore(path string, checks boltstore.Checks) ([]finding, error) {
	list, err := boltstore.Fsck(path, checks)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, boltstore.ErrInUse) {
		err = storeError(a.home, err)
		if api.CodeOf(err) == api.CodeAlreadyRunning {
			err = api.AsError(err).WithHint("stop `warifu up` first: a store in use cannot be checked")
		}
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	var out []finding
	for _, f := range list {
		out = append(out, finding{f.Damage, f.What, f.Hint})
	}
	return out, nil
}

func damaged(found []finding) bool {
	for _, f := range found {
		if f.Damage {
			return true
		}
	}
	return false
}
