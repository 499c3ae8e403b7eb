package desk

import (
	"context"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Preview implements [api.Healing].
func (n *Desk) Preview(ctx context.Context, args api.PreviewArgs) (v api.Preview, err error) {
	err = n.look(ctx, func(c *Counter) error {
		v, err = c.Preview(args)
		return err
	})
	return v, err
}

// Preview says what a change would be shown as on every device.
func (c *Counter) Preview(args api.PreviewArgs) (api.Preview, error) {
	if c.Circle == nil {
		return api.Preview{}, c.Ready()
	}
	if err := c.Out(); err != nil {
		return api.Preview{}, err
	}
	if args.Kind == api.KindRetire {
		return c.previewRetire()
	}
	var ch change.Payload
	if err := c.fill(args, &ch); err != nil {
		return api.Preview{}, err
	}
	ch.Epoch = c.Circle.Record.Epoch
	r := &ledger.Request{
		Request: message.Request{Kind: args.Kind, From: uint16(c.Circle.Slot)}, Meta: ledger.Meta{Epoch: ch.Epoch},
		Change: change.New(change.Kind(args.Kind), ch),
	}
	return previewOf(c.changeWords(r)), nil
}

// fill makes the change that a call asks for, and refuses it as that would.
func (c *Counter) fill(args api.PreviewArgs, ch *change.Payload) error {
	kind := change.Kind(args.Kind)
	if !kind.Known() {
		return say.New(say.UnknownChangeKind, intent.Escape(args.Kind))
	}
	if kind.Has(change.Until) {
		ch.Until = standing.Unix(args.Until)
	}
	switch {
	case kind.Has(change.Signers):
		ch.Threshold = uint16(min(max(args.Threshold, 0), 1<<16-1))
		return c.mayRequire(args.Threshold)
	case kind.Has(change.Device) && kind.Goes() == change.Subject && !kind.Has(change.Card):
		return Another(args.Device)(c, ch)
	case kind.Has(change.Device):
		return About(args.Device)(c, ch)
	case kind.Goes() == change.Asker:
		return c.EnoughWithout(c.Circle.Slot)
	}
	return nil
}

// previewRetire says what it means to destroy this device's old shares. Nobody else
// is asked.
func (c *Counter) previewRetire() (api.Preview, error) {
	a := c.Attempt
	if a == nil || c.OldestShare() >= c.Circle.Record.Epoch {
		return api.Preview{}, say.New(say.NothingToRetire)
	}
	in := intent.Intent{Summary: c.say(say.ToRetire)}
	in.Warnings = []string{c.say(say.RetireLeavesLess, standing.List(c.Names(a.Machine.Waiting())))}
	return previewOf(in), nil
}

// About finds the device that a change is about.
func About(identity string) func(*Counter, *change.Payload) error {
	return func(c *Counter, ch *change.Payload) error {
		d, err := c.Member(identity)
		if err != nil {
			return err
		}
		ch.Slot = uint16(d.Slot)
		return nil
	}
}

// Another is about, for what a device cannot do to itself.
func Another(identity string) func(*Counter, *change.Payload) error {
	return func(c *Counter, ch *change.Payload) error {
		if err := About(identity)(c, ch); err != nil {
			return err
		}
		if wire.Slot(ch.Slot) == c.Circle.Slot {
			return say.New(say.OtherDeviceWanted, c.Self.Name)
		}
		return c.EnoughWithout(wire.Slot(ch.Slot))
	}
}

// mayRequire says why no circle can require that so many devices sign, or nil.
func (c *Counter) mayRequire(devices int) error {
	rec := c.Circle.Record
	most := len(rec.Devices)
	switch {
	case devices > most:
		return say.New(say.MoreThanThereAre, most, devices)
	case 2*devices <= most:
		return say.New(say.HalvesCouldSign, most, most/2+1)
	case devices < 2:
		return say.New(say.OneCouldSign)
	case devices == rec.Threshold:
		return say.New(say.ThresholdStands, devices, most)
	}
	if why := c.FrozenFor(refresh.Proposal{Kind: roster.Rethreshold}); why != "" {
		return judging.FrozenError(why)
	}
	return nil
}
