package node

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// Who is let into a founding, and what a device that was let in agrees to.

// stranger is the card of a device that has met nobody, changed by f.
func (l *lab) stranger(f func(*roster.Card)) meet.Newcomer {
	l.t.Helper()
	d := newLab(l.t, 2, l.rng.Uint64()).devices[1]
	d.core.Now = l.now
	card := d.core.OwnCard([32]byte{1})
	card.Name, card.Peer = "watch", fmt.Appendf(nil, "peer id of %016x, 38 bytes long.", l.rng.Uint64())[:38]
	f(&card)
	return meet.Newcomer{Card: roster.SignCard(card, d.core.Self.Sign), Addrs: d.Addrs()}
}

// TestProposalsThatAnInvitedDeviceRefuses: an invited device takes part in a
// founding only if it and its sponsor stand in it just as they introduced
// themselves. Whatever else it is shown ends its part, and leaves nothing.
func TestProposalsThatAnInvitedDeviceRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(p *keygen.Proposal, m *message.Found){
		"none":                func(*keygen.Proposal, *message.Found) {},
		"without-this-device": func(p *keygen.Proposal, _ *message.Found) { p.Devices[1].Identity[0] ^= 1 },
		"own-name":            func(p *keygen.Proposal, _ *message.Found) { p.Devices[1].Name = "other" },
		"own-kind":            func(p *keygen.Proposal, _ *message.Found) { p.Devices[1].Kind = "server" },
		"own-peer": func(p *keygen.Proposal, _ *message.Found) {
			p.Devices[1].Peer = []byte("another peer id, 38 bytes long ........")[:38]
		},
		"own-box":               func(p *keygen.Proposal, _ *message.Found) { p.Devices[1].Box[0] ^= 1 },
		"own-presence":          func(p *keygen.Proposal, _ *message.Found) { p.Devices[1].Presence[0] ^= 1 },
		"without-the-sponsor":   func(p *keygen.Proposal, _ *message.Found) { p.Devices[0].Identity[0] ^= 1 },
		"sponsor-renamed":       func(p *keygen.Proposal, _ *message.Found) { p.Devices[0].Name = "other" },
		"sponsor-other-box":     func(p *keygen.Proposal, _ *message.Found) { p.Devices[0].Box[0] ^= 1 },
		"threshold-1":           func(p *keygen.Proposal, _ *message.Found) { p.Threshold = 1 },
		"too-few-addresses":     func(_ *keygen.Proposal, m *message.Found) { m.Addrs = m.Addrs[:2] },
		"too-many-addresses":    func(_ *keygen.Proposal, m *message.Found) { m.Addrs[2] = make([]string, reach.Max+1) },
		"address-too-long":      func(_ *keygen.Proposal, m *message.Found) { m.Addrs[2] = []string{strings.Repeat("a", reach.MaxLen+1)} },
		"proposal-that-is-none": func(_ *keygen.Proposal, m *message.Found) { m.Proposal = []byte("no proposal") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 71)
			phone, laptop := l.devices[0], l.devices[1]
			l.tamper = func(_, to *labDevice, b []byte) []byte {
				if to != laptop || b[0] != message.MsgFound {
					return b
				}
				var m message.Found
				if wire.Unmarshal(b[1:], &m) != nil {
					return b
				}
				p, err := keygen.ParseProposal(m.Proposal)
				if err != nil {
					t.Fatal(err)
				}
				change(&p, &m)
				if name != "proposal-that-is-none" {
					m.Proposal = p.Bytes()
				}
				return message.EncodeMessage(message.MsgFound, m)
			}
			l.beginFounding(2, 3)
			agreed := l.run(3*time.Minute, func() bool {
				return laptop.core.Founding == nil && laptop.core.Joining == nil || laptop.core.Founding != nil && laptop.core.Founding.State() == api.FoundingConfirming
			}) && laptop.core.Founding != nil
			if agreed != (name == "none") {
				t.Errorf("takes part: %v\n%s", agreed, laptop.log)
			}
			if agreed {
				return
			}
			l.run(3*time.Minute, nil)
			for _, d := range []*labDevice{phone, laptop} {
				if d.core.Founding != nil && d.core.Founding.Proposal != nil || d == laptop && d.core.Joining != nil || d.core.Circle != nil || len(d.keeper.keys) != 1 {
					t.Errorf("%s keeps something of it, or %d keys\n%s", d.name, len(d.keeper.keys), l.logs())
				}
			}
		})
	}
}

