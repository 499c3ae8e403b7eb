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
func (c *core) testimonyOf(id wire.SessionID) *testimony {
	if l := c.sessions[id]; l != nil {
		return c.testify(l)
	}
	for _, t := range c.shown {
		if t.session.proposal.Session() == id {
			return t
		}
	}
	return nil
}

// testify returns the testimony of a session in which statements are signed, as far
// as it has come.
func (c *core) testify(l *live) *testimony {
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
func (c *core) keepTestimony(l *live) {
	t := c.testify(l)
	if t == nil {
		return
	}
	c.shown = append(c.shown, t)
	for len(c.shown) > maxTestimonies {
		// Those that somebody may still have to answer for go last, so that nobody
		// flushes them away with sessions that went well.
		i := max(slices.IndexFunc(c.shown, func(t *testimony) bool { return t.until.IsZero() }), 0)
		c.shown = slices.Delete(c.shown, i, i+1)
	}
	for _, s := range sortedSlots(t.shows) {
		c.convict(t, c.judgeShow(t, s))
	}
}

// showAfter shows what was said in a session that failed with nobody to blame to
// all who were in it.
func (c *core) showAfter(l *live, err error) {
	if !errors.Is(err, session.ErrViewMismatch) && !errors.Is(err, session.ErrUnattributable) {
		return
	}
	t := c.testify(l)
	if t == nil {
		return
	}
	t.until = c.now.Add(c.cfg.Timings.Silence)
	for _, s := range l.slots {
		c.showTo(t, s)
	}
}

func (c *core) showTo(t *testimony, slot wire.Slot) {
	if t.told[slot] || slot == t.session.self {
		return
	}
	t.told[slot] = true
	c.sync(slot, msgShow, show{Session: [32]byte(t.session.proposal.Session()), Statements: t.statements})
}

// onShow judges what another device shows of a session, and shows what this one has.
// An honest device shows once, when the session is over on its side or on this one,
// so that it says nothing more in it that this one hears.
func (c *core) onShow(from wire.Slot, m show) error {
	t := c.testimonyOf(m.Session)
	if t == nil || t.hasShown(from) || !slices.Contains(t.session.proposal.Signers, from) {
		return nil
	}
	if len(m.Statements) > maxShown(t.session.proposal) {
		return wire.ErrMalformed
	}
	t.shows[from] = m.Statements
	c.showTo(t, from)
	f := c.judgeShow(t, from)
	if l := c.sessions[m.Session]; l != nil && f != nil {
		t.named[f.Slot] = true
		c.failSession(l, f)
		if !l.owner.personal() { // what failed a signature is counted there
			c.passOver(t, f.Slot, f.Error())
		}
		return nil
	}
	c.convict(t, f)
	return nil
}

// judgeShow returns whom that convicts which the device in slot from has shown, or nil.
func (c *core) judgeShow(t *testimony, from wire.Slot) *session.Fault {
	check := sign.CheckView
	if t.session.proposal.Suite == roster.Ed25519 {
		check = frost.CheckView
	}
	return share.Judge(t.session.proposal, t.session.record, check, t.session.self, from, t.statements, t.shows[from])
}

// convict counts a fault that came out when a session was over, once.
func (c *core) convict(t *testimony, f *session.Fault) {
	if f == nil || t.named[f.Slot] || !c.standsFor(t, f.Slot) {
		return
	}
	t.named[f.Slot] = true
	c.log.Warn("found who made a session fail", "session", t.session.proposal.Session(), "device", c.name(f.Slot), "check", f.Check)
	c.alarm(f.Slot, f.Check)
	c.passOver(t, f.Slot, f.Error())
}

// standsFor reports whether the device that was in slot in a session is there still.
// The slot of a newcomer whose re-deal died may be another's in the next.
func (c *core) standsFor(t *testimony, slot wire.Slot) bool {
	then, was := t.session.record.Device(slot)
	now, is := c.device(slot)
	return was && is && then.Identity == now.Identity
}

// maxShown is what an honest device has to show at most: a word of each signer in
// each round.
func maxShown(p share.Proposal) int { return len(p.Signers) * sign.Rounds }

// passOver prefers others to a device when the request of a session is tried again,
// or the re-deal whose new shares it tested.
func (c *core) passOver(t *testimony, slot wire.Slot, why string) {
	if of := t.session; of.request != (wire.RequestID{}) || slot != of.self && c.standsFor(t, slot) {
		of.passOver(slot, why)
	}
}

// tickShown passes over those who were asked what they heard and did not show it.
func (c *core) tickShown() {
	for _, t := range c.shown {
		if t.until.IsZero() || c.now.Before(t.until) && t.until.Sub(c.now) <= c.cfg.Timings.Silence {
			continue
		}
		t.until = time.Time{}
		for _, s := range t.session.proposal.Signers {
			if s != t.session.self && !t.hasShown(s) {
				c.log.Warn("did not show what it heard in a session that failed", "session", t.session.proposal.Session(), "device", c.name(s))
				c.passOver(t, s, c.name(s)+" did not show what it heard in a session that failed")
			}
		}
	}
}
