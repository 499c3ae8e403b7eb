package node

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// A forger rewrites what one device says to all in a session, and signs that with
// its identity key.
type forger struct {
	*lab
	liar  *labDevice
	slot  wire.Slot
	said  func(to *labDevice, kind wire.Kind, said []byte) // changes what it says
	shown func(to *labDevice, s *message.Show) bool        // changes what it shows; false shows nothing
	shows map[*labDevice]int                               // that the liar was sent to, by whom
}

func newForger(l *lab, slot wire.Slot) *forger {
	f := &forger{lab: l, liar: l.devices[slot-1], slot: slot, shows: map[*labDevice]int{}}
	seed := make([]byte, 32)
	f.liar.core.Self.Identity.Use(func(b *[32]byte) error { copy(seed, b[:]); return nil })
	key := ed25519.NewKeyFromSeed(seed)
	sign64 := func(id wire.SessionID, kind wire.Kind, said []byte) []byte {
		return ed25519.Sign(key, share.StatementMessage(id, slot, kind, said))
	}
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if to == f.liar && len(b) > 0 && b[0] == message.MsgShow && !isFrame(b) {
			f.shows[from]++
		}
		if from != f.liar {
			return b
		}
		if fr, err := wire.ParseFrame(b); err == nil && f.said != nil {
			n := saidSize(fr)
			if n == 0 {
				return b
			}
			f.said(to, fr.Kind, fr.Body[:n])
			copy(fr.Body[len(fr.Body)-64:], sign64(fr.Session, fr.Kind, fr.Body[:n]))
			return fr.Append(nil)
		}
		if b[0] != message.MsgShow {
			return b
		}
		var s message.Show
		if err := wire.Unmarshal(b[1:], &s); err != nil {
			return b
		}
		for i := range s.Statements {
			// Its own words as it said them to this one.
			if st := &s.Statements[i]; st.Slot == slot && f.said != nil {
				f.said(to, st.Kind, st.Said)
				st.Sig = sign64(s.Session, st.Kind, st.Said)
			}
		}
		if f.shown != nil && !f.shown(to, &s) {
			return nil
		}
		return message.EncodeMessage(message.MsgShow, s)
	}
	return f
}

func isFrame(b []byte) bool { _, err := wire.ParseFrame(b); return err == nil }

// saidSize is the length of what a frame of a signed session says to all, or 0.
func saidSize(f wire.Frame) int {
	switch n := len(f.Body) - 64; {
	case f.To == 0 && (n == 128 || n == 64): // FROST: everything
		return n
	case f.To != 0 && f.Kind <= sign.Rounds && n > 0:
		return []int{0, 64, 32, 64, 130, 96}[f.Kind]
	}
	return 0
}

// askFile asks d for a signature with the SSH account, which FROST makes.
func (d *labDevice) askFile() *ledger.Request {
	d.lab.t.Helper()
	d.core.Now = d.lab.now
	r, err := d.core.Ask(intent.Input{Kind: intent.SSHFile, Namespace: "file", FileName: "a", FileSize: 1, FileHash: [64]byte{1}}, roster.SSH, nil, desk.RequestLifetime)
	if err != nil {
		d.lab.t.Fatal(err)
	}
	return r
}

