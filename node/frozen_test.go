package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestFrozenCircleLetsNobodyIn: an addition that the quorum has approved waits
// until the circle is thawed, on the device that asks and on each that takes part.
func TestFrozenCircleLetsNobodyIn(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 60)
	l.found(2, 3)
	phone, laptop, tablet, watch := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	l.introduce(phone, watch)
	tablet.change(change.Freeze, change.Payload{})
	l.run(2*time.Second, nil)
	r := phone.change(change.Add, change.Payload{Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.ID)
	l.run(time.Minute, nil)
	if n := len(phone.core.Circle.Record.Devices); n != 3 || !strings.Contains(r.Trouble, "frozen") {
		t.Fatalf("%d devices in a frozen circle; trouble %q", n, r.Trouble)
	}
	if err := phone.core.MayComeIn(0); codeOf(err) != api.CodeFrozen {
		t.Errorf("invited into a frozen circle: %v", err)
	}
	p := refresh.Proposal{
		Kind: roster.Add, Epoch: 1, Threshold: 3, Members: []wire.Slot{1, 2, 3, 4}, Settings: tablet.core.Circle.Record.Settings,
		Added: []roster.Device{watch.core.Joining.Card.Device(4)},
	}
	tablet.core.Now = l.now
	if why := tablet.core.Objection(p, r.ID); !strings.Contains(why, "frozen") {
		t.Errorf("a frozen device takes part in an addition: %q", why)
	}
	thaw := phone.change(change.Thaw, change.Payload{})
	laptop.approves(thaw.ID)
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("not added after the thaw\n%s", l.logs())
	}
}

// TestReplacesTheLost: what was said of the device that goes does not keep the
// one that replaces it out; what was said of another does.
func TestReplacesTheLost(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 61)
	l.found(2, 3)
	phone, laptop, tablet, watch := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	l.introduce(phone, watch)
	phone.change(change.Lost, change.Payload{Slot: 3})
	l.run(2*time.Second, nil)
	if err := phone.core.MayComeIn(2); codeOf(err) != api.CodeFrozen {
		t.Errorf("a replacement of the laptop while the tablet is called lost: %v", err)
	}
	if err := phone.core.MayComeIn(3); err != nil {
		t.Error(err)
	}
	r := phone.change(change.Replace, change.Payload{Slot: 3, Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	tablet.core.Now = l.now
	if !l.run(10*time.Second, func() bool { return tablet.request(r.ID) != nil && laptop.request(r.ID) != nil }) {
		t.Fatal("not spread")
	}
	if err := tablet.core.Deny(tablet.request(r.ID)); codeOf(err) != api.CodeRefused {
		t.Errorf("the lost device denies its replacement: %v", err)
	}
	laptop.approves(r.ID)
	if !l.run(time.Minute, l.in(0, phone, laptop, watch)) {
		t.Fatalf("not replaced\n%s", l.logs())
	}
	l.signsWith(watch, laptop)
}

// TestDenials has a row for each kind of change and each kind of device that may
// want to stop it. What a device says and what the others make of it must agree.
func TestDenials(t *testing.T) {
	t.Parallel()
	const other, asker, accused = 2, 1, 3
	for _, tc := range []struct {
		kind change.Kind
		slot uint16 // whom it is about
		by   wire.Slot
		lost bool // the tablet is called lost before
		want bool // it closes the request
	}{
		{kind: change.Add, by: other, want: true},
		{kind: change.Add, by: asker, want: true},
		{kind: change.Add, by: accused, lost: true},
		{kind: change.Replace, slot: 3, by: other, want: true},
		{kind: change.Replace, slot: 3, by: accused},
		{kind: change.Leave, by: other, want: true},
		{kind: change.Leave, by: accused, lost: true},
		{kind: change.Lost, slot: 3, by: asker, want: true},
		{kind: change.Lost, slot: 3, by: other},
		{kind: change.Lost, slot: 3, by: accused},
		{kind: change.Refresh, by: asker, want: true},
		{kind: change.Refresh, by: other},
		{kind: change.Freeze, by: other},
		{kind: change.Thaw, by: asker, want: true, lost: true},
		{kind: change.Thaw, by: other, lost: true},
		{kind: change.Thaw, by: accused, lost: true},
		{kind: change.Vacation, slot: 3, by: other},
		{kind: change.Veto, slot: 3, by: other},
	} {
		t.Run(string(tc.kind), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4, 62)
			l.found(3, 3) // nobody's word alone brings about a re-deal
			phone, by := l.devices[0], l.devices[tc.by-1]
			if tc.lost {
				for _, d := range l.devices[:3] {
					if err := d.core.Vigil.Judge.Lost(recovery.Word{ID: wire.RequestID{1}, By: 1}, 3); err != nil {
						t.Fatal(err)
					}
				}
			}
			ch := change.Payload{Slot: tc.slot}
			switch tc.kind {
			case change.Add, change.Replace:
				l.introduce(phone, l.devices[3])
				ch.Card, ch.Addrs = l.devices[3].core.Joining.Card.Bytes(), l.devices[3].Addrs()
			case change.Vacation:
				ch.Until = standing.Unix(l.now.Add(time.Hour))
			}
			l.devices[2].keeper.locked = tc.kind == change.Refresh // it stays open
			r := phone.change(tc.kind, ch)
			if !l.run(5*time.Second, func() bool { return l.all(3, func(c *core) bool { return c.Requests[r.ID] != nil }) }) {
				t.Fatal("not spread")
			}
			by.core.Now = l.now
			err := by.core.Deny(by.request(r.ID))
			if tc.want && err != nil || !tc.want && codeOf(err) != api.CodeRefused {
				t.Errorf("the device itself: %v", err)
			}
			// A device that does not keep to the rules says it all the same.
			no := by.core.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{
				Version: 1, Request: r.ID, Verdict: message.VerdictDeny, Epoch: by.core.Circle.Record.Epoch, Record: by.core.Circle.Hash,
			}))
			for _, d := range l.devices[:3] {
				if d != by {
					d.core.Now = l.now
					if err := d.core.Take(no); err != nil {
						t.Error(err)
					}
					if got := d.request(r.ID).State() == api.StateDenied; got != tc.want {
						t.Errorf("at %s: %s", d.name, d.request(r.ID).State())
					}
				}
			}
		})
	}
}

