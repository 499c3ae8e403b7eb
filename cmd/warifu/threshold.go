package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func thresholdCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "threshold T",
		Short: "Change how many devices must sign",
		Long: `Threshold deals fresh shares to the same devices, of which T must sign from
then on. As many people as must sign now have to approve. Keys and addresses
stay the same. More than half of the devices must always sign.`,
		Example: `  warifu threshold 3`,
		Args:    one("how many devices must sign"),
		RunE: func(cmd *cobra.Command, args []string) error {
			t, err := strconv.ParseUint(args[0], 10, 8)
			if err != nil || t < 2 {
				return usagef("T is how many devices must sign: a number from 2 on")
			}
			return ch.run(cmd.Context(), func(c *api.Client, s api.Status) error {
				return ch.threshold(cmd.Context(), c, len(s.Devices), int(t))
			})
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}

// threshold has t of n devices sign.
func (ch *change) threshold(ctx context.Context, c *api.Client, n, t int) error {
	what := api.PreviewArgs{Kind: api.KindThreshold, Threshold: t}
	out, err := ch.redeal(ctx, c, what, fmt.Sprintf("Shall %d of %d sign?", t, n), func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return c.Threshold(ctx, api.ThresholdArgs{PresenceArgs: p, Threshold: t}, emit)
	})
	if err != nil {
		return err
	}
	return ch.app.con.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "%d of %d devices must sign\n", out.Threshold, n)
		printChanged(w, out)
	})
}