// TestLiarIsFoundByWhatIsShown: three of four sign, and one of the three lies in a way
// that no device sees alone. The session fails with nobody to blame, the signers show
// each other what they heard, every honest one of them finds the liar by that and
// nobody else, and the request is signed with the fourth.
func TestLiarIsFoundByWhatIsShown(t *testing.T) {
	t.Parallel()
	flip := func(kind wire.Kind, at int, to ...string) func(*labDevice, wire.Kind, []byte) {
		return func(d *labDevice, k wire.Kind, said []byte) {
			if k == kind && (len(to) == 0 || slices.Contains(to, d.name)) {
				said[at] ^= 1
			}
		}
	}
	for _, tt := range []struct {
		name  string
		ssh   bool
		said  func(*labDevice, wire.Kind, []byte)
		shown func(*labDevice, *message.Show) bool
		found []string // by whom, with a proof
	}{
		{name: "view", said: flip(3, 63), found: []string{"phone", "tablet"}},
		{name: "last-view", said: flip(5, 95), found: []string{"phone", "tablet"}},
		{name: "nonces-equivocated", said: flip(1, 0, "tablet"), found: []string{"phone", "tablet"}},
		{name: "view-to-one", said: flip(4, 129, "phone"), found: []string{"phone", "tablet"}},
		{name: "frost-view", ssh: true, said: flip(frost.KindResponse, 0), found: []string{"phone", "tablet"}},
		{name: "frost-nonces-equivocated", ssh: true, said: flip(frost.KindCommit, 0, "tablet"), found: []string{"phone", "tablet"}},
		{name: "nothing-shown", said: flip(3, 63), shown: func(*labDevice, *message.Show) bool { return false }},
		{name: "garbage-shown", said: flip(3, 63), shown: func(_ *labDevice, s *message.Show) bool {
			for i := range s.Statements {
				s.Statements[i].Sig = make([]byte, 64)
			}
			return true
		}, found: []string{"phone", "tablet"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4, 2800)
			l.found(3, 4)
			phone, laptop, tablet, desktop := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
			f := newForger(l, 2)
			f.said, f.shown = tt.said, tt.shown
			ask := func() *ledger.Request { return phone.ask("without the liar") }
			if tt.ssh {
				ask = phone.askFile
			}
			r := ask()
			laptop.approves(r.ID)
			tablet.approves(r.ID)
			if !l.run(time.Minute, func() bool { return r.Attempts >= 1 && r.Live == nil }) {
				t.Fatalf("the session does not fail\n%s", l.logs())
			}
			desktop.approves(r.ID)
			if !l.run(3*time.Minute, func() bool { return phone.signed(r.ID) }) {
				t.Fatalf("the laptop keeps the others from signing: failures %v\n%s", r.Failures, l.logs())
			}
			l.run(time.Minute, nil)
			for _, d := range []*labDevice{phone, tablet} {
				got := d.core.Alarms[f.slot]
				if want := slices.Contains(tt.found, d.name); want != (got > 0) {
					t.Errorf("%s counts %d failed checks of the laptop", d.name, got)
				}
				for slot, n := range d.core.Alarms {
					if slot != f.slot && n != 0 {
						t.Errorf("%s counts %d failed checks of %s, which did nothing wrong", d.name, n, d.core.Name(slot))
					}
				}
			}
			for slot, n := range r.Failures {
				if slot != f.slot && n >= r.Failures[f.slot] {
					t.Errorf("the phone passes over device %d %d times, and the liar %d", slot, n, r.Failures[f.slot])
				}
			}
		})
	}
}

// TestEarlyShowBinds: a device that shows what it heard before it lies, so that it has
// shown something and need show nothing more, is convicted by that: what it says later
// is not of what it showed.
func TestEarlyShowBinds(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 2804)
	l.found(3, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	f := newForger(l, 2)
	f.said = func(_ *labDevice, k wire.Kind, said []byte) {
		if k == 4 {
			said[129] ^= 1 // the view
		}
	}
	early := true
	f.shown = func(*labDevice, *message.Show) bool { return early }
	r := phone.ask("shown too early")
	laptop.approves(r.ID)
	tablet.approves(r.ID)
	if !l.run(time.Minute, func() bool { return len(laptop.core.Sessions) == 1 && len(tablet.core.Sessions) == 1 && r.Live != nil }) {
		t.Fatal("no session")
	}
	id := r.Live.ID
	if !l.run(time.Minute, func() bool { return len(laptop.core.TestimonyOf(id).Statements) >= 3 }) {
		t.Fatal("the laptop hears nothing")
	}
	for _, s := range []wire.Slot{1, 3} {
		laptop.core.Sync(s, message.MsgShow, message.Show{Session: id, Statements: laptop.core.TestimonyOf(id).Statements})
	}
	if !l.run(time.Minute, func() bool {
		return len(phone.core.TestimonyOf(id).Shows) == 1 && len(tablet.core.TestimonyOf(id).Shows) == 1
	}) {
		t.Fatal("nothing is shown")
	}
	if len(phone.core.Sessions) != 1 || phone.core.Alarms[2] != 0 {
		t.Fatalf("%d sessions, %d alarms before anything was wrong", len(phone.core.Sessions), phone.core.Alarms[2])
	}
	early = false
	if !l.run(time.Minute, func() bool { return phone.core.Alarms[2] > 0 && tablet.core.Alarms[2] > 0 }) {
		t.Errorf("the laptop is not found: %v, %v\n%s", phone.core.Alarms, tablet.core.Alarms, l.logs())
	}
	if phone.core.Alarms[3] != 0 || tablet.core.Alarms[1] != 0 {
		t.Error("an honest device is named")
	}
}

