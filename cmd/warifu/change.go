package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// A change is what the commands that change the circle have in common: they
// say what they are about to do, and want their person's presence.
type change struct {
	file    string // passphrase file
	yes     bool
	timeout time.Duration
	told    []string // warnings that the person has seen
}

func (ch *change) flags(cmd *cobra.Command) {
	passphraseFlag(cmd, &ch.file)
}

func (ch *change) yesFlag(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&ch.yes, "yes", false, "do it without asking")
}

func (ch *change) timeoutFlag(cmd *cobra.Command, value time.Duration) {
	cmd.Flags().DurationVar(&ch.timeout, "timeout", value, "how long to wait for the other devices")
}

// checkTimeout refuses what would not wait at all, or for ever.
func (ch *change) checkTimeout() error {
	if ch.timeout <= 0 {
		return usagef("--timeout must be positive")
	}
	return nil
}

// inCircle asks the daemon for the circle that is to be changed, before
// anybody types a passphrase for nothing.
func inCircle(ctx context.Context, c *api.Client) (api.Status, error) {
	s, err := c.Status(ctx)
	if err != nil {
		return s, err
	}
	if s.Circle == "" {
		return s, api.Errorf(api.CodeNoCircle, "this device is in no circle").
			WithHint("`warifu found` makes one, `warifu join` answers an invitation")
	}
	return s, nil
}

// say tells the person something on stderr, as an event with --json.
func (a *app) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if a.json {
		a.event(api.Event{Event: api.EventProgress, Text: text})
		return
	}
	a.note("%s", text)
}

// agree says what is about to happen and asks for a yes. The explanation is
// printed in either case, so that a script's log holds what it agreed to.
func (a *app) agree(ctx context.Context, ch *change, question string, explanation ...string) error {
	for _, line := range explanation {
		a.say("%s", line)
	}
	if ch.yes {
		a.say("confirmed with --yes: %s", strings.TrimSuffix(question, "?"))
		return nil
	}
	ok, err := a.confirm(ctx, question)
	if err != nil {
		return err
	}
	if !ok {
		return api.Errorf(api.CodeNotConfirmed, "nothing was changed")
	}
	return nil
}

// An epochResult is what vacation, veto and remove print.
type epochResult struct {
	Epoch   uint64      `json:"epoch"`
	Request api.Request `json:"request"`
}

// beforehand are the arguments of a call that only says whether it would be
// refused, so that nobody is asked anything for nothing.
func beforehand() api.PresenceArgs { return api.PresenceArgs{DryRun: true} }

// word has say say what the person here has to say about the device that name
// means, and prints what follows from it.
func (a *app) word(ctx context.Context, ch *change, c *api.Client, kind, name string, say func(context.Context, api.DeviceArgs) (api.Request, error), follows string) error {
	s, err := inCircle(ctx, c)
	if err != nil {
		return err
	}
	d, err := findDevice(s, name)
	if err != nil {
		return err
	}
	args := api.DeviceArgs{PresenceArgs: beforehand(), Device: d.Device}
	if _, err := say(ctx, args); err != nil {
		return err
	}
	if err := a.foretell(ctx, c, ch, api.PreviewArgs{Kind: kind, Device: d.Device}); err != nil {
		return err
	}
	if args.PresenceArgs, err = a.present(ctx, ch); err != nil {
		return err
	}
	defer clear(args.Passphrase)
	r, err := say(ctx, args)
	if err != nil {
		return err
	}
	return a.result(epochResult{s.Epoch, r}, func(w io.Writer) { fmt.Fprintf(w, "%s %s\n", esc(d.Name), follows) })
}

// present asks for the passphrase. The caller wipes it.
func (a *app) present(ctx context.Context, ch *change) (api.PresenceArgs, error) {
	pass, err := a.passphrase(ctx, ch.file)
	return api.PresenceArgs{Passphrase: pass, Timeout: api.Duration(ch.timeout)}, err
}

// redeal makes a call that ends in a re-deal and shows its steps. First it hears
// whether the call would be refused, then it has ask ask, unless that is nil, and
// last it wants the passphrase.
func (a *app) redeal(ctx context.Context, ch *change, ask func() error, run func(api.PresenceArgs, func(api.Event)) (api.Changed, error)) (api.Changed, error) {
	if _, err := run(beforehand(), a.event); err != nil {
		return api.Changed{}, err
	}
	if ask != nil {
		if err := ask(); err != nil {
			return api.Changed{}, err
		}
	}
	p, err := a.present(ctx, ch)
	if err != nil {
		return api.Changed{}, err
	}
	defer clear(p.Passphrase)
	var id string
	out, err := run(p, func(e api.Event) {
		if e.Event == api.EventRequest {
			id = e.ID
			// What was not known before: the name of a device that came.
			e.Warnings = slices.DeleteFunc(e.Warnings, func(w string) bool { return slices.Contains(ch.told, w) })
		}
		a.event(e)
	})
	return out, changeOpen(err, id)
}

// changeOpen tells the person what becomes of a change that nobody waits for
// any more.
func changeOpen(err error, id string) error {
	if err == nil || id == "" {
		return err
	}
	e := api.AsError(err)
	switch e.Code {
	case api.CodeCanceled:
		e.Message = fmt.Sprintf("interrupted; request %s stays open", shortID(id))
	case api.CodeTimeout, api.CodeTooFew, api.CodeBusy, api.CodeRedealFailed, api.CodeNotRunning:
		if e.Hint != "" {
			return err
		}
	default:
		return err
	}
	return e.WithHint("the circle goes on with it as soon as it can: `warifu show %s --wait` follows it, `warifu deny %s` ends it", shortID(id), shortID(id))
}

func printChanged(w io.Writer, c api.Changed) {
	fmt.Fprintf(w, "epoch %d: fresh shares are on %s", c.Epoch, escAll(c.Members))
	if c.Elapsed > 0 {
		fmt.Fprintf(w, ", after %v", time.Duration(c.Elapsed).Round(time.Millisecond))
	}
	fmt.Fprintln(w)
	var rows [][]string
	add := func(label string, names []string, text string) {
		if len(names) > 0 {
			rows = append(rows, []string{"  " + label, escAll(names) + text})
		}
	}
	add("removed", c.Removed, "")
	add("added", c.Added, "")
	add("asleep", c.Sleepers, ": finds its share when it wakes")
	rows = append(rows, []string{"  old shares", oldShares(c.OldSharesAlive, c.OldSharesOut, c.OldSharesKey, c.OldSharesOn)})
	table(w, rows)
	fmt.Fprintln(w, "keys and addresses are the same")
}

// oldShares says what the old shares that may exist on those devices are worth, if
// so many of them are out of the circle's reach and so many are the key. Fewer of
// one epoch are nothing.
func oldShares(alive, out, key int, on []string) string {
	if alive == 0 {
		return "none is left"
	}
	text := fmt.Sprintf("possibly alive: %d of %d", alive, key)
	if alive >= key && out < key {
		text = fmt.Sprintf("possibly alive: %d (%d are the key)", alive, key)
	}
	if len(on) > 0 {
		text += ", on " + escAll(on)
	}
	switch {
	case out >= key:
		return text + ": together they are the key"
	case alive < key:
		return fmt.Sprintf("%s: worth nothing without %d more of the same epoch", text, key-alive)
	case out == 0:
		return text + ": all within reach, and destroyed when everybody has fresh ones"
	}
	return fmt.Sprintf("%s: %d out of reach, worth nothing without %d more; the others are destroyed when everybody has fresh ones", text, out, key-out)
}
