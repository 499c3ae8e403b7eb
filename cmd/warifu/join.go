package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func joinCmd(a *app) *cobra.Command {
	var args api.JoinArgs
	var yes bool
	cmd := &cobra.Command{
		Use:   "join [-]",
		Short: "Join a circle that invites this device",
		Long: `Join answers an invitation that another device shows: the text, or its code of
8 digits. It asks for it, or reads it from the first line of standard input if
that is no terminal, or with "-"; never from its arguments, which other users of
this machine see. A code is looked for on the local network, or with --at at an
address that the other device shows. It returns when the circle stands.`,
		Example: `  warifu join
  warifu join - < invitation`,
		Args: noInvitation,
		RunE: func(cmd *cobra.Command, argv []string) (err error) {
			if args.Invitation, err = readInvitation(cmd.Context(), &a.con, len(argv) > 0); err != nil {
				return err
			}
			return a.call(func(c *api.Client) error {
				return ceremony{&a.con, c, yes}.run(cmd.Context(), func(ctx context.Context, emit func(api.Event)) (api.Circle, error) {
					return c.Join(ctx, args, emit)
				})
			})
		},
	}
	cmd.Flags().StringVar(&args.At, "at", "", "multiaddress of the device that shows the code")
	cmd.Flags().BoolVar(&yes, "yes", false, "confirm the names and words without asking")
	return cmd
}

// noInvitation takes nothing but a "-". An invitation is a secret as long as it
// can be used, its code no less: whoever reads one can come in its device's place.
func noInvitation(_ *cobra.Command, args []string) error {
	if len(args) == 0 || len(args) == 1 && args[0] == "-" {
		return nil
	}
	return withHint(usagef("an invitation or a code is not taken from the arguments, where other users of this machine can see it"),
		"type `warifu join` alone and give it when asked, or write it to standard input: warifu join - < FILE")
}

// readInvitation asks for an invitation or a code, or takes it from standard input
// without a question.
func readInvitation(ctx context.Context, con *console, piped bool) (string, error) {
	var text string
	var err error
	if _, ok := terminalOf(con.stdin); ok && !piped {
		text, err = con.ask(ctx, "invitation or code:")
	} else {
		var line []byte
		line, err = con.input().line(ctx)
		text = strings.TrimSpace(string(line))
	}
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, errLineTooLong):
		return "", api.Errorf(api.CodeBadInvitation, "the line is too long for an invitation")
	case err != nil || text == "":
		return "", withHint(usagef("an invitation or a code is needed"), "type it when asked, or write it to standard input: warifu join - < FILE")
	}
	return text, nil
}
