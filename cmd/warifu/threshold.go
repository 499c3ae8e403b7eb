package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) thresholdCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "threshold T",
		Short: "Change how many devices must sign",
		Long: `Threshold deals fresh shares to the same devices, of which T must sign from
then on. As many persons as must sign now have to approve. Keys and addresses
stay the same. More than half of the devices must always sign.`,
		Example: `  warifu threshold 3`,
		Args:    one("how many devices must sign"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := strconv.ParseUint(args[0], 10, 8)
			if err != nil || t < 2 {
				return usagef("T is how many devices must sign: a number from 2 on")
			}
			if err := ch.checkTimeout(); err != nil {
				return err
			}
			return a.call(func(c *api.Client) error { return a.threshold(cmd.Context(), c, &ch, int(t)) })
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}

func (a *app) threshold(ctx context.Context, c *api.Client, ch *change, t int) error {
	s, err := inCircle(ctx, c)
	if err != nil {
		return err
	}
	n := len(s.Devices)
	ask := a.questions(ctx, c, ch, api.PreviewArgs{Kind: api.KindThreshold, Threshold: t}, fmt.Sprintf("Shall %d of %d sign?", t, n))
	out, err := a.redeal(ctx, ch, ask, func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return c.Threshold(ctx, api.ThresholdArgs{PresenceArgs: p, Threshold: t}, emit)
	})
	if err != nil {
		return err
	}
	return a.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "%d of %d devices must sign\n", out.Threshold, n)
		printChanged(w, out)
	})
}
