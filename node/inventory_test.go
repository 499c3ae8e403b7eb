package node

import (
	"slices"
	"testing"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// TestInventoryRemembersIDs: what is asked for a hundred times is hashed once, is
// right each time, and is not kept for longer than the items are.
func TestInventoryRemembersIDs(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 505)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	laptop.flood(phone, 20, 1000)
	c := laptop.core
	right := func(what string) {
		t.Helper()
		var want []wire.Hash
		for _, r := range c.byAge() {
			for _, it := range c.itemsOf(r) {
				want = append(want, it.id())
			}
		}
		if got := c.inventory(); !slices.Equal(got, want) {
			t.Errorf("%s: the inventory lists %d items, not the %d that are kept", what, len(got), len(want))
		}
		if len(c.ids) != len(want) {
			t.Errorf("%s: %d ids are remembered of %d items", what, len(c.ids), len(want))
		}
	}
	right("at first")

	// A remembered id that is wrong shows that it is not made again.
	first := c.everyItem()[0]
	for key, id := range c.ids {
		if id == first.id {
			c.ids[key] = wire.Hash{1}
		}
	}
	if got := c.inventory()[0]; got != (wire.Hash{1}) {
		t.Error("the ids of all items are made again for each message")
	}
	c.ids = nil
	right("afresh")

	laptop.flood(phone, 5, 1000)
	right("with more")
	for id := range c.requests {
		delete(c.requests, id)
		break
	}
	right("with less")
	phone.change(api.KindFreeze, change{})
	l.run(addrsPause, nil)
	right("after others spoke")
}

// TestFormerDevicesTakeNobodysPlace has a circle that many devices have left. The
// link admits so many peers at most, whichever come first.
func TestFormerDevicesTakeNobodysPlace(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 506)
	l.found(2, 3)
	laptop := l.devices[1]
	c := laptop.core
	var gone roster.Record
	for i := range 40 {
		d := roster.Device{Slot: wire.Slot(100 + i), Identity: wire.DeviceID{byte(i), 1}, Peer: slices.Repeat([]byte{byte(100 + i)}, 38)}
		gone.Devices = append(gone.Devices, d)
		c.circle.record.Former = append(c.circle.record.Former, roster.Former{Slot: d.Slot, Identity: d.Identity, State: roster.Left, Epoch: uint64(i)})
	}
	c.circle.chain = append(c.circle.chain, roster.Entry{Record: gone})
	c.admit()
	const members = 2
	if n := len(laptop.allowed); n != members+maxFormerPeers {
		t.Errorf("%d peers are admitted, want %d", n, members+maxFormerPeers)
	}
	for i, d := range gone.Devices {
		if want := i >= len(gone.Devices)-maxFormerPeers; laptop.allowed[string(d.Peer)] != want {
			t.Errorf("the device that left in epoch %d is admitted: %v", i, !want)
		}
	}
	for _, d := range []*labDevice{l.devices[0], l.devices[2]} {
		if !laptop.allowed[string(d.id)] {
			t.Errorf("%s is not admitted", d.name)
		}
	}
}
