package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func thawCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "thaw",
		Short: "Let a frozen circle sign again, if enough people agree",
		Long: `Thaw undoes a freeze once enough people have confirmed it, as many as must sign:
this one here, the others with "warifu approve" or "warifu thaw" on theirs.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ch.run(cmd.Context(), func(c *api.Client, _ api.Status) error {
				var id string
				r, err := carryOut(cmd.Context(), ch, c, api.PreviewArgs{Kind: api.KindThaw}, "", func(p api.PresenceArgs) (api.Request, error) {
					return c.Thaw(cmd.Context(), p, func(e api.Event) {
						if e.Event == api.EventRequest {
							id = e.ID
						}
						a.con.event(e)
					})
				})
				if err != nil {
					return changeOpen(err, id)
				}
				return a.con.result(frozenResult{false, r}, func(w io.Writer) { fmt.Fprintln(w, "thawed: the circle signs again") })
			})
		},
	}
	ch.flags(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}
