package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/node/api"
)

// Kinds of findings.
const (
	findingDamage = "damage" // what was written is not there
	findingAccess = "access" // others may read it, or its person may not
	findingUnread = "unread" // it could not be looked at
	findingNote   = "note"   // worth knowing
)

// A finding is one thing that fsck has to say.
type finding struct {
	Kind   string `json:"kind"`
	Damage bool   `json:"damage"` // Kind is findingDamage
	What   string `json:"what"`
	Hint   string `json:"hint,omitempty"`
}

func damage(what, hint string) finding {
	return finding{Kind: findingDamage, Damage: true, What: what, Hint: hint}
}

func fsckCmd(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "fsck",
		Short: "Check this device's store and change nothing",
		Long: `Fsck checks the store of a device whose daemon is stopped, and says in words
what is wrong with it, all of it at once, and whether others may read its files.
With the passphrase it also opens every record, and checks that the device could
start from them. It writes nothing and works on a copy or a disk that is
read-only, but for a wrong passphrase, which is counted where that is possible.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			found, err := checkup{a.home, &a.con, a.passphrases()}.run(cmd.Context(), file)
			if err != nil {
				return err
			}
			out := struct {
				OK       bool              `json:"ok"`
				Findings api.List[finding] `json:"findings"`
			}{true, found}
			for _, f := range found {
				out.OK = out.OK && f.Kind == findingNote
			}
			err = a.con.result(out, func(w io.Writer) {
				for _, f := range found {
					fmt.Fprintf(w, "%s\n", esc(f.What))
					if f.Hint != "" {
						fmt.Fprintf(w, "  hint: %s\n", esc(f.Hint))
					}
				}
				fmt.Fprintln(w, verdict(found, file != ""))
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

// verdict says what the findings come to.
func verdict(found []finding, opened bool) string {
	has := func(kind string) bool {
		return slices.ContainsFunc(found, func(f finding) bool { return f.Kind == kind })
	}
	text := "the store is sound"
	if !opened {
		text += ", as far as can be seen without the passphrase (--passphrase-file)"
	}
	switch {
	case has(findingDamage):
		text = "the store is damaged"
	case has(findingUnread):
		return "the store could not be looked at"
	}
	if has(findingAccess) {
		text += "; who may read its files is not as it must be: nothing is lost by that, and the hints above mend it"
	}
	return text
}

// A checkup looks at the device in a home whose daemon is stopped.
type checkup struct {
	home string
	con  *console
	pass *passphrases
}

// run says all that can be seen from outside and, given the passphrase and pages
// that can be read, in the records.
func (c checkup) run(ctx context.Context, passFile string) ([]finding, error) {
	checks := boltstore.Checks{Header: keeper.CheckHeader}
	found := accessFindings(c.home)
	store, err := c.store(checks)
	if api.CodeOf(err) == api.CodeRefused && len(found) > 0 {
		return append(found, finding{Kind: findingUnread, What: err.Error(), Hint: "run fsck as the user to whom the files belong, or as root"}), nil
	}
	if err != nil {
		return nil, err
	}
	if passFile == "" || damaged(store) {
		return c.epochKeys(append(found, store...), nil)
	}
	d, err := c.openToRead(ctx, passFile)
	if err != nil {
		return nil, err
	}
	defer d.keeper.Close()
	checks.Records = d.keeper
	if store, err = c.store(checks); err == nil {
		found, err = c.epochKeys(append(found, store...), d.keeper)
	}
	if err == nil && !damaged(store) {
		if err = d.store.Attach(d.keeper); err == nil {
			found = append(found, c.device(d)...)
		}
	}
	return found, errors.Join(err, d.store.Close())
}

// openToRead opens the device as far as that takes no write. A wrong passphrase
// is counted before it is told, where there is something to count it in: whoever
// has a copy that cannot be written to could as well make one more.
func (c checkup) openToRead(ctx context.Context, passFile string) (*device, error) {
	path := filepath.Join(c.home, storeName)
	store, err := boltstore.OpenToRead(path)
	if err != nil {
		return nil, storeError(c.home, err)
	}
	header, err := store.Header()
	var stored []byte
	if err == nil {
		stored, err = store.Tries()
	}
	if err != nil {
		return nil, errors.Join(storeError(c.home, err), store.Close())
	}
	held := keeper.NewHeldGuard(stored, uptime)
	k, err := openKeeper(ctx, held, header, c.pass.opening(ctx, passFile))
	if err == nil {
		k.ReadEpochKeys(filepath.Join(c.home, epochsName))
		return &device{store, k}, nil
	}
	// The lock of the one that reads is in the way of the one that counts.
	err = errors.Join(err, store.Close())
	if api.CodeOf(err) == api.CodeWrongPass {
		if store, err := boltstore.Open(path); err == nil {
			_ = held.Store(store)
			_ = store.Close()
		}
	}
	return nil, err
}

// device reads all that a daemon reads when it starts.
func (c checkup) device(d *device) []finding {
	n, err := node.Open(node.Config{Journal: d.store, Keeper: spokenKeeper{&keeper.Guarded{Keeper: d.keeper}}, Rand: rand.Reader})
	if err != nil {
		return []finding{damage("the device cannot start from its records: "+err.Error(), "")}
	}
	c.con.note("device %s, %s", esc(n.Name()), n.Device())
	if err := n.CheckShares(); err != nil {
		return []finding{damage("the device cannot sign: "+err.Error(), shareHint)}
	}
	return nil
}

const shareHint = "\"warifu refresh\" on another device of the circle deals it a new share"

// epochKeys adds what is wrong with the files of epoch keys. With a keeper
// it opens each of them. A key that does not open is no damage in itself: a
// device that stops while it destroys one leaves it so, and goes on when it
// starts. If a share is lost with it, [node.Node.CheckShares] says so.
func (c checkup) epochKeys(found []finding, k *keeper.Keeper) ([]finding, error) {
	said, err := keeper.CheckEpochKeys(filepath.Join(c.home, epochsName), k)
	if errors.Is(err, fs.ErrPermission) {
		found, err = append(found, finding{Kind: findingAccess, What: strings.TrimPrefix(err.Error(), "keeper: "), Hint: "run fsck as the user to whom the home belongs"}), nil
	}
	for _, what := range said {
		found = append(found, finding{Kind: findingNote, What: what})
	}
	return found, err
}

func (c checkup) store(checks boltstore.Checks) ([]finding, error) {
	list, err := boltstore.Fsck(filepath.Join(c.home, storeName), checks)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, boltstore.ErrInUse) || errors.Is(err, fs.ErrPermission) {
		err = storeError(c.home, err)
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
		kind := findingNote
		if f.Damage {
			kind = findingDamage
		}
		out = append(out, finding{kind, f.Damage, f.What, f.Hint})
	}
	return out, nil
}

func damaged(found []finding) bool {
	return slices.ContainsFunc(found, func(f finding) bool { return f.Damage })
}
