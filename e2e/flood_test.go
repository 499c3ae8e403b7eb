package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// TestOneMemberFloods has the tablet flood the others with all that a member can
// send. Meanwhile the laptop answers its person and says who floods it, two persons
// sign, and when they call the tablet lost the circle heals.
func TestOneMemberFloods(t *testing.T) {
	long(t)
	t.Parallel()
	for _, flood := range []string{"mix", "forged"} {
		t.Run(flood, func(t *testing.T) {
			t.Parallel()
			c := newCircle(t, 2, "laptop", "phone", "tablet")
			laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
			for i, d := range c.devices { // so that there is something to repeat
				c.sign(t, "before "+d.name, d, c.devices[(i+1)%3])
			}
			tablet.kill()
			tablet.toLab()
			tablet.wish("flood=" + flood)
			tablet.up()
			answered := 0
			names := func(d *device) bool {
				s := d.status()
				answered++
				if flood == "forged" {
					return slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "tablet sends what others did not sign") })
				}
				i := slices.IndexFunc(s.Devices, func(d api.Device) bool { return d.Name == "tablet" })
				return s.Devices[i].HeldBack && s.Devices[i].Load > 0 &&
					slices.ContainsFunc(s.Warnings, func(w string) bool { return strings.Contains(w, "tablet takes") })
			}
			for _, d := range []*device{laptop, phone} {
				within(t, 3*patience, d.name+" says who floods it", func() bool { return names(d) })
			}
			for range 20 {
				laptop.status()
				answered++
			}
			t.Logf("status answered %d times in the flood", answered)
			for _, d := range laptop.status().Devices {
				if d.Name == "phone" && (d.HeldBack || !d.Online) {
					t.Errorf("the phone, which floods nobody: %+v", d)
				}
			}
			c.sign(t, "in the flood", laptop, phone)

			began := time.Now()
			changed := c.change(t, laptop.lost(tablet), phone)
			t.Logf("healed after %v", time.Since(began))
			c.drop(tablet)
			c.settle(t, changed.Epoch)
			c.everyPair(t, "after the flood")
		})
	}
}
