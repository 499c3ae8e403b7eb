package node

import (
	"context"
	"errors"

	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
)

// An introducer is a device as those see it that meet others for it: each method
// asks the loop.
type introducer struct{ n *Node }

// Introduce implements [meet.Device].
func (i introducer) Introduce(ctx context.Context, nonce [32]byte) (self meet.Self, err error) {
	err = i.n.call(ctx, func(c *core) error {
		self = c.introduce(nonce)
		return nil
	})
	return self, err
}

// Consider implements [meet.Device].
func (i introducer) Consider(ctx context.Context, who roster.Card, nonce [32]byte) (self meet.Self, err error) {
	err = i.n.call(ctx, func(c *core) error {
		if err := c.fits(who); err != nil {
			return refusal(err)
		}
		self = c.introduce(nonce)
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
		return c.admitNewcomer(who)
	})
}

// WouldJoin implements [meet.Device].
func (i introducer) WouldJoin(threshold, devices int) error { return checkShape(threshold, devices) }

// introduce says who this device is, and what circle it invites into.
func (c *core) introduce(nonce [32]byte) meet.Self {
	self := meet.Self{Card: c.ownCard(nonce), Addrs: c.link.Addrs()}
	if c.inviting != nil {
		self.Threshold, self.Devices = c.circle.record.Threshold, len(c.circle.record.Devices)
	} else if f := c.founding; f != nil {
		self.Threshold, self.Devices = f.threshold, f.devices
	}
	return self
}

// refusal says what a visitor is told that does not fit.
func refusal(err error) error {
	code := pairing.Refused
	switch {
	case errors.Is(err, errSameDevice):
		code = pairing.SameDevice
	case errors.Is(err, errSameName):
		code = pairing.NameTaken
	case errors.Is(err, errFull):
		code = pairing.CircleFull
	case isBadName(err):
		code = pairing.BadName
	}
	return &meet.Refusal{Code: code, Err: err}
}
