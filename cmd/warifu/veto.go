package main

import (
	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func vetoCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	cmd := &cobra.Command{
		Use:   "veto DEVICE",
		Short: "Object to the removal of a silent device",
		Long: `Veto postpones the removal of a device that has been silent for so long that the
circle is about to go on without it: by 30 days, twice at most. It does not help
a device that a person called lost.`,
		Args:              one("the name, slot or fingerprint of a device"),
		ValidArgsFunction: deviceArgs(a, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return ch.word(cmd.Context(), api.KindVeto, args[0], func(c *api.Client, d api.DeviceArgs) (api.Request, error) {
				return c.Veto(cmd.Context(), d)
			}, "stays for now; `warifu status` says how long")
		},
	}
	ch.flags(cmd)
	return cmd
}
