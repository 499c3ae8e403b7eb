package desk

import (
	"context"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
)

// Retire implements [api.Healing].
func (n *Desk) Retire(ctx context.Context, args api.PresenceArgs) (out api.Changed, err error) {
	if err := n.presence(ctx, args); err != nil {
		return out, err
	}
	err = n.Call(ctx, func(c *Counter) error {
		if args.DryRun {
			return c.mayRetire()
		}
		err := c.RetireNow()
		if err == nil {
			out = c.Changed()
		}
		return err
	})
	return out, err
}

// RetireNow destroys the old shares of this device although a sleeper has not
// come for its new one: the person who is here gives up on waiting. What the
// sleeper finds when it wakes is kept.
func (c *Counter) RetireNow() error {
	if err := c.mayRetire(); err != nil {
		return err
	}
	a := c.Attempt
	effects, err := a.Machine.Presence()
	if err != nil {
		return err
	}
	c.CarryOut(a.Live, effects)
	c.RedealStep()
	if c.OldestShare() < c.Circle.Record.Epoch {
		return say.New(say.RetireUnknown)
	}
	return nil
}

// mayRetire says why this device has nothing to retire, or may not yet, or nil.
func (c *Counter) mayRetire() error {
	a := c.Attempt
	if c.Circle == nil {
		return c.Ready()
	}
	if a == nil || c.OldestShare() >= c.Circle.Record.Epoch {
		return say.New(say.NothingToRetire)
	}
	if err := a.Machine.MayRetire(); err != nil {
		return say.New(say.RetireTooEarly, standing.List(c.Names(a.Machine.Waiting())))
	}
	return nil
}
