package node

import (
	"context"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Preview implements [api.Healing].
func (n *Desk) Preview(ctx context.Context, args api.PreviewArgs) (v api.Preview, err error) {
	err = n.look(ctx, func(c *counter) error {
		v, err = c.preview(args)
		return err
	})
	return v, err
}

// preview says what a change would be shown as on every device.
func (c *counter) preview(args api.PreviewArgs) (api.Preview, error) {
	if c.circle == nil {
		return api.Preview{}, c.ready()
	}
	if err := c.out(); err != nil {
		return api.Preview{}, err
	}
	if args.Kind == api.KindRetire {
		return c.previewRetire()
	}
	var ch change.Payload
	if err := c.fill(args, &ch); err != nil {
		return api.Preview{}, err
	}
	ch.Epoch = c.circle.record.Epoch
	r := &openRequest{
		request: request{Kind: args.Kind, From: uint16(c.circle.slot)}, meta: meta{Epoch: ch.Epoch},
		change: change.New(change.Kind(args.Kind), ch),
	}
	return previewOf(c.changeWords(r)), nil
}

// fill makes the change that a call asks for, and refuses it as that would.
func (c *counter) fill(args api.PreviewArgs, ch *change.Payload) error {
	kind := change.Kind(args.Kind)
	if !kind.Known() {
		return api.Errorf(api.CodeBadArgument, "unknown kind of change %q", intent.Escape(args.Kind))
	}
	if kind.Has(change.Until) {
		ch.Until = unix(args.Until)
	}
	switch {
	case kind.Has(change.Signers):
		ch.Threshold = uint16(min(max(args.Threshold, 0), 1<<16-1))
		return c.mayRequire(args.Threshold)
	case kind.Has(change.Device) && kind.Goes() == change.Subject && !kind.Has(change.Card):
		return another(args.Device)(c, ch)
	case kind.Has(change.Device):
		return about(args.Device)(c, ch)
	case kind.Goes() == change.Asker:
		return c.enoughWithout(c.circle.slot)
	}
	return nil
}

// previewRetire says what it means to destroy this device's old shares. Nobody else
// is asked.
func (c *counter) previewRetire() (api.Preview, error) {
	a := c.attempt
	if a == nil || c.oldestShare() >= c.circle.record.Epoch {
		return api.Preview{}, api.Errorf(api.CodeBadArgument, "this device keeps no old shares for a device that sleeps")
	}
	in := intent.Intent{Summary: "this device's shares of former epochs are destroyed"}
	in.Warnings = []string{"until " + list(c.names(a.machine.Waiting())) + " has its fresh share, a disk that breaks elsewhere leaves less to go on with"}
	return previewOf(in), nil
}

// about finds the device that a change is about.
func about(identity string) func(*counter, *change.Payload) error {
	return func(c *counter, ch *change.Payload) error {
		d, err := c.member(identity)
		if err != nil {
			return err
		}
		ch.Slot = uint16(d.Slot)
		return nil
	}
}

// another is about, for what a device cannot do to itself.
func another(identity string) func(*counter, *change.Payload) error {
	return func(c *counter, ch *change.Payload) error {
		if err := about(identity)(c, ch); err != nil {
			return err
		}
		if wire.Slot(ch.Slot) == c.circle.slot {
			return api.Errorf(api.CodeBadArgument, "%s is this device", c.self.name).WithHint("\"warifu leave\" takes this device out")
		}
		return c.enoughWithout(wire.Slot(ch.Slot))
	}
}

// mayRequire says why no circle can require that so many devices sign, or nil.
func (c *counter) mayRequire(devices int) error {
	rec := c.circle.record
	most := len(rec.Devices)
	switch {
	case devices > most:
		return api.Errorf(api.CodeBadArgument, "the circle has %d devices, so that %d cannot sign", most, devices).WithHint("warifu invite")
	case 2*devices <= most:
		return api.Errorf(api.CodeBadArgument, "of %d devices more than half must sign, which is at least %d: two halves could act apart", most, most/2+1)
	case devices < 2:
		return api.Errorf(api.CodeBadArgument, "at least 2 devices must sign")
	case devices == rec.Threshold:
		return api.Errorf(api.CodeBadArgument, "%d of %d devices must sign already", devices, most)
	}
	if why := c.frozenFor(refresh.Proposal{Kind: roster.Rethreshold}); why != "" {
		return frozenError(why)
	}
	return nil
}
