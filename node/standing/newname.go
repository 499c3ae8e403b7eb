package standing

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/roster"
)

// A BadName is why a device may not begin to be called so.
type BadName struct{ Why string }

func (e *BadName) Error() string { return "node: " + e.Why }

// IsBadName reports whether err is about a name under which no device may come in.
func IsBadName(err error) bool { _, ok := errors.AsType[*BadName](err); return ok }

// CheckNewName reports whether a device may begin to be called name: it must not
// pass for a slot, a fingerprint or an option ([roster.CheckNewName]), nor be made
// to look like another name ([intent.Suspicious]). The error is for a person.
func CheckNewName(name string) error {
	if err := roster.CheckNewName(name); err != nil {
		return &BadName{strings.TrimPrefix(err.Error(), "roster: ")}
	}
	if found := intent.Suspicious(name); len(found) > 0 {
		return &BadName{"name may pass for another: " + strings.Join(found, "; ")}
	}
	return nil
}

// CheckNames is [CheckNewName] for all devices of a circle that is being founded,
// of which no two may look alike.
func CheckNames(devices []roster.Device) error {
	for _, d := range devices {
		if err := CheckNewName(d.Name); err != nil {
			return fmt.Errorf("node: device %d is called %s: %w", d.Slot, intent.Escape(d.Name), err)
		}
	}
	return roster.CheckNewNames(devices)
}

var ErrSameName = errors.New("node: another device has this name, or one that looks like it")

// CheckNewcomer reports whether a device may come into the circle under a name, in
// place of the one in a slot if that is not 0. Which names its members have from
// before does not matter, unless one of them looks like it.
func (me *Standing) CheckNewcomer(card roster.Card, replaces roster.Device) error {
	if err := CheckNewName(card.Name); err != nil {
		return err
	}
	for _, d := range me.Circle.Record.Devices {
		if d.Identity != replaces.Identity && d.Identity != card.Identity && roster.Alike(d.Name, card.Name) {
			return ErrSameName
		}
	}
	return nil
}

// OwnNameError says that this device cannot come into a circle under its name,
// which it has from before there was a rule, or returns nil.
func (me *Standing) OwnNameError() error {
	e, ok := errors.AsType[*BadName](CheckNewName(me.Self.Name))
	if !ok {
		return nil
	}
	return say.New(say.OwnName, intent.Escape(me.Self.Name), e.Why)
}

// SameCard reports whether an added device is the one of a card.
func SameCard(d roster.Device, card roster.Card) bool {
	w := card.Device(d.Slot)
	return d.Name == w.Name && d.Kind == w.Kind && d.Identity == w.Identity && bytes.Equal(d.Peer, w.Peer) &&
		d.Box == w.Box && d.Presence == w.Presence
}
