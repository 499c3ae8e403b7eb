package node

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// A live is one protocol machine that runs in this device now.
type live struct {
	id      wire.SessionID
	order   uint64 // of beginning
	machine session.Machine
	result  func() []byte // of a signing session or a test, once it is done
	slots   []wire.Slot   // everybody in it, this device included

	proposal share.Proposal // of a signing session or a test, with the record that it is under
	record   roster.Record

	testimony *testimony   // nil until somebody asks
	request   *openRequest // of a signing session
	founder   *founding    // of a founding
	redeal    *attempt     // of a re-deal, or of its test if account is set
	account   string
	tester    wire.Slot // who opened the test

	opened   time.Time
	progress time.Time // last time the machine took a step
	resent   time.Time
	heard    map[wire.Slot]time.Time
	done     bool
}

func (l *live) signing() bool { return l.request != nil }
func (l *live) testing() bool { return l.redeal != nil && l.account != "" }

// errStale ends a session that is older than it may be. This device has slept: the
// others gave the session up, and what one of them says in it now proves nothing.
var errStale = errors.New("node: the session is older than a session may be")

// stale reports whether a signing session is older than it may be by the clock of
// the wall. The other one stands still while a device sleeps.
func (l *live) stale(now time.Time) bool {
	return (l.signing() || l.testing()) && now.Round(0).Sub(l.opened.Round(0)).Abs() >= sessionLifetime
}

func (l *live) has(slot wire.Slot) bool { return slices.Contains(l.slots, slot) }

// silent ends a session because a device did not answer.
type silent struct {
	slot wire.Slot
	why  string
}

func (s silent) Error() string { return fmt.Sprintf("device %d %s", s.slot, s.why) }

// An earlyFrame came before its session: the initiator's word reaches the
// devices of a session at different times.
type earlyFrame struct {
	frame wire.Frame
	peer  []byte // transport id of the sender, which the session maps to a slot
	at    time.Time
}

// Bounds of the frames that are kept for sessions that do not exist yet. Only
// first-round frames can honestly be early, and those are small.
const (
	maxEarly          = 128
	maxEarlyPerDevice = 12
	maxEarlyBody      = 1 << 10
)

// liveSessions lists the sessions in the order in which they began.
func (c *core) liveSessions() []*live {
	out := make([]*live, 0, len(c.sessions))
	for _, l := range c.sessions {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *live) int { return cmp.Compare(a.order, b.order) })
	return out
}

// begin registers a session and carries out its first effects, then delivers
// what came early.
func (c *core) begin(l *live, effects []session.Effect) {
	l.opened, l.progress, l.resent = c.now, c.now, c.now
	l.heard = map[wire.Slot]time.Time{}
	for _, s := range l.slots {
		l.heard[s] = c.now
	}
	c.ordered++
	l.order = c.ordered
	c.sessions[l.id] = l
	c.remember(l.id)
	c.carryOut(l, effects)
	var keep, mine []earlyFrame
	for _, e := range c.early {
		if e.frame.Session == l.id {
			mine = append(mine, e)
		} else {
			keep = append(keep, e)
		}
	}
	c.early = keep
	for _, e := range mine {
		if s, ok := c.slotOf(e.peer); ok && s == e.frame.From && l.has(s) {
			c.deliver(l, e.frame)
		}
	}
}

// onFrame handles a frame of a machine in slot from.
func (c *core) onFrame(from wire.Slot, msg []byte) error {
	f, err := wire.ParseFrame(msg)
	if err != nil {
		return err
	}
	if f.From != from {
		return fmt.Errorf("node: frame that claims to be of slot %d", f.From)
	}
	if me := c.selfSlot(); f.To != 0 && f.To != me {
		return fmt.Errorf("node: frame for slot %d", f.To)
	}
	l := c.sessions[f.Session]
	if l == nil {
		if c.tellDead(f.Session, from) {
			return nil
		}
		if d, ok := c.device(from); ok {
			c.keepEarly(f, d.Peer)
		}
		return nil
	}
	if !l.has(from) {
		return fmt.Errorf("node: frame for a session that slot %d is not in", from)
	}
	c.deliver(l, f)
	return nil
}

