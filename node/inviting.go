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
func (fd *foundings) beginInvite(replace string) (kind change.Kind, replaces uint16, err error) {
	if kind, replaces, err = fd.mayInvite(replace); err == nil {
		fd.inviting = &inviting{replaces: wire.Slot(replaces)}
	}
	return kind, replaces, err
}

// mayInvite says what request lets a device in, or why none can be let in now. One
// comes in at a time, and one code is alive, as at a founding.
func (fd *foundings) mayInvite(replace string) (kind change.Kind, replaces uint16, err error) {
	if err := fd.me.ready(); err != nil {
		return "", 0, err
	}
	if fd.inviting != nil {
		return "", 0, api.Errorf(api.CodeRefused, "an invitation of this device is under way already").
			WithHint("let it come to its end, or interrupt the command that shows it")
	}
	kind = change.Add
	if replace != "" {
		kind = change.Replace
		d, err := fd.ledger.member(replace)
		if err != nil {
			return "", 0, err
		}
		if d.Slot == fd.me.circle.slot {
			return "", 0, api.Errorf(api.CodeBadArgument, "%s is this device", fd.me.self.name)
		}
		// Who comes in takes part, and deals nothing: as many as sign must be left.
		if err := fd.me.enoughWithout(d.Slot); err != nil {
			return "", 0, err
		}
		replaces = uint16(d.Slot)
	} else if len(fd.me.circle.record.Devices) >= maxDevices {
		return "", 0, api.Errorf(api.CodeCircleFull, "a circle has at most %d devices", maxDevices)
	}
	if err := fd.mayComeIn(wire.Slot(replaces)); err != nil {
		return "", 0, err
	}
	return kind, replaces, nil
}

// mayComeIn refuses an invitation into a circle that is frozen, unless it is
// for what happened to the device that the new one replaces.
func (fd *foundings) mayComeIn(replaces wire.Slot) error {
	p := refresh.Proposal{Kind: roster.Add}
	if replaces != 0 {
		p.Kind, p.Removed = roster.Replace, []refresh.Removal{{Slot: replaces, State: roster.Stolen}}
	}
	if why := fd.judging.frozenFor(p); why != "" {
		return frozenError(why)
	}
	return nil
}

// inviting is an invitation into a living circle.
type inviting struct{ replaces wire.Slot }

// fitsCircle compares a card with the devices that are or were in the circle.
func (fd *foundings) fitsCircle(card roster.Card) error {
	for _, d := range fd.me.circle.record.Devices {
		if d.Identity == card.Identity || d.Box == card.Box || d.Presence == card.Presence || string(d.Peer) == string(card.Peer) {
			return errSameDevice
		}
	}
	replaces, _ := fd.me.circle.record.Device(fd.inviting.replaces)
	if err := fd.me.checkNewcomer(card, replaces); err != nil {
		return err
	}
	if f, was := fd.me.circle.record.IsFormer(card.Identity); was && f.State == roster.Stolen {
		return errors.New("node: the keys of this device were stolen")
	}
	return nil
}
