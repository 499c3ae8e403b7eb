package desk

import (
	"context"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
)

// Invite implements [api.Healing]: the newcomer is introduced as at a founding,
// and comes in by a re-deal that enough people have approved.
func (n *Desk) Invite(ctx context.Context, args api.InviteArgs, emit func(api.Event)) (api.Changed, error) {
	if err := n.presence(ctx, args.PresenceArgs); err != nil {
		return api.Changed{}, err
	}
	var ch change.Payload
	var kind change.Kind
	if err := n.Call(ctx, func(c *Counter) (err error) {
		if args.DryRun {
			_, _, err = c.MayInvite(args.Replace)
			return err
		}
		kind, ch.Slot, err = c.BeginInvite(args.Replace)
		return err
	}); err != nil || args.DryRun {
		return api.Changed{}, err
	}
	who, err := n.welcomeOne(ctx, time.Duration(args.Timeout), emit)
	defer n.Post(func(c *Counter) {
		c.Inviting = nil
		clear(c.Pairing)
	})
	if err != nil {
		return api.Changed{}, n.pairingError(err)
	}
	d := who.Card.Device(0)
	emit(api.Event{Event: api.EventJoined, Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: standing.Fingerprint(d)})
	ch.Card, ch.Addrs = who.Card.Bytes(), who.Addrs
	return n.redeal(ctx, args.PresenceArgs, kind, func(c *Counter, out *change.Payload) error {
		*out = ch
		if args.Replace == "" {
			return nil
		}
		return About(args.Replace)(c, out) // it may be out by now
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

var errNobodyCame = say.New(say.NobodyCame)
