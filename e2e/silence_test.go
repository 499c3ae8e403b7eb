package e2e

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// foundWith founds a circle of which two sign by the commands, with flags that
// say when a silent device is removed. Join makes the arguments of join from
// the invitation.
func foundWith(t testing.TB, flags []string, join func(api.Event) []string, devices ...*device) *circle {
	t.Helper()
	args := append([]string{"found", "--threshold", "2", "--devices", string(rune('0' + len(devices))), "--yes"}, flags...)
	all := []*running{devices[0].begin(args...)}
	for _, d := range devices[1:] {
		e := all[0].await(api.EventInvitation)
		all = append(all, d.begin(append([]string{"join", "--yes"}, join(e)...)...))
	}
	var circles []api.Circle
	for i, r := range all {
		out, err := r.end()
		if err != nil {
			t.Fatalf("%s: %v", devices[i].name, err)
		}
		circles = append(circles, decode[api.Circle](t, out))
	}
	c, err := standing(devices, circles)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func byText(e api.Event) []string { return []string{e.Invitation} }

// epochs returns the chain that d has.
func (d *device) epochs() []api.Epoch {
	d.t.Helper()
	list, err := d.client.Epochs(d.t.Context())
	if err != nil {
		d.t.Fatalf("epochs of %s: %v", d.name, err)
	}
	return list
}

// sees returns what d knows of another member, or nil if it is none.
func (d *device) sees(other *device) *api.Device {
	d.t.Helper()
	for _, x := range d.status().Devices {
		if x.Name == other.name {
			return &x
		}
	}
	return nil
}

// out reports whether d knows that it is no longer in the circle.
func (d *device) out() bool {
	d.t.Helper()
	return slices.ContainsFunc(d.status().Warnings, func(w string) bool {
		return strings.HasPrefix(w, "this device is no longer in the circle")
	})
}

// refused checks that d, which is out, says so when it is to sign.
func (d *device) refused(t testing.TB) {
	t.Helper()
	sig, err := d.client.Sign(t.Context(), api.SignArgs{Kind: api.KindMessage, Message: []byte("from outside")}, func(api.Event) {})
	if api.CodeOf(err) != api.CodeEvicted {
		t.Errorf("%s, which is out, signs: %+v, %v", d.name, sig, err)
	}
}

// newSilentCircle makes a circle in which silence has consequences within
// seconds.
func newSilentCircle(t testing.TB, flags ...string) (*circle, [3]*device) {
	t.Helper()
	var d [3]*device
	for i, name := range []string{"laptop", "phone", "tablet"} {
		d[i] = newDevice(t, name)
		d[i].up()
	}
	c := foundWith(t, flags, byText, d[:]...)
	for _, x := range d {
		x.online()
	}
	t.Cleanup(func() {
		if t.Failed() {
			for _, x := range d {
				t.Logf("%s said:\n%s", x.name, x.stderr)
				if x.cmd != nil {
					s, err := x.client.Status(context.Background())
					t.Logf("%s now: %+v, %v", x.name, s, err)
				}
			}
		}
	})
	return c, d
}

// TestSilentDeviceIsRemoved kills a device. Nobody says anything: the others
// remove it by themselves, not before its time, and go on at the same address.
// When it comes back it learns that it is out.
func TestSilentDeviceIsRemoved(t *testing.T) {
	t.Parallel()
	// Without the phone no spare is left, so that the grace counts twice.
	const suspect, grace = 4 * time.Second, 6 * time.Second
	c, d := newSilentCircle(t, "--quiet", "2s", "--suspect", "4s", "--online", "2s", "--grace", "3s")
	laptop, phone, tablet := d[0], d[1], d[2]
	c.sign(t, "before", laptop, phone)
	before := laptop.status().Epoch
	phone.kill()

	heard := map[*device]time.Time{}
	others := []*device{laptop, tablet}
	within(t, 2*patience, "the silent phone is removed", func() bool {
		gone := 0
		for _, o := range others {
			if x := o.sees(phone); x == nil {
				gone++
			} else if x.LastSeen != nil {
				heard[o] = *x.LastSeen
			}
		}
		return gone == len(others)
	})
	for _, o := range others {
		// A judge counts whole seconds, and learns of them at its ticks.
		if silent := time.Since(heard[o]); silent < suspect+grace-2*time.Second {
			t.Errorf("%s removed the phone after %v of silence; the rule is %v", o.name, silent, suspect+grace)
		}
		e := o.epochs()
		last := e[len(e)-1]
		if len(e) != int(before)+2 || last.Kind != "remove" || !slices.Equal(last.Removed, []string{"phone"}) ||
			!slices.Equal(last.Signers, []string{"laptop", "tablet"}) || last.Threshold != 2 {
			t.Errorf("%s: %+v", o.name, e)
		}
	}
	c.sign(t, "after", laptop, tablet)
	c.sign(t, "after", tablet, laptop)

	phone.up()
	within(t, 2*patience, "the phone learns that it is out", phone.out)
	phone.refused(t)
	for _, o := range others {
		if s := o.status(); s.Epoch != before+1 || s.Frozen != "" || s.Accounts[0].Address != c.address {
			t.Errorf("%s: %+v", o.name, s)
		}
	}
	c.sign(t, "and still", laptop, tablet)
}

// TestDeviceThatComesBackStays kills a device and starts it again while its
// removal is being counted down. It stays.
func TestDeviceThatComesBackStays(t *testing.T) {
	t.Parallel()
	c, d := newSilentCircle(t, "--quiet", "2s", "--suspect", "4s", "--online", "2s", "--grace", "5s")
	laptop, phone, tablet := d[0], d[1], d[2]
	before := laptop.status().Epoch
	phone.kill()
	var deadline time.Time
	eventually(t, "its removal is being counted down", func() bool {
		for _, o := range []*device{laptop, tablet} {
			x := o.sees(phone)
			if x == nil || x.State != api.DeviceGrace || x.Until == nil {
				return false
			}
			if x.Until.After(deadline) {
				deadline = *x.Until
			}
		}
		return true
	})
	phone.up()
	// Up to the deadline and a little longer nothing happens to it.
	back := false
	within(t, 2*patience, "the deadline passes", func() bool {
		back = true
		for _, o := range []*device{laptop, tablet} {
			x := o.sees(phone)
			if x == nil {
				t.Fatalf("%s removed the phone %v before its deadline, although it was back", o.name, time.Until(deadline))
			}
			back = back && x.Online && x.State == ""
		}
		return back && time.Now().After(deadline.Add(2*time.Second))
	})
	for _, o := range d {
		if s := o.status(); s.Epoch != before || len(s.Devices) != 3 {
			t.Errorf("%s: %+v", o.name, s)
		}
	}
	if w := laptop.status().Warnings; !slices.Contains(w, "phone is back.") {
		t.Errorf("nobody says that it is back: %q", w)
	}
	c.sign(t, "back", phone, laptop)
	c.sign(t, "back", tablet, phone)
}
