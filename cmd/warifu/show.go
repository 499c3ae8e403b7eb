package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func showCmd(a *app) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show a request in words, and what came of it",
		Long: `Show prints what a request asks, as this device understands it. ID may be the
first digits of the id, four at least. With --wait it goes on waiting for the
signature of a request whose "warifu sign" was interrupted, or until a change of
the circle took effect.`,
		Args:              one("the id of a request"),
		ValidArgsFunction: requestIDs(a, false),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.call(func(c *api.Client) error {
				if wait {
					r, err := c.Request(cmd.Context(), args[0])
					if err != nil {
						return err
					}
					if api.ChangesCircle(r.Kind) {
						return awaitChange(cmd.Context(), &a.con, c, r)
					}
					sig, err := c.Wait(cmd.Context(), args[0], a.con.event)
					if err != nil {
						return stillOpen(err, args[0])
					}
					return printSignature(&a.con, sig)
				}
				r, err := c.Request(cmd.Context(), args[0])
				if err != nil {
					return err
				}
				return a.con.result(r, func(w io.Writer) { printRequest(w, r) })
			})
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait for the signature and print it")
	return cmd
}

// changePoll is how often a change of the circle is looked at while somebody
// waits for it.
const changePoll = 250 * time.Millisecond

// awaitChange waits until a change of the circle took effect, or cannot.
func awaitChange(ctx context.Context, con *console, c *api.Client, r api.Request) error {
	for r.State != api.StateDone {
		switch r.State {
		case api.StateDenied:
			return api.Errorf(api.CodeDenied, "%s", stateText(r))
		case api.StateExpired:
			return api.Errorf(api.CodeExpired, "too few said yes in time, or it was thawed").WithHint("nothing has changed; ask again")
		}
		select {
		case <-ctx.Done():
			return changeOpen(ctx.Err(), r.ID)
		case <-time.After(changePoll):
		}
		var err error
		if r, err = c.Request(ctx, r.ID); err != nil {
			return changeOpen(err, r.ID)
		}
	}
	return con.result(r, func(w io.Writer) { printRequest(w, r) })
}

// printMeaning says what a request asks: the same to whoever asks and whoever
// approves.
func printMeaning(w io.Writer, summary string, warnings []string, meant []api.Line) {
	width := columns(w)
	sentence(w, esc(summary), width)
	fmt.Fprintln(w)
	for _, warning := range warnings {
		sentence(w, "! "+esc(warning), width)
	}
	if len(warnings) > 0 {
		fmt.Fprintln(w)
	}
	lines := make([][2]string, len(meant))
	for i, l := range meant {
		lines[i] = [2]string{esc(l.Label), esc(l.Text)}
	}
	lay(w, lines, width)
	fmt.Fprintln(w)
}

func printRequest(w io.Writer, r api.Request) {
	printMeaning(w, r.Summary, r.Warnings, r.Lines)
	width := columns(w)
	var rows [][2]string
	add := func(label, text string) {
		if text != "" {
			rows = append(rows, [2]string{label, esc(text)})
		}
	}
	add("request", r.ID)
	add("signs with", strings.TrimSpace(r.Account+" "+r.Address))
	if !api.ChangesCircle(r.Kind) { // what a change is about begins with it
		add("asked by", r.From)
	}
	add("asked", date(r.Created))
	add("state", stateText(r))
	add("approved by", escAll(r.ApprovedBy))
	add("denied by", escAll(r.DeniedBy))
	if r.State == api.StatePending {
		add("expires", date(r.Expires)+", "+until(r.Expires))
	}
	if s := r.Signature; s != nil {
		add("signed by", escAll(s.Signers))
		if s.Kind != api.KindFile {
			add("signature", s.Signature)
		}
		if len(s.Hash) > 0 {
			add("hash", s.Hash.String())
		}
	}
	lay(w, rows, width)
	if s := r.Signature; s != nil && s.Kind == api.KindFile {
		fmt.Fprintf(w, "\n%s\n", escLines(s.Signature))
	}
}
