package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

type lockResult struct {
	Locked bool `json:"locked"`
}

func lockCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "lock",
		Short: "Forget this device's shares in memory",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(func(c *api.Client) error {
				if err := c.Lock(cmd.Context()); err != nil {
					return err
				}
				return a.con.result(lockResult{true}, func(w io.Writer) { fmt.Fprintln(w, "locked: this device signs nothing until `warifu unlock`") })
			})
		},
	}
}

func unlockCmd(a *app) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "unlock",
		Short: "Open this device's shares with the passphrase",
		Args:  nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(func(c *api.Client) error {
				// Ask the daemon first: nobody likes to type a passphrase
				// for nothing.
				if err := c.MayUnlock(cmd.Context()); err != nil {
					return err
				}
				for {
					pass, err := a.passphrases().passphrase(cmd.Context(), file)
					if err != nil {
						return err
					}
					err = c.Unlock(cmd.Context(), pass)
					clear(pass)
					if err == nil {
						break
					}
					if _, typed := terminalOf(a.con.stdin); file != "" || !typed || api.CodeOf(err) != api.CodeWrongPass {
						return err
					}
					a.con.note("%s", esc(err.Error()))
				}
				return a.con.result(lockResult{false}, func(w io.Writer) { fmt.Fprintln(w, "unlocked") })
			})
		},
	}
	passphraseFlag(cmd, &file)
	return cmd
}

func passphraseFlag(cmd *cobra.Command, file *string) {
	cmd.Flags().StringVar(file, "passphrase-file", "", "read the passphrase from the first line of this file")
}
