package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/recovery"
)

// warned returns the warnings of d that contain part.
func (d *labDevice) warned(part string) (out []string) {
	d.core.Now = d.lab.now
	for _, w := range d.core.Status().Warnings {
		if strings.Contains(w, part) {
			out = append(out, w)
		}
	}
	return out
}

// TestStatusOfAMatterThatEnded: what was said while a device was accused and
// removed is not repeated once it is out, and it keeps its name in the requests
// that it made and answered.
func TestStatusOfAMatterThatEnded(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 33)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	asked, answered := phone.ask("by the phone"), laptop.ask("answered by the phone")
	l.run(5*time.Second, nil)
	if err := phone.core.Deny(phone.request(answered.ID)); err != nil {
		t.Fatal(err)
	}
	l.run(5*time.Second, nil)
	r := laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.Circle.Slot)})
	if !l.run(time.Minute, func() bool { return tablet.request(r.ID) != nil && tablet.core.Frozen() != "" }) {
		t.Fatal("the tablet has not heard that the phone is lost")
	}
	for _, part := range []string{"the circle is frozen and signs nothing: phone was reported lost on laptop", "somebody said that phone is lost"} {
		if got := tablet.warned(part); len(got) != 1 {
			t.Errorf("%q while it lasts: %q", part, got)
		}
	}
	if _, reason := laptop.core.RedealWaiting(laptop.request(r.ID)); !strings.Contains(reason, "approve on tablet, or wait until nobody has heard phone for 24 hours") {
		t.Errorf("the laptop waits for %q", reason)
	}
	laptop.core.Alarms[phone.core.Circle.Slot] = 2
	if got := laptop.warned("failed a check"); len(got) != 1 {
		t.Errorf("while it is in: %q", got)
	}
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	l.run(5*time.Second, nil)
	for _, d := range []*labDevice{laptop, tablet} {
		for _, part := range []string{"frozen", "is lost", "being removed", "failed a check", "possibly alive"} {
			if got := d.warned(part); got != nil {
				t.Errorf("%s says still: %q", d.name, got)
			}
		}
		if got := d.warned("phone was removed"); len(got) != 1 {
			t.Errorf("%s says %q", d.name, got)
		}
		if s := d.core.Status(); s.OldSharesAlive != 1 || !slices.Equal(s.OldSharesOn, []string{"phone"}) {
			t.Errorf("%s: %d old shares on %v", d.name, s.OldSharesAlive, s.OldSharesOn)
		}
	}
	if v := laptop.core.ViewRequest(laptop.request(asked.ID)); v.From != "phone" {
		t.Errorf("asked by %q", v.From)
	}
	if v := laptop.core.ViewRequest(laptop.request(answered.ID)); !slices.Equal(v.DeniedBy, []string{"phone"}) {
		t.Errorf("denied by %q", v.DeniedBy)
	}
}

// TestStatusOfADeviceThatLeft: it is told that it is out, and nothing that it
// could not know.
func TestStatusOfADeviceThatLeft(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 34)
	l.found(2, 3)
	laptop := l.devices[1]
	laptop.change(change.Leave, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.core.Circle.Evicted != nil }) {
		t.Fatalf("the laptop does not learn that it is out\n%s", l.logs())
	}
	s := laptop.core.Status()
	if len(s.Warnings) != 1 || !strings.HasPrefix(s.Warnings[0], "this device is no longer in the circle: taken out as left in epoch 1") {
		t.Errorf("warnings: %q", s.Warnings)
	}
	if s.OldSharesAlive != 0 || s.Frozen != "" || slices.ContainsFunc(s.Devices, func(d api.Device) bool { return d.This }) {
		t.Errorf("status: %+v", s)
	}
}

