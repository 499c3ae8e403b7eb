package node

import (
	"context"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
)

// Preview implements [api.Healing].
func (n *Desk) Preview(ctx context.Context, args api.PreviewArgs) (v api.Preview, err error) {
	err = n.look(ctx, func(c *core) error {
		v, err = c.preview(args)
		return err
	})
	return v, err
}

// preview says what a change would be shown as on every device.
func (c *core) preview(args api.PreviewArgs) (api.Preview, error) {
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
func (c *core) fill(args api.PreviewArgs, ch *change.Payload) error {
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
func (c *core) previewRetire() (api.Preview, error) {
	a := c.attempt
	if a == nil || c.oldestShare() >= c.circle.record.Epoch {
		return api.Preview{}, api.Errorf(api.CodeBadArgument, "this device keeps no old shares for a device that sleeps")
	}
	in := intent.Intent{Summary: "this device's shares of former epochs are destroyed"}
	in.Warnings = []string{"until " + list(c.names(a.machine.Waiting())) + " has its fresh share, a disk that breaks elsewhere leaves less to go on with"}
	return previewOf(in), nil
}

func previewOf(in intent.Intent) api.Preview {
	return api.Preview{Summary: in.Summary, Lines: viewLines(in.Lines), Warnings: append([]string{}, in.Warnings...)}
}

func viewLines(lines []intent.Line) []api.Line {
	out := []api.Line{}
	for _, l := range lines {
		text := l.Value
		if l.Warn {
			text = "! " + text
		}
		out = append(out, api.Line{Label: l.Label, Text: text})
	}
	return out
}
