package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
)

// TestThawedFreezeDoesNotHoldNewcomer: a freeze or an accusation that the persons
// took back is over. Its request lives on for hours or days, and a device that
// comes in meanwhile must not be frozen by it, where nobody else is.
func TestThawedFreezeDoesNotHoldNewcomer(t *testing.T) {
	t.Parallel()
	freeze := func(d *labDevice) *ledger.Request { return d.change(change.Freeze, change.Payload{}) }
	for name, say := range map[string]func(d *labDevice) *ledger.Request{
		"freeze": freeze,
		"lost":   func(d *labDevice) *ledger.Request { return d.change(change.Lost, change.Payload{Slot: 3}) },
		"again":  freeze, // once more after the thaw, which counts for nothing alone
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4, 62)
			l.found(2, 3)
			phone, laptop, tablet, watch := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
			said := say(phone)
			l.run(2*time.Second, nil)
			if laptop.core.Frozen() == "" || !said.Open() {
				t.Fatal("not frozen, or nothing to join")
			}
			thaw := phone.change(change.Thaw, change.Payload{})
			laptop.approves(thaw.ID)
			if !l.run(time.Minute, func() bool {
				return phone.core.Frozen()+laptop.core.Frozen()+tablet.core.Frozen() == ""
			}) {
				t.Fatalf("not thawed\n%s", l.logs())
			}
			if name == "again" {
				freeze(phone)
				l.run(2*time.Second, nil)
			}
			l.introduce(phone, watch)
			r := phone.change(change.Add, change.Payload{Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
			laptop.approves(r.ID)
			if !l.run(2*time.Minute, l.in(0, l.devices...)) {
				t.Fatalf("not added\n%s", l.logs())
			}
			l.run(time.Minute, nil)
			for _, d := range l.devices {
				if why := d.core.Frozen(); why != "" {
					t.Errorf("%s: %s", d.name, why)
				}
				if r := d.request(said.ID); r != nil && r.State() != api.StateExpired && d != watch && name != "again" {
					t.Errorf("%s: what was taken back is %s", d.name, r.State())
				}
			}
			if err := phone.core.Failure(said); name != "again" && (codeOf(err) != api.CodeExpired || !strings.Contains(err.Error(), "taken back")) {
				t.Errorf("who waits for it is told %v", err)
			}
			l.signsWithAll(laptop, tablet, watch)
		})
	}
}

// TestRequestOfRemovedDevice: nobody is asked to approve what a device that was
// taken out had asked for. It alone would open the session.
func TestRequestOfRemovedDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 63)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	asked, other := phone.ask("all of it to me"), laptop.ask("mine")
	l.run(2*time.Second, nil)
	lost := laptop.change(change.Lost, change.Payload{Slot: 1})
	tablet.approves(lost.ID)
	if !l.run(2*time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not removed\n%s", l.logs())
	}
	l.run(2*time.Second, nil)
	for _, d := range []*labDevice{laptop, tablet} {
		if s := d.request(asked.ID).State(); s != api.StateExpired {
			t.Errorf("%s: a request of the removed device is %s", d.name, s)
		}
		if s := d.request(other.ID).State(); s != api.StatePending {
			t.Errorf("%s: a request of a device that stays is %s", d.name, s)
		}
		if s := d.request(lost.ID).State(); s != api.StateDone {
			t.Errorf("%s: the removal is %s", d.name, s)
		}
	}
}