func (c *core) keepEarly(f wire.Frame, peer []byte) {
	if len(f.Body) > maxEarlyBody {
		return
	}
	fresh := c.early[:0]
	for _, e := range c.early {
		if c.now.Sub(e.at) < c.cfg.Timings.EarlyHold {
			fresh = append(fresh, e)
		}
	}
	c.early = fresh
	first, n := -1, 0
	for i, e := range c.early {
		if bytes.Equal(e.peer, peer) {
			if n++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case n >= maxEarlyPerDevice:
		c.early = slices.Delete(c.early, first, first+1)
	case len(c.early) >= maxEarly:
		c.early = c.early[1:]
	}
	f.Body = append([]byte(nil), f.Body...)
	c.early = append(c.early, earlyFrame{frame: f, peer: peer, at: c.now})
}

func (c *core) deliver(l *live, f wire.Frame) {
	if c.sessions[l.id] != l {
		return
	}
	if l.stale(c.now) {
		c.failSession(l, errStale)
		return
	}
	l.heard[f.From] = c.now
	effects, err := l.machine.Deliver(f)
	if err != nil {
		// A machine that stops may have a last word: why it stopped.
		c.carryOut(l, effects)
		c.failSession(l, err)
		return
	}
	if len(effects) > 0 {
		l.progress, l.resent = c.now, c.now
		c.ours = l.signing()
	} else if l.redeal != nil && !l.testing() {
		c.remind(l, f.From)
	}
	c.carryOut(l, effects)
	switch {
	case c.sessions[l.id] != l:
	case l.signing():
		c.notify(l.request)
	case l.testing():
	case l.redeal != nil:
		c.redealStep()
	default:
		c.foundingStep(l)
	}
}

// remind repeats what this device knows of a re-deal to a device that still
// speaks in it although this one is through, or rests: what the other lacks may
// have been lost on its way.
func (c *core) remind(l *live, to wire.Slot) {
	pause := c.cfg.Timings.Resend
	if !l.done {
		pause = attemptLife
	}
	if (l.done || c.resting(l)) && c.now.Sub(l.resent).Abs() >= pause {
		l.resent = c.now
		c.repeat(l, to)
	}
}

// repeat sends everything that was said in a session to one device.
func (c *core) repeat(l *live, to wire.Slot) {
	for _, e := range l.machine.Resend() {
		if s, ok := e.(session.Send); ok && (s.Frame.To == 0 || s.Frame.To == to) {
			c.sendTo(to, wire.ProtocolSession, s.Frame.Append(nil))
		}
	}
}

// carryOut does what a machine asks for, in order, and stops at the first
// failure: nothing may be sent whose ground is not durable.
func (c *core) carryOut(l *live, effects []session.Effect) {
	for _, e := range effects {
		var err error
		switch e := e.(type) {
		case session.Send:
			c.sendFrame(l, e.Frame)
		case session.Release:
			if l.signing() {
				err = c.release(l.request)
			}
		case session.Persist:
			if l.redeal != nil {
				err = c.persistRedeal(l.redeal, e.State)
			} else {
				err = c.persistFounding(l, e.State)
			}
			clear(e.State)
		case session.Erase:
			err = c.erase(l.redeal.epochKey)
		case session.Discard:
			err = c.discard(l.redeal)
		case session.Done:
			l.done = true
			c.finish(l)
			return
		default:
			panic(fmt.Sprintf("node: internal error: unknown effect %T", e))
		}
		if err != nil {
			c.failSession(l, err)
			return
		}
	}
}

func (c *core) sendFrame(l *live, f wire.Frame) {
	b := f.Append(nil)
	for _, s := range l.slots {
		if s != f.From && (f.To == 0 || f.To == s) {
			c.sendTo(s, wire.ProtocolSession, b)
		}
	}
}

// finish handles a machine that has its result.
func (c *core) finish(l *live) {
	switch {
	case l.signing():
		c.finishSigning(l)
	case l.testing():
		c.finishTest(l)
	case l.redeal != nil:
		c.finishRedeal(l)
	default:
		c.finishFounding(l)
	}
}

// drop forgets a session and wipes its machine.
func (c *core) drop(l *live) {
	if c.sessions[l.id] != l {
		return
	}
	delete(c.sessions, l.id)
	l.machine.Close()
	c.keepTestimony(l)
	if l.request != nil && l.request.live == l {
		l.request.live = nil
	}
}

// failSession ends a session that cannot succeed.
func (c *core) failSession(l *live, err error) {
	if c.sessions[l.id] != l {
		return
	}
	c.drop(l)
	switch {
	case l.signing():
		c.signingFailed(l, err)
	case l.testing():
		c.testFailed(l, err)
	case l.redeal != nil:
		c.redealBroke(l, err)
	default:
		c.foundingFailed(l, err)
	}
}

// tickSessions names who is silent and repeats what may have been lost.
func (c *core) tickSessions() {
	for _, l := range c.liveSessions() {
		if l.done {
			continue
		}
		if l.stale(c.now) {
			c.failSession(l, errStale)
			continue
		}
		waiting := l.machine.Waiting()
		if l.signing() && c.stalls(l) {
			c.notify(l.request)
		}
		if l.signing() || l.testing() {
			if s, ok := c.silentIn(l, waiting); ok {
				c.failSession(l, silent{slot: s, why: "did not answer"})
				continue
			}
		}
		every := c.cfg.Timings.Resend
		switch {
		case c.resting(l):
			every = c.cfg.Timings.Inventory
		case l.redeal != nil && !l.testing():
			// A re-deal repeats all that was ever said in it. Whoever did not hear
			// it ten times is most likely not there, and is told when it comes.
			every = max(every, c.now.Sub(l.progress)/10)
		}
		if len(waiting) > 0 && c.now.Sub(l.resent).Abs() >= every {
			l.resent = c.now
			if l.founder != nil && c.selfSlot() == 1 && !l.founder.pending {
				// Who was not ready to be invited yet has dropped it.
				for _, s := range waiting {
					c.sync(s, msgFound, c.foundMessage())
				}
			}
			if l.redeal != nil && !l.testing() {
				// Some may never have heard of it, and take its frames for those
				// of a session that they are not in.
				c.tellRedeal(l.redeal, waiting)
			}
			c.carryOut(l, l.machine.Resend())
		}
	}
}

// resting reports whether a re-deal only waits for devices that are away, for
// as long as that may be. Whoever comes back is told at once.
func (c *core) resting(l *live) bool {
	if l.redeal == nil || l.testing() {
		return false
	}
	patience := 10 * attemptLife
	if l.redeal.machine.Settled() {
		patience = attemptLife
	}
	return c.now.Sub(l.opened).Abs() >= patience
}

// silentIn finds a device that the machine waits for and that has said nothing
// for too long. A device that repeats itself but does not get on with the
// session is as good as silent after three times that.
func (c *core) silentIn(l *live, waiting []wire.Slot) (wire.Slot, bool) {
	limit := c.cfg.Timings.Silence
	for _, s := range waiting {
		if since := c.now.Sub(l.progress).Abs(); since >= 3*limit || since >= limit && c.now.Sub(l.heard[s]).Abs() >= limit {
			return s, true
		}
	}
	return 0, false
}

// blamed returns the slot that err names, or 0, and the check that failed.
func blamed(err error) (slot wire.Slot, check string, cheat bool) {
	if f, ok := errors.AsType[*session.Fault](err); ok {
		return f.Slot, f.Check, f.Class == session.Cheat || f.Class == session.Equivocation
	}
	if s, ok := errors.AsType[silent](err); ok {
		return s.slot, "silent", false
	}
	return 0, "", false
}
