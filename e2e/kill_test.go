package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// killAfter kills d after a moment drawn from r, which returns when it has.
func killAfter(r *rand.Rand, d *device, within time.Duration) (wait func()) {
	return killAt(d, time.Duration(r.Int64N(int64(within))))
}

// killInRound does the same in the part of that time that is the round's, so that
// few rounds are spread over all of it, too.
func killInRound(r *rand.Rand, d *device, within time.Duration, round int) (wait func()) {
	part := within / time.Duration(*rounds)
	return killAt(d, time.Duration(round)*part+time.Duration(r.Int64N(int64(part))))
}

func killAt(d *device, moment time.Duration) (wait func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		time.Sleep(moment) // the moment is the test
		d.kill()
	}()
	return func() { <-done }
}

// TestKillWhileSigning kills one device after the other at random moments of a
// signature, and checks each time that nothing that anybody was told is
// forgotten and that the circle goes on to sign.
func TestKillWhileSigning(t *testing.T) {
	t.Parallel()
	r := random(t)
	c := newCircle(t, 2, "laptop", "phone", "tablet")
	for round := range *rounds {
		asker := c.devices[r.IntN(3)]
		approver := c.devices[(r.IntN(2)+1+index(c, asker))%3]
		victim := []*device{asker, approver}[r.IntN(2)]
		message := fmt.Sprintf("round %d", round)
		t.Logf("%s asks, %s approves, %s is killed", asker.name, approver.name, victim.name)

		ctx, cancel := context.WithTimeout(t.Context(), patience)
		killed := killInRound(r, victim, 600*time.Millisecond, round)
		// It fails, or the kill came too late: both are fine.
		sig, id, err := ask(ctx, message, asker, approver)
		cancelled := err != nil
		cancel()
		killed()
		victim.sound()
		victim.up()
		if !cancelled {
			c.check(t, message, sig)
		}
		if id != "" {
			rememberedBy(t, c, asker, id, message)
		}
		// Whatever was interrupted, these two sign the next thing.
		asker.online()
		c.sign(t, message+", again", asker, approver)
	}
}

// rememberedBy checks that asker, restarted or not, still knows the request
// that it announced, and that the request comes to a signature if the others
// say yes.
func rememberedBy(t testing.TB, c *circle, asker *device, id, message string) {
	t.Helper()
	if _, err := asker.client.Request(t.Context(), id); err != nil {
		t.Errorf("%s forgot request %.8s: %v", asker.name, id, err)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, d := range c.devices {
		// A closed request needs no yes.
		if err := approve(ctx, d, id); err != nil && api.CodeOf(err) != api.CodeRequestClosed {
			t.Errorf("%s approves %.8s: %v", d.name, id, err)
		}
	}
	sig, err := asker.client.Wait(ctx, id, func(api.Event) {})
	if err != nil {
		t.Errorf("request %.8s comes to nothing: %v", id, err)
		return
	}
	c.check(t, message, sig)
}

func index(c *circle, d *device) int {
	for i, other := range c.devices {
		if other == d {
			return i
		}
	}
	return -1
}

// TestKillWhileFounding kills one device at a random moment of a founding and
// starts it again. Either the circle stands on all devices in the end, or it
// stands on none and no address was shown, and the same devices can found
// another.
func TestKillWhileFounding(t *testing.T) {
	t.Parallel()
	r := random(t)
	for round := range *rounds {
		devices := make([]*device, 3)
		for i, name := range []string{"laptop", "phone", "tablet"} {
			devices[i] = newDevice(t, name)
			devices[i].up()
		}
		victim := devices[r.IntN(3)]
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		killed := killInRound(r, victim, 900*time.Millisecond, round)
		founding, stop := context.WithCancel(ctx)
		go func() {
			// A device that is gone for good would be waited for.
			killed()
			select {
			case <-time.After(time.Second):
			case <-founding.Done():
			}
			stop()
		}()
		_, err := tryFound(founding, 2, devices...)
		stop()
		killed()
		victim.sound()
		victim.up()
		t.Logf("round %d: %s killed, founding: %v", round, victim.name, err)
		settled(t, devices)
		c := &circle{devices: devices}
		if s := devices[0].status(); s.Circle != "" {
			c.Circle = api.Circle{Circle: s.Circle, Threshold: s.Threshold}
			c.address = s.Accounts[0].Address
		} else {
			c = found(t, 2, devices...)
		}
		c.sign(t, "it stands", devices[r.IntN(3)], others(devices, r)...)
		for _, d := range devices {
			d.kill()
		}
		cancel()
	}
}

// others returns all devices in random order: approving twice is harmless.
func others(devices []*device, r *rand.Rand) []*device {
	out := append([]*device(nil), devices...)
	r.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out[:2]
}

// settled waits until the circle stands on all devices or on none. What cannot
// end is set aside as a person would.
func settled(t testing.TB, devices []*device) {
	t.Helper()
	eventually(t, "the founding is over, one way or the other", func() bool {
		standing, pending := 0, 0
		for _, d := range devices {
			s := d.status()
			switch {
			case s.Circle != "":
				standing++
			case s.Founding != nil:
				pending++
			}
			if s.Circle == "" && len(s.Accounts) > 0 {
				t.Fatalf("%s shows an address before the circle stands", d.name)
			}
		}
		if standing == 0 && pending > 0 {
			// Nobody holds a certificate. If one exists nowhere, waiting is
			// in vain; the person decides that.
			for _, d := range devices {
				if s := d.status(); s.Founding != nil && lonely(devices) {
					d.run(0, "found", "--abandon", "--yes")
				}
			}
			return false
		}
		return standing == len(devices) || standing == 0 && pending == 0
	})
}

// lonely reports whether some device has dropped the founding that others
// still wait for, so that it cannot end.
func lonely(devices []*device) bool {
	for _, d := range devices {
		if s := d.status(); s.Circle == "" && s.Founding == nil {
			return true
		}
	}
	return false
}
