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
	left := without(s.Devices, this)
	explanation := []string{
		fmt.Sprintf("%s, this device, leaves the circle %s:", esc(this.Name), shortID(s.Circle)),
		fmt.Sprintf("  %s get fresh shares without it, and it signs for the circle no more", escAll(left)),
		"  keys and addresses stay with them; it can come back only as a new device",
	}
	if len(left) == s.Threshold {
		explanation = append(explanation, fmt.Sprintf("  all of %s must sign then: losing one loses the accounts", escAll(left)))
	}
	ask := func() error { return a.agree(ctx, ch, "Shall "+esc(this.Name)+" leave?", explanation...) }
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
