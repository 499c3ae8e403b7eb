package node

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// idOf is the identity of the i-th device of the lab, as the API wants it.
func idOf(l *lab, i int) string { return l.devices[i].core.self.public.Hex() }

// foundBefore makes a circle of all devices, t of which sign, as a release founded
// it that had no rule for their names.
func (l *lab) foundBefore(t int) {
	l.t.Helper()
	founder := l.devices[0].core
	founder.now = l.now
	founder.founding = &founding{threshold: t, devices: len(l.devices), settings: l.settings, touched: l.now}
	for _, d := range l.devices[1:] {
		founder.founding.joined = append(founder.founding.joined, meet.Newcomer{Card: d.core.ownCard([32]byte{1}), Addrs: d.Addrs()})
		founder.pairing[string(d.id)] = d.Addrs()
	}
	if err := founder.propose(); err != nil {
		l.t.Fatal(err)
	}
	founder.settle()
	for _, d := range l.devices[1:] {
		d.core.now = l.now
		d.core.founding = &founding{addrs: founder.founding.addrs, discovery: founder.founding.discovery, touched: l.now}
		if err := d.core.startKeygen(*founder.founding.proposal); err != nil {
			l.t.Fatal(err)
		}
		d.core.settle()
	}
	l.connect()
	if !l.run(time.Minute, func() bool {
		return l.all(len(l.devices), func(c *core) bool { return c.founding.state() == api.FoundingConfirming })
	}) {
		l.t.Fatalf("founding does not come to the question:\n%s", l.logs())
	}
	for _, d := range l.devices {
		if err := d.core.confirm(d.core.founding.session.Hex(), true); err != nil {
			l.t.Fatal(err)
		}
	}
	if !l.run(time.Minute, func() bool { return l.all(len(l.devices), func(c *core) bool { return c.circle != nil }) }) {
		l.t.Fatalf("the circle does not stand:\n%s", l.logs())
	}
	l.run(2*time.Second, nil)
}

// TestDevicesAreSaidByIdentity: a call finds exactly the device with the identity,
// whatever others are called, and no name, slot or piece of one finds any.
func TestDevicesAreSaidByIdentity(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 301)
	l.devices[2].core.self.name = "2"
	l.foundBefore(2)
	c := l.devices[0].core
	for i := range l.devices {
		var ch change.Payload
		if err := about(idOf(l, i))(c.counter, &ch); err != nil || int(ch.Slot) != i+1 {
			t.Errorf("device %d: slot %d, %v", i+1, ch.Slot, err)
		}
	}
	if d, _ := c.circle.record.Device(3); d.Name != "2" {
		t.Fatalf("the device in slot 3 is called %s", d.Name)
	}
	stranger := strings.Repeat("ab", 32)
	for said, want := range map[string]api.Code{
		"2": api.CodeBadArgument, "laptop": api.CodeBadArgument, "": api.CodeBadArgument, idOf(l, 1)[:16]: api.CodeBadArgument,
		idOf(l, 1) + "00": api.CodeBadArgument, stranger: api.CodeUnknown,
	} {
		for name, fill := range map[string]func(string) func(*counter, *change.Payload) error{"about": about, "another": another} {
			if err := fill(said)(c.counter, &change.Payload{}); api.CodeOf(err) != want {
				t.Errorf("%s %q: %v, want %s", name, said, err, want)
			}
		}
		if said != "" { // in place of nobody
			if _, _, err := c.beginInvite(said); api.CodeOf(err) != want {
				t.Errorf("invite in place of %q: %v, want %s", said, err, want)
			}
		}
		for _, kind := range []string{api.KindLost, api.KindReplace, api.KindVacation, api.KindVeto, api.KindRemove} {
			if _, err := c.preview(api.PreviewArgs{Kind: kind, Device: said}); api.CodeOf(err) != want {
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
	tablet.approves(r.id)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	if _, err := laptop.core.member(id); api.CodeOf(err) != api.CodeUnknown || !strings.Contains(err.Error(), "phone is no longer in the circle") {
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
	if !bytes.Equal(r.change.Device, phone.core.self.public[:]) {
		t.Fatalf("the request names %x", r.change.Device)
	}
	if !l.run(time.Minute, func() bool { return tablet.request(r.id) != nil }) {
		t.Fatal("not spread")
	}
	if got := tablet.core.subject(tablet.request(r.id)); got != 1 || !tablet.core.accused(1) {
		t.Errorf("the tablet takes it for slot %d", got)
	}

	// The same slot, and another device: as if the slot had been given again after
	// a re-deal that died.
	l = newLab(t, 3, 304)
	l.found(2, 3)
	laptop, tablet = l.devices[1], l.devices[2]
	c := laptop.core
	c.now = l.now
	for _, ch := range []change.Payload{{Slot: 1, Device: bytes.Repeat([]byte{7}, 32)}, {Slot: 9, Device: bytes.Repeat([]byte{7}, 32)}, {Slot: 9}} {
		req := request{Version: 1, Circle: c.circle.record.Circle, From: 2, Path: []uint32{}, Kind: string(change.Lost),
			Payload: ch.Bytes(), Created: unix(c.now), Lifetime: 3600, Nonce: [16]byte{byte(len(c.requests))}}
		r, err := c.submit(req, wire.Marshal(req), true)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Count(tablet.log.String(), "does not count")
		// What is about a slot that never was is not even taken.
		if taken := l.run(time.Minute, func() bool { return tablet.request(r.id) != nil }); taken != (ch.Slot == 1) {
			t.Fatalf("slot %d: taken %v", ch.Slot, taken)
		}
		l.run(10*time.Second, nil)
		for _, d := range l.devices {
			if d.core.frozen() != "" {
				t.Fatalf("%s is frozen: %s", d.name, d.core.frozen())
			}
		}
		if n := strings.Count(tablet.log.String(), "does not count") - lines; n != 0 {
			t.Errorf("%d lines of log", n)
		}
		if ch.Slot != 1 {
			continue
		}
		tablet.core.now = l.now
		if err := tablet.core.approve(tablet.request(r.id), true); api.CodeOf(err) != api.CodeUnknown {
			t.Errorf("approved: %v", err)
		}
		v := tablet.core.viewRequest(tablet.request(r.id))
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
	c.now = l.now
	req := request{Version: 1, Circle: c.circle.record.Circle, From: 2, Path: []uint32{}, Kind: string(change.Lost), Payload: payload, Created: unix(c.now), Lifetime: 3600}
	r, err := c.submit(req, wire.Marshal(req), true)
	if err != nil {
		t.Fatal(err)
	}
	tablet.approves(r.id)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	if f, was := tablet.core.circle.record.IsFormer(l.devices[0].core.self.public); !was || f.State != roster.Stolen {
		t.Errorf("the phone is %v", f)
	}
	// What names the device where none is meant, or in another length, is malformed.
	for kind, ch := range map[change.Kind]change.Payload{change.Refresh: {Device: make([]byte, 32)}, change.Lost: {Slot: 1, Device: make([]byte, 31)},
		change.Veto: {Slot: 1, Device: make([]byte, 32), Until: 1}} {
		if err := c.decodeChange(&openRequest{request: request{Kind: string(kind), Payload: ch.Bytes()}}); err == nil {
			t.Errorf("%s: no error", kind)
		}
	}
}
