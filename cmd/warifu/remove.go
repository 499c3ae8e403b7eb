package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) removeCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "remove DEVICE",
		Short: "Agree to the removal of a silent device",
		Long: `Remove agrees to the removal of a device that has been silent for so long that the
circle counts it down. The countdown runs on; but then the device goes even where
the circle would ask first, and however short ago another was removed. A device
that is lost or stolen is for ` + "`warifu lost`" + `.`,
		Args:              one("the name of a device"),
		ValidArgsFunction: a.deviceArgs(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(func(c *api.Client) error { return a.remove(cmd.Context(), c, &ch, args[0]) })
		},
	}
	ch.flags(cmd)
	return cmd
}

func (a *app) remove(ctx context.Context, c *api.Client, ch *change, name string) error {
	s, err := inCircle(ctx, c)
	if err != nil {
		return err
	}
	d, err := findDevice(s, name)
	if err != nil {
		return err
	}
	p, err := a.present(ch)
	if err != nil {
		return err
	}
	defer clear(p.Passphrase)
	r, err := c.Remove(ctx, api.DeviceArgs{PresenceArgs: p, Device: d.Name})
	if err != nil {
		return err
	}
	return a.result(epochResult{s.Epoch, r}, func(w io.Writer) {
		fmt.Fprintf(w, "%s goes when its countdown is over; `warifu status` says when\n", esc(d.Name))
	})
}
