package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func retireCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "retire",
		Short: "Destroy old shares that are kept for a device that sleeps",
		Long: `Retire destroys the old shares that this device keeps because another slept when
fresh ones were dealt. That one still finds its fresh share when it wakes, from
whichever device has it. Each device retires for itself.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ch.run(cmd.Context(), func(c *api.Client, s api.Status) error { return ch.retire(cmd.Context(), c, s) })
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	return cmd
}

func (ch *change) retire(ctx context.Context, c *api.Client, s api.Status) error {
	out, err := carryOut(ctx, ch, c, api.PreviewArgs{Kind: api.KindRetire}, "Shall they be destroyed?", func(p api.PresenceArgs) (api.Changed, error) {
		return c.Retire(ctx, p)
	})
	if err != nil {
		return err
	}
	return ch.app.con.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "this device holds no share of an epoch before %d\n", s.Epoch)
		fmt.Fprintf(w, "old shares on all devices: %s\n", oldShares(out.OldSharesAlive, out.OldSharesOut, out.OldSharesKey, out.OldSharesOn))
	})
}
