package e2e

import (
	"context"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/node/api"
)

// TestTwoChangesAtOnce has two devices ask for a re-deal in the same moment.
// Both get what they want, one after the other or in one.
func TestTwoChangesAtOnce(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	var all errgroup.Group
	for _, d := range c.devices {
		all.Go(func() error {
			_, _, err := tryChange(ctx, d.refresh())
			return err
		})
	}
	if err := all.Wait(); err != nil {
		c.logs(t)
		t.Fatal(err)
	}
	c.settle(t, 1)
	c.everyPair(t, "after all three")
}

// TestAccuseEachOther has two devices call each other lost. The circle stands
// still until the third person decides.
func TestAccuseEachOther(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	first := laptop.begin("lost", "phone", "--yes", "--passphrase-file", laptop.pass)
	id := first.await(api.EventRequest).ID
	second := phone.begin("lost", "laptop", "--yes", "--timeout", "12s", "--passphrase-file", phone.pass)
	counter := second.await(api.EventRequest).ID
	eventually(t, "the tablet has heard both", func() bool {
		heard := 0
		for _, r := range tablet.status().Requests {
			if r.ID == id || r.ID == counter {
				heard++
			}
		}
		return heard == 2
	})
	for _, d := range c.devices {
		eventually(t, d.name+" is frozen", func() bool { return d.status().Frozen != "" })
		d.cannotSign(t, api.CodeFrozen)
	}
	for _, d := range c.devices {
		if s := d.status(); s.Epoch != 0 {
			t.Errorf("%s is in epoch %d without a quorum", d.name, s.Epoch)
		}
	}
	tablet.run(0, "approve", id[:8], "--yes", "--passphrase-file", tablet.pass)
	changed := decode[api.Changed](t, first.done())
	c.drop(phone)
	c.settle(t, changed.Epoch)
	c.everyPair(t, "decided")
	phone.cannotSign(t, api.CodeEvicted, api.CodeFrozen, api.CodeTimeout)
	// Nobody tells a device that was called lost anything, so it waits.
	if _, failed := second.end(); failed == nil || failed.Code != api.CodeTimeout {
		t.Errorf("the removed device: %v", failed)
	}
}
