package founding

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/keygen"
	"github.com/warifu/warifu/wire"
)

// newFoundings makes those of a device, which its room needs no ledger of.
func newFoundings(b *standingtest.Bench) *Foundings {
	j := judging.New(b.Standing)
	return New(b.Standing, j, drive.New(b.Standing, nil), ledger.New(b.Standing, j, nil), func(error) {})
}

// card is that of the n-th device that has met nobody, called watch, changed by f.
func card(n byte, f func(*roster.Card)) roster.Card {
	c := roster.Card{Name: "watch", Kind: roster.Phone, Identity: wire.DeviceID{n, 1}, Peer: []byte{n, 2}, Box: [32]byte{n, 3}, Presence: [32]byte{n, 4}}
	f(&c)
	return c
}

func called(n byte, name string) roster.Card {
	return card(n, func(c *roster.Card) { c.Name = name })
}

// TestWhoDoesNotFit: each device joins a founding once, under a name of its own,
// while there is room. What does not fit leaves nothing behind, and the other
// side is told in words of its own.
func TestWhoDoesNotFit(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 1)
	fd := newFoundings(b)
	if err := fd.Fits(called(1, "laptop")); !errors.Is(err, errNotInviting) {
		t.Errorf("nobody is invited: %v", err)
	}
	if err := fd.BeginInviting(2, 3, roster.DefaultSettings()); err != nil {
		t.Fatal(err)
	}
	in := meet.Newcomer{Card: called(1, "laptop")}
	if err := fd.AdmitNewcomer(in); err != nil {
		t.Fatal(err)
	}
	own := fd.OwnCard([32]byte{})
	for name, c := range map[string]struct {
		card roster.Card
		want error
	}{
		"itself":             {own, ErrSameDevice},
		"again":              {in.Card, ErrSameDevice},
		"again-renamed":      {card(2, func(c *roster.Card) { c.Identity = in.Card.Identity }), ErrSameDevice},
		"peer-of-another":    {card(2, func(c *roster.Card) { c.Peer = in.Card.Peer }), ErrSameDevice},
		"box-of-another":     {card(2, func(c *roster.Card) { c.Box = in.Card.Box }), ErrSameDevice},
		"presence-of-ours":   {card(2, func(c *roster.Card) { c.Presence = own.Presence }), ErrSameDevice},
		"name-of-another":    {called(2, "laptop"), standing.ErrSameName},
		"name-of-ours":       {called(2, "PHONE"), standing.ErrSameName},
		"another-of-our-own": {called(2, "watch"), nil},
	} {
		if err := fd.Fits(c.card); !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if c.want == nil {
			continue
		}
		if err := fd.AdmitNewcomer(meet.Newcomer{Card: c.card}); !errors.Is(err, c.want) || len(fd.Founding.Joined) != 1 || len(b.Pairing) != 1 {
			t.Errorf("%s: admitted: %v", name, err)
		}
	}
	if err := fd.AdmitNewcomer(meet.Newcomer{Card: called(3, "watch")}); err != nil {
		t.Fatal(err)
	}
	if err := fd.Fits(called(4, "one too many")); !errors.Is(err, errFull) {
		t.Errorf("one device too many: %v", err)
	}
}

// badNames are names that no device may begin to have, with what is said of them.
var badNames = map[string]string{
	"2": "number", "l": "number", "-x": "dash", "deadbeef": "fingerprint", "рhone": "mixes", "аре": "looks like Latin", "𝐩𝐡𝐨𝐧𝐞": "styled", "phone ٢": "unusual digits",
}

// TestNewNames: a name that passes for a slot, a fingerprint, an option or another
// name is refused wherever a device could begin to have it.
func TestNewNames(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 1)
	fd := newFoundings(b)
	// A device that is called so from before does not begin a founding, nor join.
	was := b.Self.Name
	for name, want := range badNames {
		b.Self.Name = name
		if err := fd.FreeToFound(); !say.Is(err, say.OwnName) || !strings.Contains(err.Error(), "this device is called") || !strings.Contains(err.Error(), want) {
			t.Errorf("found as %s: %v", name, err)
		}
	}
	b.Self.Name = was

	// Nor does a founder take one in, or one whose name looks like another's.
	if err := fd.BeginInviting(3, 4, roster.DefaultSettings()); err != nil {
		t.Fatal(err)
	}
	for name := range badNames {
		if err := fd.Fits(called(1, name)); !standing.IsBadName(err) {
			t.Errorf("a founding takes in %s: %v", name, err)
		}
	}
	for _, name := range []string{"phone", "PHONE", "ph0ne", "Phοne", "рһоnе"} {
		if err := fd.Fits(called(1, name)); err == nil || !errors.Is(err, standing.ErrSameName) && !standing.IsBadName(err) {
			t.Errorf("beside phone it takes in %s: %v", name, err)
		}
	}
	if err := fd.Fits(called(1, "phone-2")); err != nil {
		t.Errorf("phone-2: %v", err)
	}
}

