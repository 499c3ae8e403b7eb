package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) lostCmd() *cobra.Command {
	var ch change
	cmd := &cobra.Command{
		Use:   "lost DEVICE",
		Short: "Say that a device is lost: deal fresh shares without it",
		Long: `Lost freezes the circle at once and, as soon as as many persons as must sign
have said so on their devices, deals fresh shares to the devices that are left.
Keys and addresses stay the same; the share on the lost device is worth nothing
from then on. It wants this device's passphrase, as does the yes on the others:
"warifu approve" there.`,
		Example:           "  warifu lost phone",
		Args:              one("the name, slot or fingerprint of a device"),
		ValidArgsFunction: a.deviceArgs(true),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := ch.checkTimeout(); err != nil {
				return err
			}
			return a.call(func(c *api.Client) error { return a.lost(cmd.Context(), c, &ch, args[0]) })
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}

func (a *app) lost(ctx context.Context, c *api.Client, ch *change, name string) error {
	s, err := inCircle(ctx, c)
	if err != nil {
		return err
	}
	d, err := findDevice(s, name)
	if err != nil {
		return err
	}
	if d.This {
		return api.Errorf(api.CodeRefused, "%s is this device", esc(d.Name)).
			WithHint("`warifu leave` takes it out; if it is in wrong hands, say so on another one")
	}
	ask := a.questions(ctx, c, ch, api.PreviewArgs{Kind: api.KindLost, Device: d.Device}, "Is "+esc(d.Name)+" lost, and is it to be removed?")
	out, err := a.redeal(ctx, ch, ask, func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return c.Lost(ctx, api.DeviceArgs{PresenceArgs: p, Device: d.Device}, emit)
	})
	if err != nil {
		return err
	}
	return a.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s is out, and the share that it has is dead\n", escAll(out.Removed))
		printChanged(w, out)
	})
}
