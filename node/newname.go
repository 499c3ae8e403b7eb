package node

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

// A badName is why a device may not begin to be called so.
type badName struct{ why string }

func (e *badName) Error() string { return "node: " + e.why }

func isBadName(err error) bool { _, ok := errors.AsType[*badName](err); return ok }

// CheckNewName reports whether a device may begin to be called name: it must not
// pass for a slot, a fingerprint or an option ([roster.CheckNewName]), nor be made
// to look like another name ([intent.Suspicious]). The error is for a person.
func CheckNewName(name string) error {
	if err := roster.CheckNewName(name); err != nil {
		return &badName{strings.TrimPrefix(err.Error(), "roster: ")}
	}
	if found := intent.Suspicious(name); len(found) > 0 {
		return &badName{"name may pass for another: " + strings.Join(found, "; ")}
	}
	return nil
}

// checkNames is [CheckNewName] for all devices of a circle that is being founded,
// of which no two may look alike.
func checkNames(devices []roster.Device) error {
	for _, d := range devices {
		if err := CheckNewName(d.Name); err != nil {
			return fmt.Errorf("node: device %d is called %s: %w", d.Slot, intent.Escape(d.Name), err)
		}
	}
	return roster.CheckNewNames(devices)
}

var errSameName = errors.New("node: another device has this name, or one that looks like it")

// checkNewcomer reports whether a device may come into the circle under a name, in
// place of the one in a slot if that is not 0. Which names its members have from
// before does not matter, unless one of them looks like it.
func (me *standing) checkNewcomer(card roster.Card, replaces roster.Device) error {
	if err := CheckNewName(card.Name); err != nil {
		return err
	}
	for _, d := range me.circle.record.Devices {
		if d.Identity != replaces.Identity && d.Identity != card.Identity && roster.Alike(d.Name, card.Name) {
			return errSameName
		}
	}
	return nil
}

// ownNameError says that this device cannot come into a circle under its name,
// which it has from before there was a rule, or returns nil.
func (me *standing) ownNameError() error {
	e, ok := errors.AsType[*badName](CheckNewName(me.self.name))
	if !ok {
		return nil
	}
	return api.Errorf(api.CodeRefused, "this device is called %s: %s", intent.Escape(me.self.name), e.why).
		WithHint("make a device of another name in another home: warifu init")
}

// sameCard reports whether an added device is the one of a card.
func sameCard(d roster.Device, card roster.Card) bool {
	w := card.Device(d.Slot)
	return d.Name == w.Name && d.Kind == w.Kind && d.Identity == w.Identity && bytes.Equal(d.Peer, w.Peer) &&
		d.Box == w.Box && d.Presence == w.Presence
}
