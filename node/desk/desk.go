package desk

import (
	"context"
	"time"

	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/inbox"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/signing"
	"github.com/warifu/warifu/node/standing"
)

// A Desk is the control API of a device: it takes what persons ask for into the
// loop, shows them what is there, and waits with them. Its methods may be called
// from any goroutine while the node runs.
type Desk struct {
	c    *Counter
	loop Loop
	now  func() time.Time
}

// New makes the desk of a device in whose loop c is looked at.
func New(c *Counter, l Loop, now func() time.Time) *Desk { return &Desk{c, l, now} }

// A Counter is what a desk sees of its device, in the loop only: its rooms, and the
// calls that wait.
type Counter struct {
	*standing.Standing
	*judging.Judging
	*redeal.Remains
	*drive.Drive
	*ledger.Ledger
	*ledger.Answers
	*cosign.Cosign
	*redeal.Redeals
	*redeal.Trials
	*signing.Signings
	*changes.Changes
	*founding.Foundings
	*Views

	Watchers map[*Watcher]struct{}
}

// Open makes the counter ready once its other rooms are there.
func (c *Counter) Open() {
	c.Views, c.Watchers = newViews(c), map[*Watcher]struct{}{}
}

// A Loop is that of the device, to which a desk brings what it has to do.
type Loop interface {
	// Call runs f as an event of this device and waits for it. Look does the same for
	// what changes nothing, so that nobody else need look again. Both return an error
	// if ctx ends before, or the device has stopped.
	Call(ctx context.Context, f func() error) error
	Look(ctx context.Context, f func() error) error

	// Post has f run, unless the device has stopped.
	Post(f func())

	// Loads tells what the other devices cost this one, and Said when they said
	// something last, which may still wait to be looked at; by transport id.
	Loads() map[string]inbox.Load
	Said() map[string]time.Time

	// Greeter meets new devices.
	Greeter() *meet.Greeter
}

// Call runs f in the loop and waits for it.
func (n *Desk) Call(ctx context.Context, f func(c *Counter) error) error {
	return Said(n.loop.Call(ctx, func() error { return f(n.c) }), n.c.Config.Words)
}

// look is call for what changes nothing.
func (n *Desk) look(ctx context.Context, f func(c *Counter) error) error {
	return Said(n.loop.Look(ctx, func() error { return f(n.c) }), n.c.Config.Words)
}

// say says a message in the words of whoever sits at this desk.
func (n *Desk) say(id say.ID, args ...any) string { return n.c.Config.Words.Say(id, args...) }

// lookIn is look for what there is to see in a circle only: a newcomer whose re-deal
// came to nothing is in none any more.
func (n *Desk) lookIn(ctx context.Context, f func(c *Counter)) error {
	return n.look(ctx, func(c *Counter) error {
		if c.Circle == nil {
			return c.Ready()
		}
		f(c)
		return nil
	})
}

// Post has the loop run f.
func (n *Desk) Post(f func(c *Counter)) {
	n.loop.Post(func() { f(n.c) })
}
