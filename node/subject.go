package node

import (
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Which device a call or a request is about. A person says a name, a slot or a
// fingerprint to the client, which finds the one device that it can mean. From
// there on it is an identity: a name can be taken by another device, and so can
// a slot whose re-deal died.

// member finds the device of the circle that has the identity, 64 lower-case hex
// digits.
func (lg *ledger) member(identity string) (roster.Device, error) {
	raw, err := hex.DecodeString(identity)
	if err != nil || len(raw) != len(wire.DeviceID{}) {
		return roster.Device{}, api.Errorf(api.CodeBadArgument, "a device is said by its identity, 64 hex digits").
			WithHint("`warifu status --json` lists them; is the command of the same version as the daemon?")
	}
	id := wire.DeviceID(raw)
	if d, ok := lg.me.circle.record.ByIdentity(id); ok {
		return d, nil
	}
	if f, was := lg.me.circle.record.IsFormer(id); was {
		return roster.Device{}, api.Errorf(api.CodeUnknown, "%s is no longer in the circle, since epoch %d", f.Name, f.Epoch)
	}
	return roster.Device{}, api.Errorf(api.CodeUnknown, "no device of the circle has the identity %v", id)
}

// subject returns the slot of the device that r is about. It is 0 if r is about
// none, or about one that this device does not know in that slot.
func (lg *ledger) subject(r *openRequest) wire.Slot {
	return r.change.Subject(lg.me.circle.record, lg.me.circle.head().Record)
}

// aboutUnknown reports whether r is about a device that this one does not know:
// it may have yet to hear of the epoch in which that came in. Until then the
// request stays open and nothing comes of it here.
func (lg *ledger) aboutUnknown(r *openRequest) bool {
	return r.change != nil && r.change.Unknown(lg.subject(r))
}

// subjectName is what a person calls the device that r is about.
func (lg *ledger) subjectName(r *openRequest) string {
	switch {
	case !lg.aboutUnknown(r):
		return lg.me.name(lg.subject(r))
	case len(r.change.Device) > 0:
		return fmt.Sprintf("the unknown device %x", r.change.Device[:4])
	}
	return fmt.Sprintf("device %d", r.change.Slot)
}

// nameTrouble says why the device that a change lets in may not come in under its
// name, or "".
func (lg *ledger) nameTrouble(r *openRequest) string {
	if r.change == nil || r.change.Newcomer == nil {
		return ""
	}
	card := r.change.Newcomer
	replaces, _ := lg.me.circle.record.Device(lg.subject(r))
	err := lg.me.checkNewcomer(*card, replaces)
	if e, bad := errors.AsType[*badName](err); bad {
		return "the name " + intent.Escape(card.Name) + ": " + e.why
	}
	if err != nil {
		return "the name " + intent.Escape(card.Name) + " is that of another device, or looks like it"
	}
	return ""
}