// TestFoundingRefusesNames: each device looks at all names of the circle to be, not
// only the founder, which may be of another release.
func TestFoundingRefusesNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"2", "1aptop", "LAPTOP"} {
		b := standingtest.New(t, 1)
		b.Self.Name = "laptop"
		fd := newFoundings(b)
		sponsor, own := meet.Newcomer{Card: called(1, "phone"), Addrs: []string{}}, fd.OwnCard([32]byte{1})
		p := keygen.Proposal{Version: keygen.Version, Threshold: 2, Settings: roster.DefaultSettings(), Nonce: standing.DiscoveryNonce([32]byte{5})}
		p.Devices = []roster.Device{sponsor.Card.Device(1), own.Device(2), called(2, name).Device(3)}
		fd.Joining = &Joining{Sponsor: sponsor, Card: own, Touched: b.Now}
		err := fd.Accept(message.Found{Proposal: p.Bytes(), Discovery: [32]byte{5}, Addrs: [][]string{{}, {}, {}}})
		if err == nil || !strings.Contains(err.Error(), "number") && !strings.Contains(err.Error(), "look alike") && !strings.Contains(err.Error(), "one name") {
			t.Errorf("%s: %v", name, err)
		}
		if fd.Founding != nil || fd.Joining == nil {
			t.Errorf("%s: it takes part", name)
		}
	}
}

// TestOneInvitationAtATime: a device of a circle lets one in after the other, so
// that one code is alive and each newcomer is measured by what it was invited for.
func TestOneInvitationAtATime(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3).InCircle(2)
	fd := newFoundings(b)
	idOf := func(slot wire.Slot) string { d, _ := b.Device(slot); return d.Identity.Hex() }
	if _, _, err := fd.BeginInvite(idOf(1)); !say.Is(err, say.ThisDevice) || fd.Inviting != nil {
		t.Errorf("in place of itself: %v", err)
	}
	if _, _, err := fd.BeginInvite(strings.Repeat("ab", 32)); !say.Is(err, say.UnknownDevice) || fd.Inviting != nil {
		t.Errorf("in place of nobody: %v", err)
	}
	kind, slot, err := fd.BeginInvite(idOf(3))
	if err != nil || kind != change.Replace || slot != 3 {
		t.Fatal(kind, slot, err)
	}
	if _, _, err := fd.BeginInvite(""); !say.Is(err, say.InvitationUnderWay) || fd.Inviting.Replaces != 3 {
		t.Errorf("a second one: %v", err)
	}
	taken, _ := b.Device(3)
	namesake := called(1, taken.Name)
	if err := fd.Fits(namesake); err != nil {
		t.Errorf("the one that is replaced may give its name: %v", err)
	}
	fd.Inviting = nil
	if kind, _, err := fd.BeginInvite(""); err != nil || kind != change.Add {
		t.Error(kind, err)
	}
	if err := fd.Fits(namesake); !errors.Is(err, standing.ErrSameName) {
		t.Errorf("a name that is taken: %v", err)
	}
	again, _ := b.Device(2)
	if err := fd.Fits(card(1, func(c *roster.Card) { c.Box = again.Box })); !errors.Is(err, ErrSameDevice) {
		t.Errorf("a device that is in: %v", err)
	}
}

func refusedWith(err error) string {
	if r, ok := errors.AsType[*meet.Refusal](err); ok {
		return r.Code
	}
	return ""
}

// TestRefusalsAreSaid: a visitor that does not fit is told why, as far as it can do
// something about it, and the log has the device's own words.
func TestRefusalsAreSaid(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err  error
		want string
	}{
		{ErrSameDevice, pairing.SameDevice},
		{standing.ErrSameName, pairing.NameTaken},
		{errFull, pairing.CircleFull},
		{standing.CheckNewName("2"), pairing.BadName},
		{errNotInviting, pairing.Refused},
		{errors.New("node: the keys of this device were stolen"), pairing.Refused},
		{fmt.Errorf("wrapped: %w", errFull), pairing.CircleFull},
	} {
		if got := Refusal(row.err); refusedWith(got) != row.want || got.Error() != row.err.Error() || !errors.Is(got, row.err) {
			t.Errorf("%v: %v, code %s", row.err, got, refusedWith(got))
		}
	}
}
