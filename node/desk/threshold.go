package desk

import (
	"context"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
)

// Threshold implements [api.Healing].
func (n *Desk) Threshold(ctx context.Context, args api.ThresholdArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args.PresenceArgs, change.Threshold, func(c *Counter, ch *change.Payload) error {
		ch.Threshold = uint16(args.Threshold)
		return c.mayRequire(args.Threshold)
	}, emit)
}
