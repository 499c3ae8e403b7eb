//go:build netns

package e2e

import (
	"testing"

	"github.com/warifu/warifu/node/api"
)

// TestNetnsSleeper has a device sleep through re-deals on a network where ports
// change at each start. It knows neither where the others are by now nor the key
// of their beacons, and finds them all the same.
func TestNetnsSleeper(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	var devices []*device
	var nets []*netDevice
	for _, name := range []string{"laptop", "phone", "tablet"} {
		d := l.device(name)
		nets, devices = append(nets, d), append(devices, d.device)
	}
	c := foundWith(t, nil, func(e api.Event) []string { return []string{e.Code} }, devices...)
	t.Cleanup(func() {
		if t.Failed() {
			c.logs(t)
		}
	})
	laptop, phone, tablet := devices[0], devices[1], devices[2]
	for _, asleep := range []int{1, 2} {
		phone.stop()
		for range asleep {
			changed := c.change(t, laptop.refresh())
			if len(changed.Sleepers) != 1 {
				t.Fatalf("changed: %+v", changed)
			}
		}
		for _, d := range []*netDevice{nets[0], nets[2]} {
			d.stop()
		}
		for _, d := range nets {
			d.up()
		}
		within(t, netPatience, "they find each other", func() bool {
			for _, d := range devices {
				for _, x := range d.status().Devices {
					if !x.This && !x.Online {
						return false
					}
				}
			}
			return true
		})
		if asleep > 1 {
			c.change(t, laptop.refresh())
		}
		c.settle(t, laptop.status().Epoch)
		c.sign(t, "awake", phone, tablet)
	}
}
