package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// A frozenResult is what freeze and thaw print.
type frozenResult struct {
	Frozen  bool        `json:"frozen"`
	Request api.Request `json:"request"`
}

func (a *app) freezeCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "freeze",
		Short: "Stop all signing at once, on all devices",
		Long: `Freeze stops all signing at once, on every device that hears of it. One device
and one passphrase are enough. Undoing it, with "warifu thaw", needs as many
persons as must sign.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(func(c *api.Client) error {
				s, err := inCircle(cmd.Context(), c)
				if err != nil {
					return err
				}
				if _, err := c.Freeze(cmd.Context(), beforehand()); err != nil {
					return err
				}
				if err := a.foretell(cmd.Context(), c, &ch, api.PreviewArgs{Kind: api.KindFreeze}); err != nil {
					return err
				}
				if err := a.agree(cmd.Context(), &ch, "Freeze the circle "+shortID(s.Circle)+" now?"); err != nil {
					return err
				}
				p, err := a.present(cmd.Context(), &ch)
				if err != nil {
					return err
				}
				defer clear(p.Passphrase)
				r, err := c.Freeze(cmd.Context(), p)
				if err != nil {
					return err
				}
				if s, err = c.Status(cmd.Context()); err != nil {
					return err
				}
				err = a.result(frozenResult{s.Frozen != "", r}, func(w io.Writer) {
					if s.Frozen == "" {
						// Its person was overruled less than a day ago.
						fmt.Fprintln(w, "not frozen: a freeze of this device was thawed within 24 hours, and now it counts once a second device joins it: `warifu freeze` there")
						return
					}
					fmt.Fprintf(w, "frozen: nothing is signed until %d persons have said `warifu thaw`\n", s.Threshold)
				})
				if err == nil && s.Frozen == "" {
					return errSaid
				}
				return err
			})
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	return cmd
}
