package node

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
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
	shown func(to *labDevice, s *show) bool                // changes what it shows; false shows nothing
	shows map[*labDevice]int                               // that the liar was sent to, by whom
}

func newForger(l *lab, slot wire.Slot) *forger {
	f := &forger{lab: l, liar: l.devices[slot-1], slot: slot, shows: map[*labDevice]int{}}
	seed := make([]byte, 32)
	f.liar.core.self.identity.Use(func(b *[32]byte) error { copy(seed, b[:]); return nil })
	key := ed25519.NewKeyFromSeed(seed)
	sign64 := func(id wire.SessionID, kind wire.Kind, said []byte) []byte {
		return ed25519.Sign(key, share.StatementMessage(id, slot, kind, said))
	}
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if to == f.liar && len(b) > 0 && b[0] == msgShow && !isFrame(b) {
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
		if b[0] != msgShow {
			return b
		}
		var s show
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
		return encodeMessage(msgShow, s)
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
func (d *labDevice) askFile() *openRequest {
	d.lab.t.Helper()
	d.core.now = d.lab.now
	r, err := d.core.ask(intent.Input{Kind: intent.SSHFile, Namespace: "file", FileName: "a", FileSize: 1, FileHash: [64]byte{1}}, roster.SSH, nil, requestLifetime)
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
		shown func(*labDevice, *show) bool
		found []string // by whom, with a proof
	}{
		{name: "view", said: flip(3, 63), found: []string{"phone", "tablet"}},
		{name: "last-view", said: flip(5, 95), found: []string{"phone", "tablet"}},
		{name: "nonces-equivocated", said: flip(1, 0, "tablet"), found: []string{"phone", "tablet"}},
		{name: "view-to-one", said: flip(4, 129, "phone"), found: []string{"phone", "tablet"}},
		{name: "frost-view", ssh: true, said: flip(frost.KindResponse, 0), found: []string{"phone", "tablet"}},
		{name: "frost-nonces-equivocated", ssh: true, said: flip(frost.KindCommit, 0, "tablet"), found: []string{"phone", "tablet"}},
		{name: "nothing-shown", said: flip(3, 63), shown: func(*labDevice, *show) bool { return false }},
		{name: "garbage-shown", said: flip(3, 63), shown: func(_ *labDevice, s *show) bool {
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
			ask := func() *openRequest { return phone.ask("without the liar") }
			if tt.ssh {
				ask = phone.askFile
			}
			r := ask()
			laptop.approves(r.id)
			tablet.approves(r.id)
			if !l.run(time.Minute, func() bool { return r.attempts >= 1 && r.live == nil }) {
				t.Fatalf("the session does not fail\n%s", l.logs())
			}
			desktop.approves(r.id)
			if !l.run(3*time.Minute, func() bool { return phone.signed(r.id) }) {
				t.Fatalf("the laptop keeps the others from signing: failures %v\n%s", r.failures, l.logs())
			}
			l.run(time.Minute, nil)
			for _, d := range []*labDevice{phone, tablet} {
				got := d.core.alarms[f.slot]
				if want := slices.Contains(tt.found, d.name); want != (got > 0) {
					t.Errorf("%s counts %d failed checks of the laptop", d.name, got)
				}
				for slot, n := range d.core.alarms {
					if slot != f.slot && n != 0 {
						t.Errorf("%s counts %d failed checks of %s, which did nothing wrong", d.name, n, d.core.name(slot))
					}
				}
			}
			for slot, n := range r.failures {
				if slot != f.slot && n >= r.failures[f.slot] {
					t.Errorf("the phone passes over device %d %d times, and the liar %d", slot, n, r.failures[f.slot])
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
	f.shown = func(*labDevice, *show) bool { return early }
	r := phone.ask("shown too early")
	laptop.approves(r.id)
	tablet.approves(r.id)
	if !l.run(time.Minute, func() bool { return len(laptop.core.sessions) == 1 && len(tablet.core.sessions) == 1 && r.live != nil }) {
		t.Fatal("no session")
	}
	id := r.live.id
	if !l.run(time.Minute, func() bool { return len(laptop.core.testimonyOf(id).statements) >= 3 }) {
		t.Fatal("the laptop hears nothing")
	}
	for _, s := range []wire.Slot{1, 3} {
		laptop.core.sync(s, msgShow, show{Session: id, Statements: laptop.core.testimonyOf(id).statements})
	}
	if !l.run(time.Minute, func() bool {
		return len(phone.core.testimonyOf(id).shows) == 1 && len(tablet.core.testimonyOf(id).shows) == 1
	}) {
		t.Fatal("nothing is shown")
	}
	if len(phone.core.sessions) != 1 || phone.core.alarms[2] != 0 {
		t.Fatalf("%d sessions, %d alarms before anything was wrong", len(phone.core.sessions), phone.core.alarms[2])
	}
	early = false
	if !l.run(time.Minute, func() bool { return phone.core.alarms[2] > 0 && tablet.core.alarms[2] > 0 }) {
		t.Errorf("the laptop is not found: %v, %v\n%s", phone.core.alarms, tablet.core.alarms, l.logs())
	}
	if phone.core.alarms[3] != 0 || tablet.core.alarms[1] != 0 {
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
	var last *openRequest
	for range maxTestimonies + 2 {
		last = phone.askFile()
		laptop.approves(last.id)
		tablet.approves(last.id)
		if !l.run(time.Minute, func() bool { return phone.signed(last.id) && laptop.signed(last.id) && tablet.signed(last.id) }) {
			t.Fatalf("not signed\n%s", l.logs())
		}
	}
	for _, d := range l.devices {
		if n := len(d.core.shown); n != maxTestimonies {
			t.Errorf("%s keeps what was said in %d sessions, want %d", d.name, n, maxTestimonies)
		}
	}
	c := laptop.core
	kept := c.shown[maxTestimonies-1]
	if n := len(kept.statements); n != 6 {
		t.Errorf("%d words of three signers in two rounds", n)
	}
	answers := 0
	l.watch = func(from, to *labDevice, _ string, b []byte) {
		if from == laptop && to == phone && b[0] == msgShow {
			answers++
		}
	}
	m := show{Session: kept.session.proposal.Session(), Statements: kept.statements}
	for range 5 {
		if err := c.onShow(1, m); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.onShow(1, show{Session: m.Session}); err != nil || len(kept.shows[1]) != len(m.Statements) {
		t.Errorf("what is shown later takes the place of what was shown first: %v", err)
	}
	l.run(time.Second, nil)
	if answers != 1 {
		t.Errorf("%d answers to what was shown five times", answers)
	}
	long := m
	for range sign.Rounds*3 + 1 {
		long.Statements = append(slices.Clone(long.Statements), kept.statements[0])
	}
	if err := c.onShow(3, long); err == nil || kept.hasShown(3) {
		t.Errorf("%d words of a session with 15 at most are read: %v", len(long.Statements), err)
	}
	other := m
	other.Session[0] ^= 1
	if err := c.onShow(3, other); err != nil || kept.hasShown(3) {
		t.Errorf("a session that this device was not in: %v", err)
	}
	if err := c.onShow(9, m); err != nil || kept.hasShown(9) {
		t.Errorf("a device that was not in it: %v", err)
	}
	for slot, n := range c.alarms {
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
	if err := x.phone.core.takePart(x.r, p); err != nil {
		t.Fatal(err)
	}
	if !x.run(time.Minute, func() bool { return x.phone.signed(x.r.id) }) {
		t.Fatalf("not signed\n%s", x.logs())
	}
	if n := len(x.laptop.core.shown); n != 0 {
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
	p, err := phone.core.proposal(phone.ask("between two"), []wire.Slot{1, 2})
	if err != nil || p.Version != share.Version {
		t.Errorf("version %d: %v", p.Version, err)
	}
}
