package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func approveCmd(a *app) *cobra.Command {
	p := &approval{app: a}
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "Let the circle sign a request, or change",
		Long: `Approve shows what a request asks, as this device understands it, and asks you.
ID may be the first digits of the id, four at least. For a request that changes
the circle it asks for this device's passphrase, too.`,
		Args:              one("the id of a request"),
		ValidArgsFunction: requestIDs(a, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(func(c *api.Client) error { return p.run(cmd.Context(), c, args[0]) })
		},
	}
	cmd.Flags().BoolVar(&p.yes, "yes", false, "approve without asking")
	passphraseFlag(cmd, &p.file)
	return cmd
}

// An approval is one person's yes to a request.
type approval struct {
	app  *app
	yes  bool   // without a question
	file string // passphrase file
}

// run shows the request, asks, and approves it.
func (p *approval) run(ctx context.Context, c *api.Client, id string) error {
	con := &p.app.con
	r, err := c.MayApprove(ctx, id)
	if err != nil {
		return err
	}
	if con.json {
		con.say("request %s: %s", shortID(r.ID), esc(r.Summary))
		for _, warning := range r.Warnings {
			con.say("warning: %s", esc(warning))
		}
	} else {
		printRequest(con.stderr, r)
		// The warnings stand at the top, which a long request pushes out of sight.
		if n := len(r.Warnings); n > 0 {
			fmt.Fprintf(con.stderr, "\n! warnings above: %d\n", n)
		}
		fmt.Fprintln(con.stderr)
	}
	if p.yes {
		con.say("confirmed with --yes: request %s, %s", shortID(r.ID), esc(r.Summary))
	} else {
		ok, err := con.confirm(ctx, "Approve?")
		if err != nil {
			return err
		}
		if !ok {
			return api.Errorf(api.CodeNotConfirmed, "nothing was approved; request %s is still open", shortID(r.ID)).
				WithHint("`warifu deny %s` closes it on all devices", shortID(r.ID))
		}
	}
	// The full id of what was shown: a prefix might mean another by now.
	if r, err = p.send(ctx, c, r); err != nil {
		return err
	}
	return con.result(r, func(w io.Writer) {
		fmt.Fprintf(w, "approved: %s\n", esc(r.Summary))
	})
}

// send approves, with proof of the person's presence where a request wants
// that.
func (p *approval) send(ctx context.Context, c *api.Client, r api.Request) (api.Request, error) {
	if !api.ChangesCircle(r.Kind) {
		return c.Approve(ctx, r.ID)
	}
	pass, err := p.app.passphrases().passphrase(ctx, p.file)
	if err != nil {
		return r, err
	}
	defer clear(pass)
	return c.ApprovePresent(ctx, r.ID, pass)
}

func denyCmd(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "deny ID",
		Short: "Close a request on all devices",
		Long: `Deny closes a request on every device that hears of it: one no is enough. If a
part of the signature has left a device by then, the request may be signed all
the same. Deny says so if it left this device; if it left another, that one says
so when it hears of the denial, and requests and show tell it here.`,
		Args:              one("the id of a request"),
		ValidArgsFunction: requestIDs(a, true),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(func(c *api.Client) error {
				r, err := c.Deny(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.con.result(r, func(w io.Writer) {
					fmt.Fprintf(w, "denied: %s\n", esc(r.Summary))
					if r.State == api.StateReleased {
						fmt.Fprintln(w, "too late to be sure: a part of the signature had left a device, so it may be signed")
					}
				})
			})
		},
	}
}
