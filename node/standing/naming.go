package standing

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// What persons call devices. A name comes back when a device takes the place of
// another; then whoever had it before is told by fingerprint and date.

// Name returns what a person calls the device in slot, or called it while it was
// in the circle, so that no two devices are called the same.
func (me *Standing) Name(slot wire.Slot) string {
	if d, ok := me.Device(slot); ok {
		if slices.ContainsFunc(me.Members(), func(o roster.Device) bool { return o.Slot != slot && strings.EqualFold(o.Name, d.Name) }) {
			return fmt.Sprintf("%s (%s)", d.Name, Fingerprint(d)) // while one replaces the other
		}
		return d.Name
	}
	if me.Circle != nil {
		for _, f := range me.Circle.Record.Former {
			if f.Slot == slot {
				return me.FormerName(f)
			}
		}
	}
	return fmt.Sprintf("device %d", slot)
}

// FormerName is what a device is called that is out: by its name alone as long as
// no other device has or had it.
func (me *Standing) FormerName(f roster.Former) string {
	other := func(slot wire.Slot, name string) bool { return slot != f.Slot && strings.EqualFold(name, f.Name) }
	if !slices.ContainsFunc(me.Members(), func(d roster.Device) bool { return other(d.Slot, d.Name) }) &&
		!slices.ContainsFunc(me.Circle.Record.Former, func(o roster.Former) bool { return other(o.Slot, o.Name) }) {
		return f.Name
	}
	what := "removed"
	if f.State == roster.Left {
		what = "left"
	}
	when := fmt.Sprintf("in epoch %d", f.Epoch)
	if at := me.SinceOf(f.Epoch); at != nil {
		when = at.Format("2 Jan 2006")
	}
	print := f.Identity.String()
	if d, ok := me.EverDevice(f.Slot); ok {
		print = Fingerprint(d)
	}
	return fmt.Sprintf("%s (%s %s, %s)", f.Name, what, when, print)
}

// Names is [Standing.Name] for each of slots.
func (me *Standing) Names(slots []wire.Slot) []string {
	out := make([]string, 0, len(slots))
	for _, s := range slots {
		out = append(out, me.Name(s))
	}
	return out
}

// EverDevice returns the device that has the slot, or had it.
func (me *Standing) EverDevice(slot wire.Slot) (roster.Device, bool) {
	if d, ok := me.Device(slot); ok || me.Circle == nil {
		return d, ok
	}
	for _, e := range slices.Backward(me.Circle.Chain) {
		if d, ok := e.Record.Device(slot); ok {
			return d, true
		}
	}
	return roster.Device{}, false
}

// SinceOf returns when this device stored an epoch, nil if it does not know.
func (me *Standing) SinceOf(epoch uint64) (at *time.Time) {
	if err := me.Config.Journal.View(func(tx journal.Tx) (err error) {
		at, err = since(tx, epoch)
		return err
	}); err != nil {
		return nil // the number of the epoch stands for it
	}
	return at
}

const tagFingerprint wire.Tag = "node/fingerprint"

// Fingerprint abbreviates all public keys of a device.
func Fingerprint(d roster.Device) string {
	h := wire.Sum(tagFingerprint, d.Identity[:], d.Peer, d.Box[:], d.Presence[:])
	return h.String()
}
