package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) retireCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "retire",
		Short: "Destroy old shares that are kept for a device that sleeps",
		Long: `Retire destroys the old shares that this device keeps because another slept when
fresh ones were dealt. That one still finds its fresh share when it wakes, from
whichever device has it. Each device retires for itself.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.call(func(c *api.Client) error { return a.retire(cmd.Context(), c, &ch) })
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	return cmd
}

func (a *app) retire(ctx context.Context, c *api.Client, ch *change) error {
	s, err := inCircle(ctx, c)
	if err != nil {
		return err
	}
	if _, err := c.Retire(ctx, beforehand()); err != nil {
		return err
	}
	if err := a.foretell(ctx, c, ch, api.PreviewArgs{Kind: api.KindRetire}); err != nil {
		return err
	}
	if err := a.agree(ctx, ch, "Shall they be destroyed?"); err != nil {
		return err
	}
	p, err := a.present(ctx, ch)
	if err != nil {
		return err
	}
	defer clear(p.Passphrase)
	out, err := c.Retire(ctx, p)
	if err != nil {
		return err
	}
	return a.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "this device holds no share of an epoch before %d\n", s.Epoch)
		fmt.Fprintf(w, "old shares on all devices: %s\n", oldShares(out.OldSharesAlive, out.OldSharesOut, out.OldSharesKey, out.OldSharesOn))
	})
}