// TestStatusCountsOldShares: those of a device that sleeps are no danger, and
// together with one that is lost they are.
func TestStatusCountsOldShares(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 35)
	l.found(3, 4)
	phone, laptop, desktop := l.devices[0], l.devices[1], l.devices[3]
	phone.kill()
	l.run(2*time.Second, nil)
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.core.Circle.Record.Epoch == 1 && !laptop.core.Redealing() }) {
		t.Fatalf("no refresh\n%s", l.logs())
	}
	l.run(2*time.Second, nil)
	if got := laptop.warned("possibly alive"); got != nil || laptop.core.Status().OldSharesAlive != 4 {
		t.Errorf("while the phone sleeps: %q, %d alive", got, laptop.core.Status().OldSharesAlive)
	}
	if got := laptop.warned("old shares are kept until phone wakes up"); len(got) != 1 {
		t.Errorf("warnings: %q", laptop.core.Status().Warnings)
	}
	// A copy of one device is out of everybody's reach.
	c := laptop.core
	for _, boot := range []byte{1, 2, 1} {
		b := desktop.core.Vigil.Judge.NextBeat(true, true, 0)
		b.Boot = [8]byte{boot}
		if _, err := c.Vigil.Judge.Heard(recovery.SignBeat(b, desktop.core.Self.Sign)); err != nil {
			t.Fatal(err)
		}
	}
	if !c.Vigil.Judge.Copied(desktop.core.Circle.Slot) {
		t.Fatal("the copy is not noticed")
	}
	if got := laptop.warned("possibly alive: 1 of 3 out of the circle's reach, on desktop"); len(got) != 1 || !strings.Contains(got[0], "start and unlock phone to have theirs destroyed") {
		t.Errorf("with a copy: %q", got)
	}
	for _, d := range c.Status().Devices {
		if d.Name == "desktop" && (d.State != api.DeviceTwice || d.Why == "") {
			t.Errorf("the desktop is shown as %+v", d)
		}
	}
}

// TestStatusOfADispute: that two devices accuse each other is no reason to call
// the circle stranded. One of them is lost, and which is to be decided.
func TestStatusOfADispute(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 37)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.Circle.Slot)})
	phone.change(change.Lost, change.Payload{Slot: uint16(laptop.core.Circle.Slot)})
	if !l.run(time.Minute, func() bool { return len(tablet.warned("each say that the other is lost")) == 1 }) {
		t.Fatalf("no dispute: %q", tablet.core.Status().Warnings)
	}
	for _, d := range l.devices {
		for _, part := range []string{"stranded", "degraded"} {
			if got := d.warned(part); got != nil {
				t.Errorf("%s says %q", d.name, got)
			}
		}
	}
}

// TestStatusOfTheSpare: a circle that lost its last spare device is degraded
// until it gets another. One that never had one is what its persons chose.
func TestStatusOfTheSpare(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 38)
	l.found(2, 3)
	phone, laptop, tablet, fresh := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	want := func(when, part string, devices ...*labDevice) {
		t.Helper()
		l.run(2*time.Second, nil)
		for _, d := range devices {
			for _, p := range []string{"degraded: no spare device;", "degraded: no spare device is left", "stranded:", "every device must sign"} {
				if got := d.warned(p); (len(got) == 1) != (p == part) {
					t.Errorf("%s, %s: %q", when, d.name, d.core.Status().Warnings)
					break
				}
			}
		}
	}
	want("all are there", "", phone, laptop, tablet)
	r := laptop.change(change.Lost, change.Payload{Slot: 1})
	want("one is called lost", "degraded: no spare device;", laptop, tablet)
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	phone.kill()
	want("it is out", "degraded: no spare device is left", laptop, tablet)
	l.introduce(laptop, fresh)
	r = laptop.change(change.Add, change.Payload{Card: fresh.core.Joining.Card.Bytes(), Addrs: fresh.Addrs()})
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(1, laptop, tablet, fresh)) {
		t.Fatalf("not added\n%s", l.logs())
	}
	want("another came", "", laptop, tablet, fresh)

	l = newLab(t, 3, 39)
	l.found(3, 3)
	phone, laptop, tablet = l.devices[0], l.devices[1], l.devices[2]
	want("chosen so", "every device must sign", phone, laptop, tablet)
	laptop.change(change.Lost, change.Payload{Slot: 1})
	l.run(2*time.Second, nil)
	if got := tablet.warned("stranded: fewer devices are left than must sign; nothing is deleted"); len(got) != 1 {
		t.Errorf("not told that they are stranded: %q", tablet.core.Status().Warnings)
	}
}
