package node

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
)

// badNames are names that no device may begin to have, with what is said of them.
var badNames = map[string]string{
	"2": "number", "l": "number", "-x": "dash", "deadbeef": "fingerprint", "рhone": "mixes", "аре": "looks like Latin", "𝐩𝐡𝐨𝐧𝐞": "styled", "phone ٢": "unusual digits",
}

// TestNewNames: a name that passes for a slot, a fingerprint, an option or another
// name is refused wherever a device could begin to have it.
func TestNewNames(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 311)
	for name, want := range badNames {
		// A device that is called so from before does not begin a founding, nor join.
		c := l.devices[0].core
		was := c.Self.Name
		c.Self.Name = name
		if err := c.FreeToFound(); codeOf(err) != api.CodeRefused || !strings.Contains(err.Error(), "this device is called") || !strings.Contains(err.Error(), want) {
			t.Errorf("found as %s: %v", name, err)
		}
		c.Self.Name = was
	}

	// Nor does a founder take one in, or one whose name looks like another's.
	founder := l.devices[0].core
	founder.Now = l.now
	if err := founder.BeginInviting(3, 4, l.settings); err != nil {
		t.Fatal(err)
	}
	called := func(name string) roster.Card { return l.stranger(func(c *roster.Card) { c.Name = name }).Card }
	for name := range badNames {
		if err := founder.Fits(called(name)); !standing.IsBadName(err) {
			t.Errorf("a founding takes in %s: %v", name, err)
		}
	}
	for _, name := range []string{"phone", "PHONE", "ph0ne", "Phοne", "рһоnе"} {
		if err := founder.Fits(called(name)); err == nil || !errors.Is(err, standing.ErrSameName) && !standing.IsBadName(err) {
			t.Errorf("beside phone it takes in %s: %v", name, err)
		}
	}
	if err := founder.Fits(called("phone-2")); err != nil {
		t.Errorf("phone-2: %v", err)
	}
}

// TestFoundingRefusesNames: each device looks at all names of the circle to be, not
// only the founder, which may be of another release.
func TestFoundingRefusesNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"2", "1aptop", "LAPTOP"} {
		l := newLab(t, 3, 312)
		phone, laptop := l.devices[0].core, l.devices[1].core
		phone.Now, laptop.Now = l.now, l.now
		card := func(c *core, as string) roster.Card {
			was := c.Self.Name
			defer func() { c.Self.Name = was }()
			c.Self.Name = as
			return c.OwnCard([32]byte{1})
		}
		sponsor := meet.Newcomer{Card: card(phone, "phone"), Addrs: []string{}}
		p := keygen.Proposal{Version: keygen.Version, Threshold: 2, Settings: l.settings, Nonce: standing.DiscoveryNonce([32]byte{5})}
		p.Devices = []roster.Device{sponsor.Card.Device(1), card(laptop, "laptop").Device(2), card(l.devices[2].core, name).Device(3)}
		laptop.Joining = &founding.Joining{Sponsor: sponsor, Card: card(laptop, "laptop"), Touched: l.now}
		err := laptop.Accept(message.Found{Proposal: p.Bytes(), Discovery: [32]byte{5}, Addrs: [][]string{{}, {}, {}}})
		if err == nil || !strings.Contains(err.Error(), "number") && !strings.Contains(err.Error(), "look alike") && !strings.Contains(err.Error(), "one name") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

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
