package node

import (
	"context"

	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/roster"
)

// An introducer is a device as those see it that meet others for it: each method
// asks the loop.
type introducer struct{ n *Node }

// Introduce implements [meet.Device].
func (i introducer) Introduce(ctx context.Context, nonce [32]byte) (self meet.Self, err error) {
	err = i.n.call(ctx, func(c *core) error {
		self = c.Introduce(nonce)
		return nil
	})
	return self, err
}

// Consider implements [meet.Device].
func (i introducer) Consider(ctx context.Context, who roster.Card, nonce [32]byte) (self meet.Self, err error) {
	err = i.n.call(ctx, func(c *core) error {
		if err := c.Fits(who); err != nil {
			return founding.Refusal(err)
		}
		self = c.Introduce(nonce)
		return nil
	})
	return self, err
}

// Admit implements [meet.Device].
func (i introducer) Admit(ctx context.Context, who meet.Newcomer, still func() error) error {
	return i.n.call(ctx, func(c *core) error {
		if err := still(); err != nil {
			return err
		}
		return c.AdmitNewcomer(who)
	})
}

// WouldJoin implements [meet.Device].
func (i introducer) WouldJoin(threshold, devices int) error {
	return founding.CheckShape(threshold, devices)
}
