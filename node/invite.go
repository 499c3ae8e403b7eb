package node

import (
	"context"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/meet"
)

// Invite implements [api.Healing]: the newcomer is introduced as at a founding,
// and comes in by a re-deal that the quorum has approved.
func (n *Desk) Invite(ctx context.Context, args api.InviteArgs, emit func(api.Event)) (api.Changed, error) {
	if err := n.presence(ctx, args.PresenceArgs); err != nil {
		return api.Changed{}, err
	}
	var ch change.Payload
	var kind change.Kind
	if err := n.call(ctx, func(c *counter) (err error) {
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
	defer n.post(func(c *counter) {
		c.inviting = nil
		clear(c.pairing)
	})
	if err != nil {
		return api.Changed{}, pairingError(err)
	}
	d := who.Card.Device(0)
	emit(api.Event{Event: api.EventJoined, Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: fingerprint(d)})
	ch.Card, ch.Addrs = who.Card.Bytes(), who.Addrs
	return n.redeal(ctx, args.PresenceArgs, kind, func(c *counter, out *change.Payload) error {
		*out = ch
		if args.Replace == "" {
			return nil
		}
		return about(args.Replace)(c, out) // it may be out by now
	}, emit)
}

// welcomeOne shows invitations until one device has come in, for as long as
// patience if that is not zero.
func (n *Desk) welcomeOne(ctx context.Context, patience time.Duration, emit func(api.Event)) (meet.Newcomer, error) {
	if patience > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeoutCause(ctx, patience, errNobodyCame)
		defer stop()
	}
	return n.loop.Greeter().Receive(1, emit).Welcome(ctx, 1)
}

var errNobodyCame = api.Errorf(api.CodeTimeout, "no device has answered the invitation").WithHint("invite again when the new device is at hand")
