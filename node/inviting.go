package node

import (
	"context"
	"errors"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Invite implements [api.Healing]: the newcomer is introduced as at a founding,
// and comes in by a re-deal that the quorum has approved.
func (n *Desk) Invite(ctx context.Context, args api.InviteArgs, emit func(api.Event)) (api.Changed, error) {
	if err := n.presence(ctx, args.PresenceArgs); err != nil {
		return api.Changed{}, err
	}
	var ch change.Payload
	var kind change.Kind
	if err := n.call(ctx, func(c *core) (err error) {
		if args.DryRun {
			_, _, err = c.mayInvite(args.Replace)
			return err
		}
		kind, ch.Slot, err = c.beginInvite(args.Replace)
		return err
	}); err != nil || args.DryRun {
		return api.Changed{}, err
	}
	who, err := n.welcomeOne(ctx, time.Duration(args.Timeout), emit)
	defer n.post(func(c *core) {
		c.inviting = nil
		clear(c.pairing)
	})
	if err != nil {
		return api.Changed{}, pairingError(err)
	}
	d := who.Card.Device(0)
	emit(api.Event{Event: api.EventJoined, Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: fingerprint(d)})
	ch.Card, ch.Addrs = who.Card.Bytes(), who.Addrs
	return n.redeal(ctx, args.PresenceArgs, kind, func(c *core, out *change.Payload) error {
		*out = ch
		if args.Replace == "" {
			return nil
		}
		return about(args.Replace)(c, out) // it may be out by now
	}, emit)
}

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

// welcomeOne shows invitations until one device has come in, for as long as
// patience if that is not zero.
func (n *Node) welcomeOne(ctx context.Context, patience time.Duration, emit func(api.Event)) (meet.Newcomer, error) {
	if patience > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, patience, errNobodyCame)
		defer stop()
	}
	return n.greeter.Receive(1, emit).Welcome(ctx, 1)
}

var errNobodyCame = api.Errorf(api.CodeTimeout, "no device has answered the invitation").WithHint("invite again when the new device is at hand")

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
