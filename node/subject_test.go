package node

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// idOf is the identity of the i-th device of the lab, as the API wants it.
func idOf(l *lab, i int) string { return l.devices[i].core.Self.Public.Hex() }

// foundBefore makes a circle of all devices, t of which sign, as a release founded
// it that had no rule for their names.
func (l *lab) foundBefore(t int) {
	l.t.Helper()
	founder := l.devices[0].core
	founder.Now = l.now
	founder.Founding = &founding.Founding{Threshold: t, Devices: len(l.devices), Settings: l.settings, Touched: l.now}
	for _, d := range l.devices[1:] {
		founder.Founding.Joined = append(founder.Founding.Joined, meet.Newcomer{Card: d.core.OwnCard([32]byte{1}), Addrs: d.Addrs()})
		founder.Pairing[string(d.id)] = d.Addrs()
	}
	if err := founder.Propose(); err != nil {
		l.t.Fatal(err)
	}
	founder.settle()
	for _, d := range l.devices[1:] {
		d.core.Now = l.now
		d.core.Founding = &founding.Founding{Addrs: founder.Founding.Addrs, Discovery: founder.Founding.Discovery, Touched: l.now}
		if err := d.core.StartKeygen(*founder.Founding.Proposal); err != nil {
			l.t.Fatal(err)
		}
		d.core.settle()
	}
	l.connect()
	if !l.run(time.Minute, func() bool {
		return l.all(len(l.devices), func(c *core) bool { return c.Founding.State() == api.FoundingConfirming })
	}) {
		l.t.Fatalf("founding does not come to the question:\n%s", l.logs())
	}
	for _, d := range l.devices {
		if err := d.core.Confirm(d.core.Founding.Session.Hex(), true); err != nil {
			l.t.Fatal(err)
		}
	}
	if !l.run(time.Minute, func() bool { return l.all(len(l.devices), func(c *core) bool { return c.Circle != nil }) }) {
		l.t.Fatalf("the circle does not stand:\n%s", l.logs())
	}
	l.run(2*time.Second, nil)
}

// TestDevicesAreSaidByIdentity: a call finds exactly the device with the identity,
// whatever others are called, and no name, slot or piece of one finds any.
func TestDevicesAreSaidByIdentity(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 301)
	l.devices[2].core.Self.Name = "2"
	l.foundBefore(2)
	c := l.devices[0].core
	for i := range l.devices {
		var ch change.Payload
		if err := desk.About(idOf(l, i))(c.Counter, &ch); err != nil || int(ch.Slot) != i+1 {
			t.Errorf("device %d: slot %d, %v", i+1, ch.Slot, err)
		}
	}
	if d, _ := c.Circle.Record.Device(3); d.Name != "2" {
		t.Fatalf("the device in slot 3 is called %s", d.Name)
	}
	stranger := strings.Repeat("ab", 32)
	for said, want := range map[string]api.Code{
		"2": api.CodeBadArgument, "laptop": api.CodeBadArgument, "": api.CodeBadArgument, idOf(l, 1)[:16]: api.CodeBadArgument,
		idOf(l, 1) + "00": api.CodeBadArgument, stranger: api.CodeUnknown,
	} {
		for name, fill := range map[string]func(string) func(*desk.Counter, *change.Payload) error{"about": desk.About, "another": desk.Another} {
			if err := fill(said)(c.Counter, &change.Payload{}); codeOf(err) != want {
				t.Errorf("%s %q: %v, want %s", name, said, err, want)
			}
		}
		if said != "" { // in place of nobody
			if _, _, err := c.BeginInvite(said); codeOf(err) != want {
				t.Errorf("invite in place of %q: %v, want %s", said, err, want)
			}
		}
		for _, kind := range []string{api.KindLost, api.KindReplace, api.KindVacation, api.KindVeto, api.KindRemove} {
			if _, err := c.Preview(api.PreviewArgs{Kind: kind, Device: said}); codeOf(err) != want {
				t.Errorf("preview of %s %q: %v, want %s", kind, said, err, want)
			}
		}
	}
}

