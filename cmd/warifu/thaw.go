package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) thawCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "thaw",
		Short: "Let a frozen circle sign again, if the quorum agrees",
		Long: `Thaw undoes a freeze as soon as as many persons as must sign have said so: this
one here, the others with "warifu approve" or "warifu thaw" on their devices.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ch.checkTimeout(); err != nil {
				return err
			}
			return a.call(func(c *api.Client) error {
				if _, err := inCircle(cmd.Context(), c); err != nil {
					return err
				}
				if _, err := c.Thaw(cmd.Context(), beforehand(), a.event); err != nil {
					return err
				}
				if err := a.foretell(cmd.Context(), c, &ch, api.PreviewArgs{Kind: api.KindThaw}); err != nil {
					return err
				}
				p, err := a.present(cmd.Context(), &ch)
				if err != nil {
					return err
				}
				defer clear(p.Passphrase)
				var id string
				r, err := c.Thaw(cmd.Context(), p, func(e api.Event) {
					if e.Event == api.EventRequest {
						id = e.ID
					}
					a.event(e)
				})
				if err != nil {
					return changeOpen(err, id)
				}
				return a.result(frozenResult{false, r}, func(w io.Writer) { fmt.Fprintln(w, "thawed: the circle signs again") })
			})
		},
	}
	ch.flags(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}
