package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func (a *app) joinCmd() *cobra.Command {
	var args api.JoinArgs
	var yes bool
	cmd := &cobra.Command{
		Use:   "join INVITATION",
		Short: "Join a circle that invites this device",
		Long: `Join answers an invitation that another device shows: the text, or its code of
8 digits. A code is looked for on the local network, or with --at at an address
that the other device shows. It returns when the circle stands.`,
		Example: "  warifu join 1234-5678",
		Args:    one("an invitation or a code"),
		RunE: func(cmd *cobra.Command, argv []string) error {
			args.Invitation = argv[0]
			return a.call(func(c *api.Client) error {
				return a.ceremony(cmd.Context(), c, yes, func(ctx context.Context, emit func(api.Event)) (api.Circle, error) {
					return c.Join(ctx, args, emit)
				})
			})
		},
	}
	cmd.Flags().StringVar(&args.At, "at", "", "multiaddress of the device that shows the code")
	cmd.Flags().BoolVar(&yes, "yes", false, "confirm the names and words without asking")
	return cmd
}
