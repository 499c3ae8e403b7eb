package cosign

import (
	"errors"
	"slices"
	"time"

	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/frost"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// After a session of three and more signers that failed without anybody to blame,
// its signers show each other what they said and heard in it, each word signed by
// its maker. Whoever told two of them different things, or says that it heard what
// it did not, is convicted by that. Nobody is believed in anything: each device
// judges by itself what it is shown, and a device that shows nothing is only passed
// over for others when the request is tried again.

// Cosign makes the machines of threshold signatures, and finds out who lied in one
// that failed.
type Cosign struct {
	me    *standing.Standing
	drive *drive.Drive

	NewSigner NewSigner
	Shown     []*testimony // of sessions that are over, oldest first
}

// New makes one that runs DKLs23 and FROST.
func New(me *standing.Standing, d *drive.Drive) *Cosign {
	return &Cosign{me: me, drive: d, NewSigner: Signer}
}

// A testimony is what this device said and heard in one session. None of it is
// secret, and it is kept in memory for a while after the session.
type testimony struct {
	Session    *SigningSession
	Statements []share.Statement
	told       map[wire.Slot]bool              // who was shown it
	Shows      map[wire.Slot][]share.Statement // what others have shown, the first time
	named      map[wire.Slot]bool
	until      time.Time // those who have not shown theirs by then are passed over; zero if nobody waits
}

// HasShown reports whether the device in slot has shown what it said and heard.
func (t *testimony) HasShown(slot wire.Slot) bool { _, ok := t.Shows[slot]; return ok }

// MaxTestimonies bounds those that are kept of sessions that are over. The largest
// is of nine signers in five rounds, some 10 kB.
const MaxTestimonies = 16

// TestimonyOf returns what this device could show of a session, which is running
// or over, or nil.
func (co *Cosign) TestimonyOf(id wire.SessionID) *testimony {
	if l := co.drive.Sessions[id]; l != nil {
		return co.testify(l)
	}
	for _, t := range co.Shown {
		if t.Session.Proposal.Session() == id {
			return t
		}
	}
	return nil
}

// testify returns the testimony of a session in which statements are signed, as far
// as it has come.
func (co *Cosign) testify(l *drive.Session) *testimony {
	m, ok := l.Machine.(interface{ Statements() []share.Statement })
	if !ok {
		return nil
	}
	o, signs := l.Owner.(interface{ signs() *SigningSession })
	if !signs || o.signs().Proposal.Version != share.VersionSigned {
		return nil
	}
	of := o.signs()
	if of.testimony == nil {
		of.testimony = &testimony{
			Session: of, told: map[wire.Slot]bool{}, Shows: map[wire.Slot][]share.Statement{}, named: map[wire.Slot]bool{},
		}
	}
	of.testimony.Statements = m.Statements()
	return of.testimony
}

// KeepTestimony keeps what was said in a session that is over, and judges again what
// was shown of it while it ran: this device knows more now. Whoever showed something
// before it had said its last word is bound to it.
func (co *Cosign) KeepTestimony(l *drive.Session) {
	t := co.testify(l)
	if t == nil {
		return
	}
	co.Shown = append(co.Shown, t)
	for len(co.Shown) > MaxTestimonies {
		// Those that somebody may still have to answer for go last, so that nobody
		// flushes them away with sessions that went well.
		i := max(slices.IndexFunc(co.Shown, func(t *testimony) bool { return t.until.IsZero() }), 0)
		co.Shown = slices.Delete(co.Shown, i, i+1)
	}
	for _, s := range standing.SortedSlots(t.Shows) {
		co.convict(t, co.judgeShow(t, s))
	}
}

// ShowAfter shows what was said in a session that failed with nobody to blame to
// all who were in it.
func (co *Cosign) ShowAfter(l *drive.Session, err error) {
	if !errors.Is(err, session.ErrViewMismatch) && !errors.Is(err, session.ErrUnattributable) {
		return
	}
	t := co.testify(l)
	if t == nil {
		return
	}
	t.until = co.me.Now.Add(co.me.Config.Timings.Silence)
	for _, s := range l.Slots {
		co.showTo(t, s)
	}
}

func (co *Cosign) showTo(t *testimony, slot wire.Slot) {
	if t.told[slot] || slot == t.Session.Self {
		return
	}
	t.told[slot] = true
	co.me.Sync(slot, message.MsgShow, message.Show{Session: [32]byte(t.Session.Proposal.Session()), Statements: t.Statements})
}

// OnShow judges what another device shows of a session, and shows what this one has.
// An honest device shows once, when the session is over on its side or on this one,
// so that it says nothing more in it that this one hears.
func (co *Cosign) OnShow(from wire.Slot, m message.Show) error {
	t := co.TestimonyOf(m.Session)
	if t == nil || t.HasShown(from) || !slices.Contains(t.Session.Proposal.Signers, from) {
		return nil
	}
	if len(m.Statements) > maxShown(t.Session.Proposal) {
		return wire.ErrMalformed
	}
	t.Shows[from] = m.Statements
	co.showTo(t, from)
	f := co.judgeShow(t, from)
	if l := co.drive.Sessions[m.Session]; l != nil && f != nil {
		t.named[f.Slot] = true
		co.drive.FailSession(l, f)
		if !l.Owner.Personal() { // what failed a signature is counted there
			co.passOver(t, f.Slot, f.Error())
		}
		return nil
	}
	co.convict(t, f)
	return nil
}

// judgeShow returns whom that convicts which the device in slot from has shown, or nil.
func (co *Cosign) judgeShow(t *testimony, from wire.Slot) *session.Fault {
	check := sign.CheckView
	if t.Session.Proposal.Suite == roster.Ed25519 {
		check = frost.CheckView
	}
	return share.Judge(t.Session.Proposal, t.Session.Record, check, t.Session.Self, from, t.Statements, t.Shows[from])
}

// convict counts a fault that came out when a session was over, once.
func (co *Cosign) convict(t *testimony, f *session.Fault) {
	if f == nil || t.named[f.Slot] || !co.standsFor(t, f.Slot) {
		return
	}
	t.named[f.Slot] = true
	co.me.Log.Warn("found who made a session fail", "session", t.Session.Proposal.Session(), "device", co.me.Name(f.Slot), "check", f.Check)
	co.me.Alarm(f.Slot, f.Check)
	co.passOver(t, f.Slot, f.Error())
}

// standsFor reports whether the device that was in slot in a session is there still.
// The slot of a newcomer whose re-deal died may be another's in the next.
func (co *Cosign) standsFor(t *testimony, slot wire.Slot) bool {
	then, was := t.Session.Record.Device(slot)
	now, is := co.me.Device(slot)
	return was && is && then.Identity == now.Identity
}

// maxShown is what an honest device has to show at most: a word of each signer in
// each round.
func maxShown(p share.Proposal) int { return len(p.Signers) * sign.Rounds }

// passOver prefers others to a device when the request of a session is tried again,
// or the re-deal whose new shares it tested.
func (co *Cosign) passOver(t *testimony, slot wire.Slot, why string) {
	if of := t.Session; of.Request != (wire.RequestID{}) || slot != of.Self && co.standsFor(t, slot) {
		of.PassOver(slot, why)
	}
}

// TickShown passes over those who were asked what they heard and did not show it.
func (co *Cosign) TickShown() {
	for _, t := range co.Shown {
		if t.until.IsZero() || co.me.Now.Before(t.until) && t.until.Sub(co.me.Now) <= co.me.Config.Timings.Silence {
			continue
		}
		t.until = time.Time{}
		for _, s := range t.Session.Proposal.Signers {
			if s != t.Session.Self && !t.HasShown(s) {
				co.me.Log.Warn("did not show what it heard in a session that failed", "session", t.Session.Proposal.Session(), "device", co.me.Name(s))
				co.passOver(t, s, co.me.Name(s)+" did not show what it heard in a session that failed")
			}
		}
	}
}
