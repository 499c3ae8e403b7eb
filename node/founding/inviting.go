package founding

import (
	"errors"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// BeginInvite prepares to let a device into the circle, in place of the one that
// has the identity replace, if any.
func (fd *Foundings) BeginInvite(replace string) (kind change.Kind, replaces uint16, err error) {
	if kind, replaces, err = fd.MayInvite(replace); err == nil {
		fd.Inviting = &Inviting{Replaces: wire.Slot(replaces)}
	}
	return kind, replaces, err
}

// MayInvite says what request lets a device in, or why none can be let in now. One
// comes in at a time, and one code is alive, as at a founding.
func (fd *Foundings) MayInvite(replace string) (kind change.Kind, replaces uint16, err error) {
	if err := fd.me.Ready(); err != nil {
		return "", 0, err
	}
	if fd.Inviting != nil {
		return "", 0, say.New(say.InvitationUnderWay)
	}
	kind = change.Add
	if replace != "" {
		kind = change.Replace
		d, err := fd.ledger.Member(replace)
		if err != nil {
			return "", 0, err
		}
		if d.Slot == fd.me.Circle.Slot {
			return "", 0, say.New(say.ThisDevice, fd.me.Self.Name)
		}
		// Who comes in takes part, and deals nothing: as many as sign must be left.
		if err := fd.me.EnoughWithout(d.Slot); err != nil {
			return "", 0, err
		}
		replaces = uint16(d.Slot)
	} else if len(fd.me.Circle.Record.Devices) >= standing.MaxDevices {
		return "", 0, say.New(say.CircleFull, standing.MaxDevices)
	}
	if err := fd.MayComeIn(wire.Slot(replaces)); err != nil {
		return "", 0, err
	}
	return kind, replaces, nil
}

// MayComeIn refuses an invitation into a circle that is frozen, unless it is
// for what happened to the device that the new one replaces.
func (fd *Foundings) MayComeIn(replaces wire.Slot) error {
	p := refresh.Proposal{Kind: roster.Add}
	if replaces != 0 {
		p.Kind, p.Removed = roster.Replace, []refresh.Removal{{Slot: replaces, State: roster.Stolen}}
	}
	if why := fd.judging.FrozenFor(p); why != "" {
		return judging.FrozenError(why)
	}
	return nil
}

// Inviting is an invitation into a living circle.
type Inviting struct{ Replaces wire.Slot }

// fitsCircle compares a card with the devices that are or were in the circle.
func (fd *Foundings) fitsCircle(card roster.Card) error {
	for _, d := range fd.me.Circle.Record.Devices {
		if d.Identity == card.Identity || d.Box == card.Box || d.Presence == card.Presence || string(d.Peer) == string(card.Peer) {
			return ErrSameDevice
		}
	}
	replaces, _ := fd.me.Circle.Record.Device(fd.Inviting.Replaces)
	if err := fd.me.CheckNewcomer(card, replaces); err != nil {
		return err
	}
	if f, was := fd.me.Circle.Record.IsFormer(card.Identity); was && f.State == roster.Stolen {
		return errors.New("node: the keys of this device were stolen")
	}
	return nil
}
