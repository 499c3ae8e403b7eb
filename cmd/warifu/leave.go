package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func leaveCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Take this device out of its circle",
		Long: `Leave has the other devices deal fresh shares among themselves, without this
one. What this device holds is worth nothing from then on. Keys and addresses
of the circle stay the same, and this device signs for them no more.`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ch.run(cmd.Context(), func(c *api.Client, s api.Status) error { return ch.leave(cmd.Context(), c, s) })
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}

func (ch *change) leave(ctx context.Context, c *api.Client, s api.Status) error {
	this := api.Device{Name: s.Name}
	for _, d := range s.Devices {
		if d.This {
			this = d
		}
	}
	question := "Shall " + esc(this.Name) + ", this device, leave the circle " + shortID(s.Circle) + "?"
	out, err := ch.redeal(ctx, c, api.PreviewArgs{Kind: api.KindLeave}, question, func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return c.Leave(ctx, p, emit)
	})
	if err != nil {
		return err
	}
	return ch.app.con.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s has left: it is in no circle\n", esc(this.Name))
		printChanged(w, out)
	})
}
