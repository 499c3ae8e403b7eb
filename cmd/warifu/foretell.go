package main

import (
	"context"
	"fmt"

	"github.com/warifu/warifu/node/api"
)

// foretell says what a change would be, in the words in which all devices show the
// request for it, before anybody is asked or types a passphrase.
func (a *app) foretell(ctx context.Context, c *api.Client, ch *change, args api.PreviewArgs) error {
	p, err := c.Preview(ctx, args)
	if err != nil {
		return err
	}
	ch.told = p.Warnings
	a.meaning(p.Summary, p.Warnings, p.Lines)
	return nil
}

// questions returns what asks a person, once it is clear that a change would not be
// refused: what it would be, and then the question, if there is one.
func (a *app) questions(ctx context.Context, c *api.Client, ch *change, args api.PreviewArgs, question string) func() error {
	return func() error {
		if err := a.foretell(ctx, c, ch, args); err != nil || question == "" {
			return err
		}
		return a.agree(ctx, ch, question)
	}
}

// meaning shows what a request means, on standard error. The warnings stand at the
// top, which what is long pushes out of sight.
func (a *app) meaning(summary string, warnings []string, lines []api.Line) {
	if !a.json {
		printMeaning(a.stderr, summary, warnings, lines)
		if n := len(warnings); n > 0 {
			fmt.Fprintf(a.stderr, "! warnings above: %d\n", n)
		}
		return
	}
	a.say("%s", esc(summary))
	for _, w := range warnings {
		a.say("warning: %s", esc(w))
	}
	for _, l := range lines {
		a.say("%s: %s", esc(l.Label), esc(l.Text))
	}
}