// TestThawKeepsTheFenceOfARedeal: a device that was ready to take another out
// does not sign with it before that has come to nothing, whatever persons say.
func TestThawKeepsTheFenceOfARedeal(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 57)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	lost := change.Payload{Slot: uint16(phone.core.Circle.Slot)}
	laptop.change(change.Lost, lost)
	tablet.change(change.Lost, lost)
	if !l.run(time.Minute, func() bool {
		a := laptop.core.Attempt
		return a != nil && a.Machine.Phase() == refresh.Prepared
	}) {
		t.Fatalf("it is never ready\n%s", l.logs())
	}
	laptop.core.LiftFence(laptop.core.Circle.Record.Devices, laptop.core.Going())
	if !laptop.core.Circle.Fenced[phone.core.Self.Public] {
		t.Error("it would sign with whom the others are about to take out")
	}
	// Nor does it while it has yet to read back what it was ready for, as long as
	// it does not hear that another has voted against that.
	session := laptop.core.Attempt.Proposal.Session()
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if f, err := wire.ParseFrame(b); err == nil && f.Session == session {
			return nil
		}
		return b
	}
	laptop.core.RedealBroke(laptop.core.Attempt, errLabSealed)
	thaw := laptop.change(change.Thaw, change.Payload{})
	tablet.change(change.Thaw, change.Payload{})
	l.run(redeal.ResumePause/2, func() bool { return thaw.Meta.Done })
	if why := laptop.core.Frozen(); why != "" || !laptop.core.Interrupted() {
		t.Fatalf("frozen %q, interrupted %v\n%s", why, laptop.core.Interrupted(), l.logs())
	}
	if thaw.Meta.Done || !laptop.core.Circle.Fenced[phone.core.Self.Public] {
		t.Error("an interrupted device takes the fence away")
	}
}

// TestOwnRemovalIsNotApproved: the word of a device that is called lost does not
// count, so that it is not asked for, either.
func TestOwnRemovalIsNotApproved(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 2807)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	r := laptop.change(change.Lost, change.Payload{Slot: 1})
	if !l.run(time.Minute, func() bool { return phone.request(r.ID) != nil }) {
		t.Fatal("not spread")
	}
	phone.core.Now = l.now
	if err := phone.core.Approve(phone.request(r.ID), true); codeOf(err) != api.CodeRefused || ledger.Has(phone.request(r.ID).Approved, 1) {
		t.Errorf("approved: %v", err)
	}
}
