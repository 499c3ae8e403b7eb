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
	app     *app
	file    string // passphrase file
	yes     bool
	waits   bool // for the other devices, as long as timeout
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
	ch.waits = true
	cmd.Flags().DurationVar(&ch.timeout, "timeout", value, "how long to wait for the other devices")
}

// run has f change the circle of this device, which must be in one.
func (ch *change) run(ctx context.Context, f func(*api.Client, api.Status) error) error {
	if ch.waits {
		if err := checkTimeout(ch.timeout); err != nil {
			return err
		}
	}
	return ch.app.call(func(c *api.Client) error {
		s, err := inCircle(ctx, c)
		if err != nil {
			return err
		}
		return f(c, s)
	})
}

// checkTimeout refuses what would not wait at all.
func checkTimeout(d time.Duration) error {
	if d <= 0 {
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

// carryOut makes a call that changes the circle, and tells its person before
// anybody types a passphrase for nothing. First it hears, from a dry run, whether
// the call would be refused; then it says what the call would be, asks the
// question, if there is one, and wants the passphrase.
func carryOut[T any](ctx context.Context, ch *change, c *api.Client, what api.PreviewArgs, question string, call func(api.PresenceArgs) (T, error)) (out T, err error) {
	if _, err := call(api.PresenceArgs{DryRun: true}); err != nil {
		return out, err
	}
	if err := ch.foretell(ctx, c, what); err != nil {
		return out, err
	}
	if question != "" {
		if err := ch.agree(ctx, question); err != nil {
			return out, err
		}
	}
	pass, err := ch.app.passphrases().passphrase(ctx, ch.file)
	if err != nil {
		return out, err
	}
	defer clear(pass)
	return call(api.PresenceArgs{Passphrase: pass, Timeout: api.Duration(ch.timeout)})
}

// foretell says what a change would be, in the words in which all devices show the
// request for it, before anybody is asked or types a passphrase.
func (ch *change) foretell(ctx context.Context, c *api.Client, what api.PreviewArgs) error {
	p, err := c.Preview(ctx, what)
	if err != nil {
		return err
	}
	ch.told = p.Warnings
	ch.app.con.meaning(p.Summary, p.Warnings, p.Lines)
	return nil
}

// agree asks for a yes. With --yes it says what that agrees to, so that a
// script's log holds it.
func (ch *change) agree(ctx context.Context, question string) error {
	con := &ch.app.con
	if ch.yes {
		con.say("confirmed with --yes: %s", strings.TrimSuffix(question, "?"))
		return nil
	}
	return con.consent(ctx, question)
}

// redeal is [carryOut] for a call that ends in a re-deal, and shows its steps.
func (ch *change) redeal(ctx context.Context, c *api.Client, what api.PreviewArgs, question string, run func(api.PresenceArgs, func(api.Event)) (api.Changed, error)) (api.Changed, error) {
	var id string
	out, err := carryOut(ctx, ch, c, what, question, func(p api.PresenceArgs) (api.Changed, error) {
		return run(p, func(e api.Event) {
			if e.Event == api.EventRequest {
				id = e.ID
				// What was not known before: the name of a device that came.
				e.Warnings = slices.DeleteFunc(e.Warnings, func(w string) bool { return slices.Contains(ch.told, w) })
			}
			ch.app.con.event(e)
		})
	})
	return out, changeOpen(err, id)
}

// An epochResult is what vacation, veto and remove print.
type epochResult struct {
	Epoch   uint64      `json:"epoch"`
	Request api.Request `json:"request"`
}

// word has say say what the person here has to say about the device that name
// means, and prints what follows from it.
func (ch *change) word(ctx context.Context, kind, name string, say func(*api.Client, api.DeviceArgs) (api.Request, error), follows string) error {
	return ch.run(ctx, func(c *api.Client, s api.Status) error {
		d, err := findDevice(s, name)
		if err != nil {
			return err
		}
		r, err := carryOut(ctx, ch, c, api.PreviewArgs{Kind: kind, Device: d.Device}, "", func(p api.PresenceArgs) (api.Request, error) {
			return say(c, api.DeviceArgs{PresenceArgs: p, Device: d.Device})
		})
		if err != nil {
			return err
		}
		return ch.app.con.result(epochResult{s.Epoch, r}, func(w io.Writer) { fmt.Fprintf(w, "%s %s\n", esc(d.Name), follows) })
	})
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
