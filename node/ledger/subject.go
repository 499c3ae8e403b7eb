package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Which device a call or a request is about. A person says a name, a slot or a
// fingerprint to the client, which finds the one device that it can mean. From
// there on it is an identity: a name can be taken by another device, and so can
// a slot whose re-deal died.

// Member finds the device of the circle that has the identity, 64 lower-case hex
// digits.
func (lg *Ledger) Member(identity string) (roster.Device, error) {
	raw, err := hex.DecodeString(identity)
	if err != nil || len(raw) != len(wire.DeviceID{}) {
		return roster.Device{}, say.New(say.NoIdentity)
	}
	id := wire.DeviceID(raw)
	if d, ok := lg.me.Circle.Record.ByIdentity(id); ok {
		return d, nil
	}
	if f, was := lg.me.Circle.Record.IsFormer(id); was {
		return roster.Device{}, say.New(say.FormerDevice, f.Name, f.Epoch)
	}
	return roster.Device{}, say.New(say.UnknownDevice, id)
}

// Subject returns the slot of the device that r is about. It is 0 if r is about
// none, or about one that this device does not know in that slot.
func (lg *Ledger) Subject(r *Request) wire.Slot {
	return r.Change.Subject(lg.me.Circle.Record, lg.me.Circle.Head().Record)
}

// AboutUnknown reports whether r is about a device that this one does not know:
// it may have yet to hear of the epoch in which that came in. Until then the
// request stays open and nothing comes of it here.
func (lg *Ledger) AboutUnknown(r *Request) bool {
	return r.Change != nil && r.Change.Unknown(lg.Subject(r))
}

// SubjectName is what a person calls the device that r is about.
func (lg *Ledger) SubjectName(r *Request) string {
	switch {
	case !lg.AboutUnknown(r):
		return lg.me.Name(lg.Subject(r))
	case len(r.Change.Device) > 0:
		return fmt.Sprintf("the unknown device %x", r.Change.Device[:4])
	}
	return fmt.Sprintf("device %d", r.Change.Slot)
}

// NameTrouble says why the device that a change lets in may not come in under its
// name, or "".
func (lg *Ledger) NameTrouble(r *Request) string {
	if r.Change == nil || r.Change.Newcomer == nil {
		return ""
	}
	card := r.Change.Newcomer
	replaces, _ := lg.me.Circle.Record.Device(lg.Subject(r))
	err := lg.me.CheckNewcomer(*card, replaces)
	if e, bad := errors.AsType[*standing.BadName](err); bad {
		return "the name " + intent.Escape(card.Name) + ": " + e.Why
	}
	if err != nil {
		return "the name " + intent.Escape(card.Name) + " is that of another device, or looks like it"
	}
	return ""
}
