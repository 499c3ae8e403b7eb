package node

import (
	"context"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// What persons decide about how the circle goes on that no loss forces on them.

// Threshold implements [api.Healing].
func (n *Node) Threshold(ctx context.Context, args api.ThresholdArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args.PresenceArgs, api.KindThreshold, func(c *core, ch *change) error {
		ch.Threshold = uint16(args.Threshold)
		return c.mayRequire(args.Threshold)
	}, emit)
}

// mayRequire says why no circle can require that so many devices sign, or nil.
func (c *core) mayRequire(devices int) error {
	rec := c.circle.record
	most := len(rec.Devices)
	switch {
	case devices > most:
		return api.Errorf(api.CodeBadArgument, "the circle has %d devices, so that %d cannot sign", most, devices).WithHint("warifu invite")
	case 2*devices <= most:
		return api.Errorf(api.CodeBadArgument, "of %d devices more than half must sign, which is at least %d: two halves could act apart", most, most/2+1)
	case devices < 2:
		return api.Errorf(api.CodeBadArgument, "at least 2 devices must sign")
	case devices == rec.Threshold:
		return api.Errorf(api.CodeBadArgument, "%d of %d devices must sign already", devices, most)
	}
	if why := c.frozenFor(refresh.Proposal{Kind: roster.Rethreshold}); why != "" {
		return frozenError(why)
	}
	return nil
}

// Retire implements [api.Healing].
func (n *Node) Retire(ctx context.Context, args api.PresenceArgs) (out api.Changed, err error) {
	if err := n.presence(ctx, args); err != nil {
		return out, err
	}
	err = n.call(ctx, func(c *core) error {
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
func (c *core) retireNow() error {
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
func (c *core) mayRetire() error {
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

// Remove implements [api.Healing].
func (n *Node) Remove(ctx context.Context, args api.DeviceArgs) (api.Request, error) {
	return n.word(ctx, args.PresenceArgs, api.KindRemove, func(c *core, ch *change) error {
		if err := another(args.Device)(c, ch); err != nil {
			return err
		}
		if !c.silent(wire.Slot(ch.Slot)) {
			return api.Errorf(api.CodeBadArgument, "%s is not silent for so long that it would be removed", c.name(wire.Slot(ch.Slot))).
				WithHint("if it is lost: warifu lost")
		}
		return nil
	})
}
