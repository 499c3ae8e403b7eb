package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) vetoCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "veto DEVICE",
		Short: "Object to the removal of a silent device",
		Long: `Veto postpones the removal of a device that has been silent for so long that the
circle is about to go on without it: by 30 days, twice at most. It does not help
a device that a person called lost.`,
		Args:              one("the name of a device"),
		ValidArgsFunction: a.deviceArgs(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(func(c *api.Client) error { return a.veto(cmd.Context(), c, &ch, args[0]) })
		},
	}
	ch.flags(cmd)
	return cmd
}

func (a *app) veto(ctx context.Context, c *api.Client, ch *change, name string) error {
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
	r, err := c.Veto(ctx, api.DeviceArgs{PresenceArgs: p, Device: d.Name})
	if err != nil {
		return err
	}
	return a.result(epochResult{s.Epoch, r}, func(w io.Writer) {
		fmt.Fprintf(w, "%s stays for now; `warifu status` says how long\n", esc(d.Name))
	})
}