// TestShownOnce: what a device shows of a session is judged once, of sessions that it
// was in, and costs this device no more verifications than there were words in it. What
// is kept of sessions that are over is bounded.
func TestShownOnce(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 2801)
	l.found(3, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	var last *ledger.Request
	for range cosign.MaxTestimonies + 2 {
		last = phone.askFile()
		laptop.approves(last.ID)
		tablet.approves(last.ID)
		if !l.run(time.Minute, func() bool { return phone.signed(last.ID) && laptop.signed(last.ID) && tablet.signed(last.ID) }) {
			t.Fatalf("not signed\n%s", l.logs())
		}
	}
	for _, d := range l.devices {
		if n := len(d.core.Shown); n != cosign.MaxTestimonies {
			t.Errorf("%s keeps what was said in %d sessions, want %d", d.name, n, cosign.MaxTestimonies)
		}
	}
	c := laptop.core
	kept := c.Shown[cosign.MaxTestimonies-1]
	if n := len(kept.Statements); n != 6 {
		t.Errorf("%d words of three signers in two rounds", n)
	}
	answers := 0
	l.watch = func(from, to *labDevice, _ string, b []byte) {
		if from == laptop && to == phone && b[0] == message.MsgShow {
			answers++
		}
	}
	m := message.Show{Session: kept.Session.Proposal.Session(), Statements: kept.Statements}
	for range 5 {
		if err := c.OnShow(1, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.OnShow(1, message.Show{Session: m.Session}); err != nil || len(kept.Shows[1]) != len(m.Statements) {
		t.Errorf("what is shown later takes the place of what was shown first: %v", err)
	}
	l.run(time.Second, nil)
	if answers != 1 {
		t.Errorf("%d answers to what was shown five times", answers)
	}
	long := m
	for range sign.Rounds*3 + 1 {
		long.Statements = append(slices.Clone(long.Statements), kept.Statements[0])
	}
	if err := c.OnShow(3, long); err == nil || kept.HasShown(3) {
		t.Errorf("%d words of a session with 15 at most are read: %v", len(long.Statements), err)
	}
	other := m
	other.Session[0] ^= 1
	if err := c.OnShow(3, other); err != nil || kept.HasShown(3) {
		t.Errorf("a session that this device was not in: %v", err)
	}
	if err := c.OnShow(9, m); err != nil || kept.HasShown(9) {
		t.Errorf("a device that was not in it: %v", err)
	}
	for slot, n := range c.Alarms {
		t.Errorf("device %d is named %d times for showing what is true", slot, n)
	}
}

// TestOldVersionWithThree: an initiator of an earlier release proposes a session in
// which nothing is signed. It is signed as before, and nothing is kept of it.
func TestOldVersionWithThree(t *testing.T) {
	t.Parallel()
	x := newReplay(t, 2802)
	o := x.opening(0)
	p := mustProposal(t, o)
	if p.Version != share.VersionSigned {
		t.Fatalf("version %d among three", p.Version)
	}
	p.Version = share.Version
	o.Proposal = p.Bytes()
	for _, d := range []*labDevice{x.laptop, x.tablet} {
		if err := x.tell(d, x.now, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.phone.core.TakePart(x.r, p); err != nil {
		t.Fatal(err)
	}
	if !x.run(time.Minute, func() bool { return x.phone.signed(x.r.ID) }) {
		t.Fatalf("not signed\n%s", x.logs())
	}
	if n := len(x.laptop.core.Shown); n != 0 {
		t.Errorf("%d testimonies of sessions in which nothing is signed", n)
	}
}

// TestVersionBetweenTwo: two signers sign nothing that they say, and what they propose
// is what earlier releases propose.
func TestVersionBetweenTwo(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 2803)
	l.found(2, 2)
	phone := l.devices[0]
	p, err := phone.core.Proposal(phone.ask("between two"), []wire.Slot{1, 2})
	if err != nil || p.Version != share.Version {
		t.Errorf("version %d: %v", p.Version, err)
	}
}
