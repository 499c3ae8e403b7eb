package main

import (
	"context"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// An inviteResult is what came of an invitation.
type inviteResult struct {
	Invitation string     `json:"invitation"`
	Expires    *time.Time `json:"expires,omitempty"`
	api.Changed
}

func inviteCmd(a *app) *cobra.Command {
	ch := &change{app: a}
	var replace string
	cmd := &cobra.Command{
		Use:   "invite",
		Short: "Let one more device into the circle",
		Long: `Invite shows an invitation for one more device. When that device has answered
it with "warifu join", as many people as must sign approve it, and fresh
shares are dealt to all. With --replace the new device takes the place of one
that is gone, whose share is worth nothing from then on. Keys and addresses
stay the same.`,
		Example: `  warifu invite
  warifu invite --replace phone`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return ch.run(cmd.Context(), func(c *api.Client, s api.Status) error { return ch.invite(cmd.Context(), c, s, replace) })
		},
	}
	ch.flags(cmd)
	ch.yesFlag(cmd)
	ch.timeoutFlag(cmd, 2*waitForQuorum)
	a.con.noQRFlag(cmd)
	cmd.Flags().StringVar(&replace, "replace", "", "the device whose place the new one takes: its name, slot or fingerprint")
	// The flag exists: it was made on the line above.
	_ = cmd.RegisterFlagCompletionFunc("replace", deviceArgs(a, true))
	return cmd
}

// invite lets a device in, in place of the one that replace means, if any.
func (ch *change) invite(ctx context.Context, c *api.Client, s api.Status, replace string) error {
	what, question := api.PreviewArgs{Kind: api.KindAdd}, ""
	if replace != "" {
		d, err := findDevice(s, replace)
		if err != nil {
			return err
		}
		if d.This {
			return api.Errorf(api.CodeRefused, "%s is this device, which cannot replace itself", esc(d.Name)).
				WithHint("invite on another device, or invite first and `warifu leave` later")
		}
		what, question = api.PreviewArgs{Kind: api.KindReplace, Device: d.Device}, "Replace "+esc(d.Name)+"?"
	}
	var result inviteResult
	out, err := ch.redeal(ctx, c, what, question, func(p api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
		return c.Invite(ctx, api.InviteArgs{PresenceArgs: p, Replace: what.Device}, func(e api.Event) {
			if e.Event == api.EventInvitation {
				result.Invitation, result.Expires = e.Invitation, e.Expires
			}
			emit(e)
		})
	})
	if err != nil {
		return err
	}
	result.Changed = out
	return ch.app.con.result(result, func(w io.Writer) { printChanged(w, out) })
}
