package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func lostCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "lost DEVICE",
		Short: "Say that a device is lost: deal fresh shares without it",
		Long: `Lost freezes the circle at once. Once enough people have confirmed it on their
devices, as many as must sign, the devices that are left get fresh shares.
Keys and addresses stay the same; the share on the lost device is worth nothing
from then on. It wants this device's passphrase, as does the yes on the others:
"warifu approve" there.`,
		Example:           "  warifu lost phone",
		Args:              one("the name, slot or fingerprint of a device"),
		ValidArgsFunction: deviceArgs(a, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ch.run(cmd.Context(), func(c *api.Client, s api.Status) error { return ch.lost(cmd.Context(), c, s, args[0]) })
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	ch.timeoutFlag(cmd, waitForQuorum)
	return cmd
}

func (ch *change) lost(ctx context.Context, c *api.Client, s api.Status, name string) error {
	d, err := findDevice(s, name)
	if err != nil {
		return err
	}
	if d.This {
		return api.Errorf(api.CodeRefused, "%s is this device", esc(d.Name)).
			WithHint("`warifu leave` takes it out; if it is in wrong hands, say so on another one")
	}
	what := api.PreviewArgs{Kind: api.KindLost, Device: d.Device}
	out, err := ch.redeal(ctx, c, what, "Is "+esc(d.Name)+" lost, and is it to be removed?", func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return c.Lost(ctx, api.DeviceArgs{PresenceArgs: p, Device: d.Device}, emit)
	})
	if err != nil {
		return err
	}
	return ch.app.con.result(out, func(w io.Writer) {
		fmt.Fprintf(w, "%s is out, and the share that it has is dead\n", escAll(out.Removed))
		printChanged(w, out)
	})
}
