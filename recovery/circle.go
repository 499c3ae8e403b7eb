package recovery

import (
	"fmt"
	"slices"
	"strings"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A circle is who is who, by the newest record that this device knows.
type circle struct {
	roster.Record
	called func(wire.Slot) string // nil: as in the record
}

func (c *circle) member(slot wire.Slot) bool {
	_, ok := c.Device(slot)
	return ok
}

func (c *circle) former(slot wire.Slot) (roster.Former, bool) {
	for _, f := range c.Former {
		if f.Slot == slot {
			return f, true
		}
	}
	return roster.Former{}, false
}

func (c *circle) identity(slot wire.Slot) (wire.DeviceID, bool) {
	if d, ok := c.Device(slot); ok {
		return d.Identity, true
	}
	f, ok := c.former(slot)
	return f.Identity, ok
}

// begins returns how a member begins: who slept through the re-deal has its
// share in a mailbox and not yet in its hands.
func (c *circle) begins(slot wire.Slot) State {
	if slices.Contains(c.Change.Sleepers, slot) {
		return Pending
	}
	return Live
}

// gone reports whether a former device has not come back under another slot.
func (c *circle) gone(f roster.Former) bool {
	_, back := c.ByIdentity(f.Identity)
	return !back
}

// left reports whether a former device was taken out by its own person.
func (c *circle) left(slot wire.Slot) bool {
	f, _ := c.former(slot)
	return f.State == roster.Left
}

// name returns what a person calls a device, also one that left.
func (c *circle) name(slot wire.Slot) string {
	if c.called != nil {
		return c.called(slot)
	}
	if d, ok := c.Device(slot); ok {
		return d.Name
	}
	if f, ok := c.former(slot); ok {
		return f.Name
	}
	return fmt.Sprintf("device %d", slot)
}

func (c *circle) names(slots []wire.Slot) string {
	var names []string
	for _, s := range slots {
		names = append(names, c.name(s))
	}
	return strings.Join(names, " and ")
}
