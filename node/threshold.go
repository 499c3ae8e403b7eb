package node

import (
	"context"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
)

// Threshold implements [api.Healing].
func (n *Desk) Threshold(ctx context.Context, args api.ThresholdArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args.PresenceArgs, change.Threshold, func(c *core, ch *change.Payload) error {
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
