package node

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"

	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// itemsOf lists what is kept of a request.
func (c *core) itemsOf(r *ledger.Request) []message.Item {
	out := []message.Item{r.Item}
	for _, m := range r.Answers() {
		for _, s := range standing.SortedSlots(m) {
			out = append(out, m[s])
		}
	}
	return out
}

// holds reports whether the signature of an item does.
func holds(c *core, it message.Item) bool {
	d, ok := c.Circle.Record.Device(it.From)
	return ok && ed25519.Verify(d.Identity[:], message.ItemMessage(c.Circle.Record.Circle, it.Type, it.From, it.Body), it.Sig)
}

// stocked says how the stock of a device differs from what it keeps, or "".
func stocked(c *core) string {
	n := 0
	for _, r := range c.Requests {
		for _, it := range c.itemsOf(r) {
			if n++; !c.Stock.Has(it.ID()) {
				return fmt.Sprintf("an item of type %d of slot %d is not in it", it.Type, it.From)
			}
		}
		if r.Open() && c.Unclosed[r.ID] != r {
			return "an open request is not among those that are open"
		}
	}
	if len(c.Stock.Items) != n || len(c.Unclosed) > len(c.Requests) {
		return fmt.Sprintf("%d items are in it, and %d are kept", len(c.Stock.Items), n)
	}
	return ""
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
		c.Circle.Record.Former = append(c.Circle.Record.Former, roster.Former{Slot: d.Slot, Identity: d.Identity, State: roster.Left, Epoch: uint64(i)})
	}
	c.Circle.Chain = append(c.Circle.Chain, roster.Entry{Record: gone})
	c.admit()
	const members = 2
	if n := len(laptop.allowed); n != members+standing.MaxFormerPeers {
		t.Errorf("%d peers are admitted, want %d", n, members+standing.MaxFormerPeers)
	}
	for i, d := range gone.Devices {
		if want := i >= len(gone.Devices)-standing.MaxFormerPeers; laptop.allowed[string(d.Peer)] != want {
			t.Errorf("the device that left in epoch %d is admitted: %v", i, !want)
		}
	}
	for _, d := range []*labDevice{l.devices[0], l.devices[2]} {
		if !laptop.allowed[string(d.id)] {
			t.Errorf("%s is not admitted", d.name)
		}
	}
}
