package node

import (
	"slices"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A simCall is a request of a person to change who is in the circle.
type simCall struct {
	id    wire.RequestID
	kind  change.Kind
	by    wire.DeviceID
	about wire.DeviceID // who is to go or to come
}

// called notes such a request.
func (t *truth) called(d *simDevice, id wire.RequestID, kind change.Kind, ch change.Payload, about *simDevice) {
	call := simCall{id: id, kind: kind, by: d.view.self}
	switch {
	case len(ch.Card) > 0:
		if card, err := roster.ParseCard(ch.Card); err == nil {
			call.about = card.Identity
		}
	case kind == change.Leave:
		call.about = d.view.self
	case about != nil:
		call.about = about.view.self
	}
	t.calls = append(t.calls, call)
}

// agreed is the rest of O5: whoever comes in does because as many people as
// must sign wanted just that device, and whoever goes for another reason than its
// silence because a person said so, itself or another.
func (w *world) agreed(d *simDevice, was, is roster.Record) {
	for _, x := range is.Devices {
		if _, in := was.ByIdentity(x.Identity); in {
			continue
		}
		if !slices.ContainsFunc(w.truth.calls, func(c simCall) bool {
			return (c.kind == change.Add || c.kind == change.Replace) && c.about == x.Identity && len(w.truth.approved[c.id]) >= was.Threshold
		}) {
			w.fail("O5: epoch %d has device %d in it, and too few persons have agreed to that", is.Epoch, x.Slot)
		}
	}
	for _, x := range is.Former {
		if _, before := was.IsFormer(x.Identity); before || x.State == roster.Silent {
			continue
		}
		if !slices.ContainsFunc(w.truth.calls, func(c simCall) bool {
			return c.about == x.Identity && (x.State == roster.Left && c.kind == change.Leave && c.by == x.Identity ||
				x.State == roster.Stolen && (c.kind == change.Lost || c.kind == change.Replace) && c.by != x.Identity)
		}) {
			w.fail("O5: epoch %d says that device %d is %v, and nobody has", is.Epoch, x.Slot, x.State)
		}
	}
}