// TestFoundingEndsWithoutADevice: a device that goes away or says no more while
// keys are made ends the founding on all others, which name it, although they
// go on repeating themselves to each other.
func TestFoundingEndsWithoutADevice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		leave func(l *lab, d *labDevice)
		limit time.Duration
		why   string
	}{
		{"killed", func(_ *lab, d *labDevice) { d.kill() }, founding.FoundingLost, `device=laptop err="device 2 cannot be reached"`},
		{"silent", func(_ *lab, d *labDevice) { d.core = nil }, founding.FoundingSilent, `device=laptop err="device 2 did not answer"`},
	} {
		for heard := range 5 { // messages of the laptop's machine, before it goes
			l := newLab(t, 3, 73)
			phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
			gone := false
			l.tamper = func(from, _ *labDevice, b []byte) []byte {
				if f, err := wire.ParseFrame(b); from == laptop && (gone || err == nil && int(f.Kind) > heard) {
					gone = true
					return nil
				}
				return b
			}
			l.beginFounding(2, 3)
			if !l.run(time.Minute, func() bool { return gone }) {
				t.Fatalf("%s after %d: nothing of the laptop is lost", c.name, heard)
			}
			c.leave(l, laptop)
			l.run(c.limit+10*time.Second, nil)
			for _, d := range []*labDevice{phone, tablet} {
				if d.core.Founding != nil || d.core.Joining != nil || len(d.core.Sessions) != 0 {
					t.Errorf("%s after %d: %s still founds\n%s", c.name, heard, d.name, d.log)
				}
			}
			if said := phone.log.String() + tablet.log.String(); !strings.Contains(said, c.why) {
				t.Errorf("%s after %d: nobody says that %s\n%s", c.name, heard, c.why, said)
			}
		}
	}
}

// TestNoAddressBeforeTheCircleStands: after every message of a founding, what a
// device shows of accounts it could show after a power cut, too. A pending device
// shows none, however often it starts.
func TestNoAddressBeforeTheCircleStands(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 74)
	looked, shown := 0, 0
	look := func() {
		t.Helper()
		for _, d := range l.devices {
			if d.core == nil {
				continue
			}
			looked++
			if s := d.core.Status(); len(s.Accounts) == 0 && s.Circle == "" {
				continue
			}
			shown++
			c, err := newCore(standing.Config{Words: commandline.Words, Journal: d.journal.Copy(), Keeper: d.keeper, Rand: l.random(), Timings: l.timings(),
				Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return l.now }})
			if err != nil || c.Circle == nil || len(c.Circle.Chain) != 1 || c.Circle.Chain[0].Verify() != nil {
				t.Errorf("%s shows an address that its disk does not hold: %v", d.name, err)
			}
		}
	}
	l.watch = func(*labDevice, *labDevice, string, []byte) { look() }
	const ready = 6 // kind of the frame
	hold := true
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if f, err := wire.ParseFrame(b); err == nil && f.Kind == ready && hold {
			return nil
		}
		return b
	}
	l.beginFounding(2, 3)
	if !l.run(time.Minute, func() bool {
		return l.all(3, func(c *core) bool { return c.Founding.State() == api.FoundingConfirming })
	}) {
		t.Fatal("nobody is asked")
	}
	for _, d := range l.devices {
		if err := d.core.Confirm(d.core.Founding.Session.Hex(), true); err != nil {
			t.Fatal(err)
		}
	}
	l.run(10*time.Second, nil)
	for _, d := range l.devices {
		d.kill()
		d.start()
		if d.core.Founding == nil || !d.core.Founding.Pending || d.core.Circle != nil {
			t.Errorf("%s is not pending after a restart", d.name)
		}
	}
	look()
	if shown != 0 || looked < 10 {
		t.Errorf("an address is shown %d times before anybody heard a ready, of %d", shown, looked)
	}
	hold = false
	if !l.run(2*time.Minute, func() bool { return l.all(3, func(c *core) bool { return c.Circle != nil }) }) {
		t.Fatalf("the circle does not stand\n%s", l.logs())
	}
	look()
	if shown == 0 {
		t.Error("nobody shows an address")
	}
}

// TestLookAlikeNamesAreNoted: whoever compares names, at a founding or when a
// device comes in, is told of one that looks like another.
func TestLookAlikeNamesAreNoted(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 72)
	l.found(2, 2)
	phone := l.devices[0]
	for name, want := range map[string]string{
		"рhone":       "mixes Cyrillic and Latin letters",
		"𝐩𝐡𝐨𝐧𝐞":       "styled copies",
		"phone ٢":     "unusual digits",
		"phone":       "",
		"Omas Handy":  "",
		"Мой телефон": "",
		"電話":          "",
	} {
		if err := roster.CheckName(name); err != nil {
			t.Fatal(err)
		}
		doubts := strings.Join(phone.core.DoubtsAbout(name), "\n")
		if want == "" && doubts != "" || !strings.Contains(doubts, want) {
			t.Errorf("%s: %q, want %q", name, doubts, want)
		}
	}
	card := l.stranger(func(c *roster.Card) { c.Name = "рhone" }).Card
	r := phone.change(change.Add, change.Payload{Card: card.Bytes(), Addrs: []string{}})
	if v := phone.core.ViewRequest(r); len(v.Warnings) != 1 || !strings.Contains(v.Warnings[0], "the name рhone: name may pass for another: the word") {
		t.Errorf("an addition is shown with %q", v.Warnings)
	}
}
