package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// Ten years, ahead and behind. The clock of the lab is harsher than one that is
// set: what a process measures jumps with it.
const (
	decadeAhead  = "clock=+87600h"
	decadeBehind = "clock=-87600h"
)

// namesClock waits until d tells its person that another's clock is off.
func (d *device) namesClock(t testing.TB, other *device, way string) {
	t.Helper()
	eventually(t, d.name+" says that the clock of "+other.name+" is off", func() bool {
		for _, w := range d.status().Warnings {
			if strings.HasPrefix(w, "the clock of "+other.name+" is ") && strings.Contains(w, way+" this device's: set the one that is wrong") {
				return true
			}
		}
		return false
	})
}

// TestWrongClocks founds a circle of devices whose clocks are ten years off, one
// ahead and one behind. They sign and deal fresh shares, each names the clocks
// that differ from its own, and nothing ends because a clock jumps by twenty
// years in the middle of a re-deal.
func TestWrongClocks(t *testing.T) {
	t.Parallel()
	r := random(t)
	var devices []*device
	for i, name := range []string{"laptop", "phone", "tablet"} {
		d := newDevice(t, name)
		d.toLab()
		d.wish([]string{"", decadeAhead, decadeBehind}[i])
		d.up()
		devices = append(devices, d)
	}
	// A heartbeat every two seconds, and nobody is suspected.
	c := foundWith(t, []string{"--quiet", "8s", "--suspect", "30m", "--online", "30m", "--grace", "30m"}, byText, devices...)
	laptop, phone, tablet := c.devices[0], c.devices[1], c.devices[2]
	c.everyPair(t, "from three decades")
	laptop.namesClock(t, phone, "ahead of")
	laptop.namesClock(t, tablet, "behind")
	phone.namesClock(t, laptop, "behind")
	tablet.namesClock(t, laptop, "ahead of")
	for round, asker := range c.devices {
		// The clocks change places while the shares are dealt.
		jumped := make(chan struct{})
		jump := func(ctx context.Context, emit func(api.Event)) (api.Changed, error) {
			return asker.refresh()(ctx, func(e api.Event) {
				if e.Event == api.EventRequest {
					moment := time.Duration(r.Int64N(int64(killWithin / 2)))
					time.AfterFunc(moment, func() {
						phone.wish([]string{decadeBehind, decadeAhead}[round%2])
						tablet.wish([]string{decadeAhead, decadeBehind}[round%2])
						close(jumped)
					})
				}
				emit(e)
			})
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		changed, _, err := tryChange(ctx, jump)
		select {
		case <-jumped: // it may be that the shares were there before
		case <-ctx.Done():
			c.logs(t)
			t.Fatalf("round %d: no request: %v", round, err)
		}
		if api.CodeOf(err) == api.CodeExpired && asker != laptop {
			// By the clock of the device that asked ten years have passed. The
			// others may have gone on all the same; its person asks again.
			changed = c.change(t, asker.refresh())
		} else if err != nil {
			c.logs(t)
			t.Fatalf("round %d: %v", round, err)
		}
		c.settle(t, changed.Epoch)
		c.everyPair(t, fmt.Sprintf("round %d", round))
	}
	// A clock that is right again is not complained of.
	phone.wish("")
	tablet.wish("")
	for _, d := range c.devices {
		for _, other := range c.devices {
			if d != other {
				eventually(t, d.name+" is content with the clock of "+other.name, func() bool { return !d.warns("the clock of " + other.name) })
			}
		}
	}
	for _, d := range c.devices {
		d.kill()
		d.sound()
	}
}

// TestClocksMakeNoRemovalEarly has both devices that judge a silent one jump ten
// years ahead. It is not removed before its time, and it is after it.
func TestClocksMakeNoRemovalEarly(t *testing.T) {
	long(t)
	t.Parallel()
	const suspect, grace = 20 * time.Second, 5 * time.Second
	// A jump counts for as much as may pass between two ticks, and a judge
	// counts whole seconds.
	const slack = 10*time.Second + 2*time.Second
	var d [3]*device
	for i, name := range []string{"laptop", "phone", "tablet"} {
		d[i] = newDevice(t, name)
		d[i].toLab()
		d[i].up()
	}
	c := foundWith(t, []string{"--quiet", "2s", "--suspect", suspect.String(), "--online", "2s", "--grace", grace.String()}, byText, d[:]...)
	for _, x := range d {
		x.online()
	}
	laptop, phone, tablet := d[0], d[1], d[2]
	phone.kill()
	silent := time.Now()
	laptop.wish(decadeAhead)
	tablet.wish(decadeAhead)
	others := []*device{laptop, tablet}
	within(t, 4*patience, "the silent phone is removed", func() bool {
		gone := 0
		for _, o := range others {
			if o.sees(phone) == nil {
				gone++
			}
		}
		if early := suspect + 2*grace - slack - time.Since(silent); gone > 0 && early > 0 {
			t.Fatalf("removed %v early", early)
		}
		return gone == len(others)
	})
	c.drop(phone)
	c.settle(t, 1)
	c.everyPair(t, "ten years later")
}
