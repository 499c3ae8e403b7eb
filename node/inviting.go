package node

import (
	"errors"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// beginInvite prepares to let a device into the circle, in place of the one that
// has the identity replace, if any.
func (c *core) beginInvite(replace string) (kind change.Kind, replaces uint16, err error) {
	if kind, replaces, err = c.mayInvite(replace); err == nil {
		c.inviting = &inviting{replaces: wire.Slot(replaces)}
	}
	return kind, replaces, err
}

// mayInvite says what request lets a device in, or why none can be let in now. One
// comes in at a time, and one code is alive, as at a founding.
func (c *core) mayInvite(replace string) (kind change.Kind, replaces uint16, err error) {
	if err := c.ready(); err != nil {
		return "", 0, err
	}
	if c.inviting != nil {
		return "", 0, api.Errorf(api.CodeRefused, "an invitation of this device is under way already").
			WithHint("let it come to its end, or interrupt the command that shows it")
	}
	kind = change.Add
	if replace != "" {
		kind = change.Replace
		d, err := c.member(replace)
		if err != nil {
			return "", 0, err
		}
		if d.Slot == c.circle.slot {
			return "", 0, api.Errorf(api.CodeBadArgument, "%s is this device", c.self.name)
		}
		// Who comes in takes part, and deals nothing: as many as sign must be left.
		if err := c.enoughWithout(d.Slot); err != nil {
			return "", 0, err
		}
		replaces = uint16(d.Slot)
	} else if len(c.circle.record.Devices) >= maxDevices {
		return "", 0, api.Errorf(api.CodeCircleFull, "a circle has at most %d devices", maxDevices)
	}
	if err := c.mayComeIn(wire.Slot(replaces)); err != nil {
		return "", 0, err
	}
	return kind, replaces, nil
}

// mayComeIn refuses an invitation into a circle that is frozen, unless it is
// for what happened to the device that the new one replaces.
func (c *core) mayComeIn(replaces wire.Slot) error {
	p := refresh.Proposal{Kind: roster.Add}
	if replaces != 0 {
		p.Kind, p.Removed = roster.Replace, []refresh.Removal{{Slot: replaces, State: roster.Stolen}}
	}
	if why := c.frozenFor(p); why != "" {
		return frozenError(why)
	}
	return nil
}

// inviting is an invitation into a living circle.
type inviting struct{ replaces wire.Slot }

// fitsCircle compares a card with the devices that are or were in the circle.
func (c *core) fitsCircle(card roster.Card) error {
	for _, d := range c.circle.record.Devices {
		if d.Identity == card.Identity || d.Box == card.Box || d.Presence == card.Presence || string(d.Peer) == string(card.Peer) {
			return errSameDevice
		}
	}
	replaces, _ := c.circle.record.Device(c.inviting.replaces)
	if err := c.checkNewcomer(card, replaces); err != nil {
		return err
	}
	if f, was := c.circle.record.IsFormer(card.Identity); was && f.State == roster.Stolen {
		return errors.New("node: the keys of this device were stolen")
	}
	return nil
}
