package node

import (
	"context"

	"github.com/warifu/warifu/node/api"
)

// Retire implements [api.Healing].
func (n *Desk) Retire(ctx context.Context, args api.PresenceArgs) (out api.Changed, err error) {
	if err := n.presence(ctx, args); err != nil {
		return out, err
	}
	err = n.call(ctx, func(c *counter) error {
		if args.DryRun {
			return c.mayRetire()
		}
		err := c.retireNow()
		if err == nil {
			out = c.changed()
		}
		return err
	})
	return out, err
}

// retireNow destroys the old shares of this device although a sleeper has not
// come for its new one: the person who is here gives up on waiting. What the
// sleeper finds when it wakes is kept.
func (c *counter) retireNow() error {
	if err := c.mayRetire(); err != nil {
		return err
	}
	a := c.attempt
	effects, err := a.machine.Presence()
	if err != nil {
		return err
	}
	c.carryOut(a.live, effects)
	c.redealStep()
	if c.oldestShare() < c.circle.record.Epoch {
		return api.Errorf(api.CodeBusy, "a write failed, so that not all old shares are known to be destroyed").
			WithHint("it is read back in a moment; try again")
	}
	return nil
}

// mayRetire says why this device has nothing to retire, or may not yet, or nil.
func (c *counter) mayRetire() error {
	a := c.attempt
	if c.circle == nil {
		return c.ready()
	}
	if a == nil || c.oldestShare() >= c.circle.record.Epoch {
		return api.Errorf(api.CodeBadArgument, "this device keeps no old shares for a device that sleeps")
	}
	if err := a.machine.MayRetire(); err != nil {
		return api.Errorf(api.CodeBusy, "the re-deal is not over: %s", list(c.names(a.machine.Waiting()))+" must confirm it first").
			WithHint("switch them on")
	}
	return nil
}
