package node

import (
	"context"
	"time"

	"github.com/warifu/warifu/node/meet"
)

// A Desk is the control API of a device: it takes what persons ask for into the
// loop, shows them what is there, and waits with them. Its methods may be called
// from any goroutine while the node runs.
type Desk struct {
	c    *counter
	loop loop
	now  func() time.Time
}

// A counter is what a desk sees of its device, in the loop only: its rooms, and the
// calls that wait.
type counter struct {
	*standing
	*judging
	*remains
	*drive
	*ledger
	*answering
	*cosign
	*redeals
	*trials
	*signings
	*changes
	*foundings
	*views

	watchers map[*watcher]struct{}
}

// A loop is that of the device, to which a desk brings what it has to do.
type loop interface {
	// Call runs f as an event of this device and waits for it. Look does the same for
	// what changes nothing, so that nobody else need look again. Both return an error
	// if ctx ends before, or the device has stopped.
	Call(ctx context.Context, f func() error) error
	Look(ctx context.Context, f func() error) error

	// Post has f run, unless the device has stopped.
	Post(f func())

	// Loads tells what the other devices cost this one, and Said when they said
	// something last, which may still wait to be looked at; by transport id.
	Loads() map[string]load
	Said() map[string]time.Time

	// Greeter meets new devices.
	Greeter() *meet.Greeter
}

// call runs f in the loop and waits for it.
func (n *Desk) call(ctx context.Context, f func(c *counter) error) error {
	return n.loop.Call(ctx, func() error { return f(n.c) })
}

// look is call for what changes nothing.
func (n *Desk) look(ctx context.Context, f func(c *counter) error) error {
	return n.loop.Look(ctx, func() error { return f(n.c) })
}

// lookIn is look for what there is to see in a circle only: a newcomer whose re-deal
// came to nothing is in none any more.
func (n *Desk) lookIn(ctx context.Context, f func(c *counter)) error {
	return n.look(ctx, func(c *counter) error {
		if c.circle == nil {
			return c.ready()
		}
		f(c)
		return nil
	})
}

// post has the loop run f.
func (n *Desk) post(f func(c *counter)) {
	n.loop.Post(func() { f(n.c) })
}
