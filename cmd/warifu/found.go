package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

func foundCmd(a *app) *cobra.Command {
	var args api.FoundArgs
	var timers timers
	var yes, abandon bool
	cmd := &cobra.Command{
		Use:   "found --threshold T --devices N",
		Short: "Found a circle with this device as the first",
		Long: `Found makes a circle of N devices, any T of which sign. It shows one invitation
at a time until all have joined, then the keys are generated on all devices
together. Every device shows its person the same names and six words, and asks
before it says that it is ready. Only then does the circle's address exist.

The times after which a silent device is removed hold for the life of the
circle: --quiet, --suspect and --grace follow one another, and --online is a
part of --suspect.`,
		Example: "  warifu found --threshold 2 --devices 3",
		Args:    nothing,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if abandon {
				return setAside(cmd.Context(), a, yes)
			}
			if !cmd.Flags().Changed("threshold") || !cmd.Flags().Changed("devices") {
				return usagef("--threshold and --devices are needed")
			}
			if err := timers.into(&args); err != nil {
				return err
			}
			return a.call(func(c *api.Client) error {
				return ceremony{&a.con, c, yes}.run(cmd.Context(), func(ctx context.Context, emit func(api.Event)) (api.Circle, error) {
					return c.Found(ctx, args, emit)
				})
			})
		},
	}
	f := cmd.Flags()
	f.IntVar(&args.Threshold, "threshold", 0, "how many devices sign: at least 2, and more than half")
	f.IntVar(&args.Devices, "devices", 0, "how many devices there are, this one included: at most 9")
	timers.flags(f)
	f.BoolVar(&yes, "yes", false, "confirm the names and words without asking")
	a.con.noQRFlag(cmd)
	f.BoolVar(&abandon, "abandon", false, "set a half-founded circle aside, for good")
	return cmd
}

// setAside abandons the founding that this device is part of.
func setAside(ctx context.Context, a *app, yes bool) error {
	if err := a.call(func(c *api.Client) error { return c.MayAbandon(ctx) }); err != nil {
		return err
	}
	if !yes {
		err := a.con.consent(ctx, "This device will never be part of the circle whose founding is under way.\nSet it aside for good?")
		if err != nil {
			return err
		}
	}
	return a.call(func(c *api.Client) error {
		if err := c.AbandonFounding(ctx); err != nil {
			return err
		}
		return a.con.result(struct {
			Abandoned bool `json:"abandoned"`
		}{true}, func(w io.Writer) { fmt.Fprintln(w, "the founding was set aside") })
	})
}

// A ceremony is a founding as the person of one device sees it.
type ceremony struct {
	con    *console
	client *api.Client
	yes    bool // to the names and words, whatever they are
}

// run runs a founding, asks its question, and prints the circle.
func (c ceremony) run(ctx context.Context, found func(context.Context, func(api.Event)) (api.Circle, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asking sync.WaitGroup
	var asked error // written by asking only, read after it
	circle, err := found(ctx, func(e api.Event) {
		if e.Question == nil {
			c.con.event(e)
			return
		}
		// The answer must not hold up the stream, on which the founding may
		// fail in the meantime.
		asking.Go(func() {
			if asked = c.answer(ctx, *e.Question); asked != nil {
				cancel()
			}
		})
	})
	cancel()
	asking.Wait()
	if asked != nil && api.CodeOf(asked) != api.CodeCanceled {
		return asked
	}
	if err != nil {
		return err
	}
	return c.con.result(circle, func(w io.Writer) { printCircle(w, circle) })
}

// answer shows the names and words of a founding and tells the daemon what
// its person said.
func (c ceremony) answer(ctx context.Context, q api.Question) error {
	c.con.event(api.Event{Event: api.EventConfirm, Question: &q})
	c.con.note("\nA circle of %d devices, any %d of which sign:\n", len(q.Devices), q.Threshold)
	for _, d := range q.Devices {
		mark := ""
		if d.This {
			mark = "   (this device)"
		}
		c.con.note("  %d  %s, %s%s", d.Slot, esc(d.Name), esc(d.Kind), mark)
	}
	c.con.note("\n  %s\n", esc(strings.Join(q.Words, " ")))
	for _, w := range q.Warnings {
		c.con.note("! %s", esc(w))
	}
	if c.yes {
		c.con.note("confirmed with --yes: these names and words")
	} else {
		ok, err := c.con.decide(ctx, "Do all devices show exactly these names and words, and are all of them yours?")
		if err != nil && ctx.Err() != nil {
			return err
		}
		if err != nil || !ok {
			// The daemon tells the others; what it says back is no news.
			_ = c.client.Confirm(ctx, api.ConfirmArgs{Session: q.Session, Yes: false})
			if err != nil {
				return err
			}
			return api.Errorf(api.CodeNotConfirmed, "you did not confirm the names and words; no circle was founded").
				WithHint("if they differed, somebody is in between: check who is on this network before you try again")
		}
	}
	err := c.client.Confirm(ctx, api.ConfirmArgs{Session: q.Session, Yes: true})
	if api.CodeOf(err) == api.CodeNoFounding {
		return nil // it has ended meanwhile, and the call that leads it says why
	}
	return err
}

func printCircle(w io.Writer, c api.Circle) {
	fmt.Fprintf(w, "circle %s: %d devices, any %d of which sign, epoch %d\n", shortID(c.Circle), len(c.Devices), c.Threshold, c.Epoch)
	printAccounts(w, c.Accounts, false)
}

// printAccounts lists accounts, and with all what a watch-only wallet wants.
func printAccounts(w io.Writer, accounts []api.Account, all bool) {
	var rows [][2]string
	for _, acc := range accounts {
		if acc.Address != "" {
			rows = append(rows, [2]string{esc(acc.Name), strings.TrimSpace(esc(acc.Address) + "  " + esc(acc.Path))})
		}
		if acc.Xpub != "" && all {
			rows = append(rows, [2]string{"  xpub", esc(acc.Xpub)})
		}
		if acc.PublicKey != "" {
			rows = append(rows, [2]string{esc(acc.Name), esc(acc.PublicKey)})
		}
	}
	keys(w, rows)
}
