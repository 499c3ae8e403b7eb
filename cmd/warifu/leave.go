package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) leaveCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Take this device out of its circle",
		Long: `Leave has the other devices deal fresh shares among themselves, without this
one. What this device holds is worth nothing from then on. Keys and addresses
of the circle stay the same, and this device signs for them no more.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := ch.checkTimeout(); err != nil {
				return err
			}
			return a.call(func(c *api.Client) error { return a.leave(cmd.Context(), c, &ch) })
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}

func (a *app) leave(ctx context.Context, c *api.Client, ch *change) error {
	s, err := inCircle(ctx, c)
	if err != nil {
		return err
	}
	this := api.Device{Name: s.Name}
	for _, d := range s.Devices {
		if d.This {
			this = d
		}
	}
	ask := a.questions(ctx, c, ch, api.PreviewArgs{Kind: api.KindLeave}, "Shall "+esc(this.Name)+", this device, leave the circle "+shortID(s.Circle)+"?")
	out, err := a.redeal(ctx, ch, ask, func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return c.Leave(ctx, p, emit)
	})
	if err != nil {
		return err
	}
	return a.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s has left: it is in no circle\n", esc(this.Name))
		printChanged(w, out)
	})
}