// TestFormerDeviceIsNotMeant: who is out is not found any more, also by whoever
// looked it up before.
func TestFormerDeviceIsNotMeant(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 302)
	l.found(2, 3)
	laptop, tablet, id := l.devices[1], l.devices[2], idOf(l, 0)
	r := laptop.change(change.Lost, change.Payload{Slot: 1})
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	if _, err := laptop.core.Member(id); codeOf(err) != api.CodeUnknown || !strings.Contains(err.Error(), "phone is no longer in the circle") {
		t.Errorf("got %v", err)
	}
}

// TestRequestsCarryTheIdentity: what travels names the device, and where another
// device has the slot, or none, nothing comes of it: nobody is accused, nobody can
// approve, and nothing is logged of it.
func TestRequestsCarryTheIdentity(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 303)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := laptop.change(change.Lost, change.Payload{Slot: 1})
	if !bytes.Equal(r.Change.Device, phone.core.Self.Public[:]) {
		t.Fatalf("the request names %x", r.Change.Device)
	}
	if !l.run(time.Minute, func() bool { return tablet.request(r.ID) != nil }) {
		t.Fatal("not spread")
	}
	if got := tablet.core.Subject(tablet.request(r.ID)); got != 1 || !tablet.core.Accused(1) {
		t.Errorf("the tablet takes it for slot %d", got)
	}

	// The same slot, and another device: as if the slot had been given again after
	// a re-deal that died.
	l = newLab(t, 3, 304)
	l.found(2, 3)
	laptop, tablet = l.devices[1], l.devices[2]
	c := laptop.core
	c.Now = l.now
	for _, ch := range []change.Payload{{Slot: 1, Device: bytes.Repeat([]byte{7}, 32)}, {Slot: 9, Device: bytes.Repeat([]byte{7}, 32)}, {Slot: 9}} {
		req := message.Request{Version: 1, Circle: c.Circle.Record.Circle, From: 2, Path: []uint32{}, Kind: string(change.Lost),
			Payload: ch.Bytes(), Created: standing.Unix(c.Now), Lifetime: 3600, Nonce: [16]byte{byte(len(c.Requests))}}
		r, err := c.Submit(req, wire.Marshal(req), true)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(tablet.log.String(), "does not count")
		// What is about a slot that never was is not even taken.
		if taken := l.run(time.Minute, func() bool { return tablet.request(r.ID) != nil }); taken != (ch.Slot == 1) {
			t.Fatalf("slot %d: taken %v", ch.Slot, taken)
		}
		l.run(10*time.Second, nil)
		for _, d := range l.devices {
			if d.core.Frozen() != "" {
				t.Fatalf("%s is frozen: %s", d.name, d.core.Frozen())
			}
		}
		if n := strings.Count(tablet.log.String(), "does not count") - lines; n != 0 {
			t.Errorf("%d lines of log", n)
		}
		if ch.Slot != 1 {
			continue
		}
		tablet.core.Now = l.now
		if err := tablet.core.Approve(tablet.request(r.ID), true); codeOf(err) != api.CodeUnknown {
			t.Errorf("approved: %v", err)
		}
		v := tablet.core.ViewRequest(tablet.request(r.ID))
		if v.State != api.StatePending || len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "does not know the device") || strings.Contains(v.Summary, "phone") {
			t.Errorf("shown as %+v", v)
		}
	}
}

// TestOldRequestsNameTheSlot: a request of a release that named the slot only is
// decoded, and means the device in it.
func TestOldRequestsNameTheSlot(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 305)
	l.found(2, 3)
	laptop, tablet := l.devices[1], l.devices[2]
	// version 1, slot 1, no card, no addresses, until 0, epoch 0, threshold 0
	payload := []byte{0xa7, 1, 1, 2, 1, 3, 0x40, 4, 0x80, 5, 0, 6, 0, 7, 0}
	c := laptop.core
	c.Now = l.now
	req := message.Request{Version: 1, Circle: c.Circle.Record.Circle, From: 2, Path: []uint32{}, Kind: string(change.Lost), Payload: payload, Created: standing.Unix(c.Now), Lifetime: 3600}
	r, err := c.Submit(req, wire.Marshal(req), true)
	if err != nil {
		t.Fatal(err)
	}
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	if f, was := tablet.core.Circle.Record.IsFormer(l.devices[0].core.Self.Public); !was || f.State != roster.Stolen {
		t.Errorf("the phone is %v", f)
	}
}
