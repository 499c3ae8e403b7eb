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

func freezeCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "freeze",
		Short: "Stop all signing at once, on all devices",
		Long: `Freeze stops all signing at once, on every device that hears of it. One device
and one passphrase are enough. Undoing it, with "warifu thaw", needs as many
people as must sign.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ch.run(cmd.Context(), func(c *api.Client, s api.Status) error {
				question := "Freeze the circle " + shortID(s.Circle) + " now?"
				r, err := carryOut(cmd.Context(), ch, c, api.PreviewArgs{Kind: api.KindFreeze}, question, func(p api.PresenceArgs) (api.Request, error) {
					return c.Freeze(cmd.Context(), p)
				})
				if err != nil {
					return err
				}
				if s, err = c.Status(cmd.Context()); err != nil {
					return err
				}
				err = a.con.result(frozenResult{s.Frozen != "", r}, func(w io.Writer) {
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
