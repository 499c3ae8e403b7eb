package node

import (
	"errors"
	"slices"
	"time"

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

// A cosign makes the machines of threshold signatures, and finds out who lied in one
// that failed.
type cosign struct {
	me    *standing
	drive *drive

	newSigner newSigner
	shown     []*testimony // of sessions that are over, oldest first
}

// A testimony is what this device said and heard in one session. None of it is
// secret, and it is kept in memory for a while after the session.
type testimony struct {
	session    *signingSession
	statements []share.Statement
	told       map[wire.Slot]bool              // who was shown it
	shows      map[wire.Slot][]share.Statement // what others have shown, the first time
	named      map[wire.Slot]bool
	until      time.Time // those who have not shown theirs by then are passed over; zero if nobody waits
}

func (t *testimony) hasShown(slot wire.Slot) bool { _, ok := t.shows[slot]; return ok }

// maxTestimonies bounds those that are kept of sessions that are over. The largest
// is of nine signers in five rounds, some 10 kB.
const maxTestimonies = 16

// testimonyOf returns what this device could show of a session, which is running
// or over, or nil.
func (co *cosign) testimonyOf(id wire.SessionID) *testimony {
	if l := co.drive.sessions[id]; l != nil {
		return co.testify(l)
	}
	for _, t := range co.shown {
		if t.session.proposal.Session() == id {
			return t
		}
	}
	return nil
}

// testify returns the testimony of a session in which statements are signed, as far
// as it has come.
func (co *cosign) testify(l *live) *testimony {
	m, ok := l.machine.(interface{ Statements() []share.Statement })
	if !ok {
		return nil
	}
	o, signs := l.owner.(interface{ signs() *signingSession })
	if !signs || o.signs().proposal.Version != share.VersionSigned {
		return nil
	}
	of := o.signs()
	if of.testimony == nil {
		of.testimony = &testimony{
			session: of, told: map[wire.Slot]bool{}, shows: map[wire.Slot][]share.Statement{}, named: map[wire.Slot]bool{},
		}
	}
	of.testimony.statements = m.Statements()
	return of.testimony
}

// keepTestimony keeps what was said in a session that is over, and judges again what
// was shown of it while it ran: this device knows more now. Whoever showed something
// before it had said its last word is bound to it.
func (co *cosign) keepTestimony(l *live) {
	t := co.testify(l)
	if t == nil {
		return
	}
	co.shown = append(co.shown, t)
	for len(co.shown) > maxTestimonies {
		// Those that somebody may still have to answer for go last, so that nobody
		// flushes them away with sessions that went well.
		i := max(slices.IndexFunc(co.shown, func(t *testimony) bool { return t.until.IsZero() }), 0)
		co.shown = slices.Delete(co.shown, i, i+1)
	}
	for _, s := range sortedSlots(t.shows) {
		co.convict(t, co.judgeShow(t, s))
	}
}

// showAfter shows what was said in a session that failed with nobody to blame to
// all who were in it.
func (co *cosign) showAfter(l *live, err error) {
	if !errors.Is(err, session.ErrViewMismatch) && !errors.Is(err, session.ErrUnattributable) {
		return
	}
	t := co.testify(l)
	if t == nil {
		return
	}
	t.until = co.me.now.Add(co.me.cfg.Timings.Silence)
	for _, s := range l.slots {
		co.showTo(t, s)
	}
}

func (co *cosign) showTo(t *testimony, slot wire.Slot) {
	if t.told[slot] || slot == t.session.self {
		return
	}
	t.told[slot] = true
	co.me.sync(slot, msgShow, show{Session: [32]byte(t.session.proposal.Session()), Statements: t.statements})
}

// onShow judges what another device shows of a session, and shows what this one has.
// An honest device shows once, when the session is over on its side or on this one,
// so that it says nothing more in it that this one hears.
func (co *cosign) onShow(from wire.Slot, m show) error {
	t := co.testimonyOf(m.Session)
	if t == nil || t.hasShown(from) || !slices.Contains(t.session.proposal.Signers, from) {
		return nil
	}
	if len(m.Statements) > maxShown(t.session.proposal) {
		return wire.ErrMalformed
	}
	t.shows[from] = m.Statements
	co.showTo(t, from)
	f := co.judgeShow(t, from)
	if l := co.drive.sessions[m.Session]; l != nil && f != nil {
		t.named[f.Slot] = true
		co.drive.failSession(l, f)
		if !l.owner.personal() { // what failed a signature is counted there
			co.passOver(t, f.Slot, f.Error())
		}
		return nil
	}
	co.convict(t, f)
	return nil
}

// judgeShow returns whom that convicts which the device in slot from has shown, or nil.
func (co *cosign) judgeShow(t *testimony, from wire.Slot) *session.Fault {
	check := sign.CheckView
	if t.session.proposal.Suite == roster.Ed25519 {
		check = frost.CheckView
	}
	return share.Judge(t.session.proposal, t.session.record, check, t.session.self, from, t.statements, t.shows[from])
}

// convict counts a fault that came out when a session was over, once.
func (co *cosign) convict(t *testimony, f *session.Fault) {
	if f == nil || t.named[f.Slot] || !co.standsFor(t, f.Slot) {
		return
	}
	t.named[f.Slot] = true
	co.me.log.Warn("found who made a session fail", "session", t.session.proposal.Session(), "device", co.me.name(f.Slot), "check", f.Check)
	co.me.alarm(f.Slot, f.Check)
	co.passOver(t, f.Slot, f.Error())
}

// standsFor reports whether the device that was in slot in a session is there still.
// The slot of a newcomer whose re-deal died may be another's in the next.
func (co *cosign) standsFor(t *testimony, slot wire.Slot) bool {
	then, was := t.session.record.Device(slot)
	now, is := co.me.device(slot)
	return was && is && then.Identity == now.Identity
}

// maxShown is what an honest device has to show at most: a word of each signer in
// each round.
func maxShown(p share.Proposal) int { return len(p.Signers) * sign.Rounds }

// passOver prefers others to a device when the request of a session is tried again,
// or the re-deal whose new shares it tested.
func (co *cosign) passOver(t *testimony, slot wire.Slot, why string) {
	if of := t.session; of.request != (wire.RequestID{}) || slot != of.self && co.standsFor(t, slot) {
		of.passOver(slot, why)
	}
}

// tickShown passes over those who were asked what they heard and did not show it.
func (co *cosign) tickShown() {
	for _, t := range co.shown {
		if t.until.IsZero() || co.me.now.Before(t.until) && t.until.Sub(co.me.now) <= co.me.cfg.Timings.Silence {
			continue
		}
		t.until = time.Time{}
		for _, s := range t.session.proposal.Signers {
			if s != t.session.self && !t.hasShown(s) {
				co.me.log.Warn("did not show what it heard in a session that failed", "session", t.session.proposal.Session(), "device", co.me.name(s))
				co.passOver(t, s, co.me.name(s)+" did not show what it heard in a session that failed")
			}
		}
	}
}
