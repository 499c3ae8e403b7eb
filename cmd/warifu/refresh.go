package main

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// waitForQuorum is how long a change waits for the other devices unless its
// person says otherwise.
const waitForQuorum = 5 * time.Minute

func refreshCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Deal fresh shares to the same devices",
		Long: `Refresh deals fresh shares to the same devices: copies of the previous shares,
in a backup or on a disk that was read, are worth nothing from then on. Keys and
addresses stay the same.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ch.run(cmd.Context(), func(c *api.Client, _ api.Status) error {
				out, err := ch.redeal(cmd.Context(), c, api.PreviewArgs{Kind: api.KindRefresh}, "", func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
					return c.Refresh(cmd.Context(), p, emit)
				})
				if err != nil {
					return err
				}
				return a.con.result(out, func(w io.Writer) { printChanged(w, out) })
			})
		},
	}
	ch.flags(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}
