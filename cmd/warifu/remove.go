package main

import (
	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func removeCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "remove DEVICE",
		Short: "Agree to the removal of a silent device",
		Long: `Remove agrees to the removal of a device that has been silent for so long that
the circle counts it down. The countdown runs on; but then the device goes even
where the circle would ask first, and however recently another was removed. A
device that is lost or stolen is for ` + "`warifu lost`" + `.`,
		Args:              one("the name, slot or fingerprint of a device"),
		ValidArgsFunction: deviceArgs(a, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ch.word(cmd.Context(), api.KindRemove, args[0], func(c *api.Client, d api.DeviceArgs) (api.Request, error) {
				return c.Remove(cmd.Context(), d)
			}, "goes when its countdown is over; `warifu status` says when")
		},
	}
	ch.flags(cmd)
	return cmd
}
