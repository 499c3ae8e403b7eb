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

func (a *app) refreshCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "refresh",
		Short: "Deal fresh shares to the same devices",
		Long: `Refresh deals fresh shares to the same devices: copies of the shares of before,
in a backup or on a disk that was read, are worth nothing from then on. Keys and
addresses stay the same.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ch.checkTimeout(); err != nil {
				return err
			}
			return a.call(func(c *api.Client) error {
				if _, err := inCircle(cmd.Context(), c); err != nil {
					return err
				}
				ask := a.questions(cmd.Context(), c, &ch, api.PreviewArgs{Kind: api.KindRefresh}, "")
				out, err := a.redeal(cmd.Context(), &ch, ask, func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
					return c.Refresh(cmd.Context(), p, emit)
				})
				if err != nil {
					return err
				}
				return a.result(out, func(w io.Writer) { printChanged(w, out) })
			})
		},
	}
	ch.flags(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}
