package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

// TestCircleRefusesNames: a living circle lets nobody in under such a name, or one
// that looks like a member's: neither the device that invites, nor those that are to
// approve, who are told why. A device that goes may leave its name to the next.
func TestCircleRefusesNames(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 313)
	l.devices[2].core.Self.Name = "2"
	l.devices[3].core.Self.Name = "laptop 2"
	l.foundBefore(3)
	phone, laptop := l.devices[0], l.devices[1]
	phone.core.Now = l.now
	card := func(name string) roster.Card { return l.stranger(func(c *roster.Card) { c.Name = name }).Card }
	if _, _, err := phone.core.BeginInvite(idOf(l, 1)); err != nil {
		t.Fatal(err)
	}
	for name, in := range map[string]bool{"2": false, "deadbeef": false, "PH0NE": false, "laptop": true, "Laptop": true, "1aptop": true, "laptop Z": true, "1aptop 2": false, "watch": true} {
		if err := phone.core.Fits(card(name)); (err == nil) != in {
			t.Errorf("in place of the laptop comes %s: %v", name, err)
		}
	}
	phone.core.Inviting = nil
	for name, in := range map[string]bool{"3": false, "PH0NE": false, "watch": true} {
		c := card(name)
		r := phone.change(change.Add, change.Payload{Card: c.Bytes(), Addrs: []string{}})
		if !l.run(time.Minute, func() bool { return laptop.request(r.ID) != nil }) {
			t.Fatal("not spread")
		}
		laptop.core.Now = l.now
		err := laptop.core.Approve(laptop.request(r.ID), true)
		if in && err != nil || !in && (codeOf(err) != api.CodeRefused || !strings.Contains(err.Error(), name)) {
			t.Errorf("approval of %s: %v", name, err)
		}
		for _, d := range []*labDevice{phone, laptop} {
			warned := strings.Contains(strings.Join(d.core.ViewRequest(d.request(r.ID)).Warnings, "\n"), "the name "+name)
			if warned == in {
				t.Errorf("%s warns of %s: %v", d.name, name, warned)
			}
		}
		if err := phone.core.Deny(phone.request(r.ID)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestOldNamesStay: a circle whose devices have such names opens, signs, changes and
// opens again.
func TestOldNamesStay(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 314)
	for i, name := range []string{"2", "deadbeef", "-x", "рhone"} {
		l.devices[i].core.Self.Name = name
	}
	l.foundBefore(3)
	for _, d := range l.devices {
		d.kill()
		d.start()
	}
	l.connect()
	l.run(5*time.Second, nil)
	two, hex, dash := l.devices[0], l.devices[1], l.devices[2]
	r := two.ask("signed under old names")
	hex.approves(r.ID)
	dash.approves(r.ID)
	if !l.run(time.Minute, func() bool { return two.signed(r.ID) }) {
		t.Fatalf("not signed\n%s", l.logs())
	}
	lost := two.change(change.Lost, change.Payload{Slot: 4})
	hex.approves(lost.ID)
	dash.approves(lost.ID)
	if !l.run(time.Minute, l.in(0, two, hex, dash)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	two.kill()
	two.start()
	if got := two.core.Circle.Record; got.Epoch != 1 || got.Devices[0].Name != "2" || got.Former[0].Name != "рhone" {
		t.Errorf("after a restart: %+v", got)
	}
}
