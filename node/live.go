package node

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// A drive runs the protocol machines of this device.
type drive struct {
	me *standing

	sessions map[wire.SessionID]*live
	ordered  uint64        // sessions begun so far
	begun    begunSessions // none of these is run again
	early    earlyFrames
	ours     bool // what is done now is a step of what this device's person wanted

	lookout lookout
}

// A live is one protocol machine that runs in this device now.
type live struct {
	id      wire.SessionID
	order   uint64 // of beginning
	machine session.Machine
	slots   []wire.Slot // everybody in it, this device included
	owner   owner

	opened   time.Time
	progress time.Time // last time the machine took a step
	resent   time.Time
	heard    map[wire.Slot]time.Time
	done     bool
}

// An owner is what a machine runs for, and what comes of it: a [signature], the
// [trial] of new shares, a [dealt] re-deal or a [founded] circle.
type owner interface {
	// What the machine asks for, in the sense of the effects of package session. A
	// machine that asks for what its owner has no use for is a fault of ours.
	persist(state []byte) error
	release() error
	erase() error
	discard() error

	// What comes of it: the machine has taken in a frame of a device, and moved or
	// did not; what it asked for then is done; it has its result; it cannot succeed
	// any more; a device in it says that it is over.
	heard(l *live, from wire.Slot, moved bool)
	stepped(l *live)
	finished(l *live)
	failed(l *live, err error)
	closed(l *live, from wire.Slot, m closed)
	dropped(l *live) // it is out of the sessions

	// personal reports whether the person of this device wanted it, so that its steps
	// are on this device's own account.
	personal() bool

	// timing says how patient the session is, and again tells those whom it waits
	// for what they may have missed beside its frames, before those are repeated.
	timing(l *live) timing
	again(l *live, waiting []wire.Slot)
}

// A lookout knows more of sessions than those that run.
type lookout interface {
	// mayRunAgain reports whether this device would take part again in a session of that
	// request, were its name forgotten.
	mayRunAgain(wire.RequestID) bool

	// stray hears of a frame of a session that does not run here, and reports whether it
	// never will.
	stray(id wire.SessionID, from wire.Slot) bool
}

// A timing is how patient a session is.
type timing struct {
	brief  bool          // it ends after [sessionLifetime], and when somebody is silent
	resend time.Duration // between two times that it repeats what was said
	rests  bool          // it only waits for devices that are away, for as long as that may be
}

// Stateless is embedded by owners whose machines keep nothing.
type stateless struct{}

var errNoState = errors.New("node: internal error: a session that keeps nothing was to keep something")

func (stateless) persist([]byte) error { return errNoState }
func (stateless) release() error       { return nil }
func (stateless) erase() error         { return errNoState }
func (stateless) discard() error       { return errNoState }

// errStale ends a session that is older than it may be. This device has slept: the
// others gave the session up, and what one of them says in it now proves nothing.
var errStale = errors.New("node: the session is older than a session may be")

// stale reports whether a session is older than it may be by the clock of the wall.
// The other one stands still while a device sleeps.
func (dr *drive) stale(l *live) bool {
	return l.owner.timing(l).brief && dr.me.now.Round(0).Sub(l.opened.Round(0)).Abs() >= sessionLifetime
}

func (l *live) has(slot wire.Slot) bool { return slices.Contains(l.slots, slot) }

// silent ends a session because a device did not answer.
type silent struct {
	slot wire.Slot
	why  string
}

func (s silent) Error() string { return fmt.Sprintf("device %d %s", s.slot, s.why) }

// liveSessions lists the sessions in the order in which they began.
func (dr *drive) liveSessions() []*live {
	out := make([]*live, 0, len(dr.sessions))
	for _, l := range dr.sessions {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *live) int { return cmp.Compare(a.order, b.order) })
	return out
}

// begin registers a session and carries out its first effects, then delivers
// what came early.
func (dr *drive) begin(l *live, effects []session.Effect) {
	l.opened, l.progress, l.resent = dr.me.now, dr.me.now, dr.me.now
	l.heard = map[wire.Slot]time.Time{}
	for _, s := range l.slots {
		l.heard[s] = dr.me.now
	}
	dr.ordered++
	l.order = dr.ordered
	dr.sessions[l.id] = l
	dr.begun.remember(dr.me.now, l.id)
	dr.carryOut(l, effects)
	for _, e := range dr.early.take(l.id) {
		if s, ok := dr.me.slotOf(e.peer); ok && s == e.frame.From && l.has(s) {
			dr.deliver(l, e.frame)
		}
	}
}

// onFrame handles a frame of a machine in slot from.
func (dr *drive) onFrame(from wire.Slot, msg []byte) error {
	f, err := wire.ParseFrame(msg)
	if err != nil {
		return err
	}
	if f.From != from {
		return fmt.Errorf("node: frame that claims to be of slot %d", f.From)
	}
	if me := dr.me.selfSlot(); f.To != 0 && f.To != me {
		return fmt.Errorf("node: frame for slot %d", f.To)
	}
	l := dr.sessions[f.Session]
	if l == nil {
		if dr.lookout.stray(f.Session, from) {
			return nil
		}
		if d, ok := dr.me.device(from); ok {
			dr.early.keep(dr.me.now, dr.me.cfg.Timings.EarlyHold, f, d.Peer)
		}
		return nil
	}
	if !l.has(from) {
		return fmt.Errorf("node: frame for a session that slot %d is not in", from)
	}
	dr.deliver(l, f)
	return nil
}

func (dr *drive) deliver(l *live, f wire.Frame) {
	if dr.sessions[l.id] != l {
		return
	}
	if dr.stale(l) {
		dr.failSession(l, errStale)
		return
	}
	l.heard[f.From] = dr.me.now
	effects, err := l.machine.Deliver(f)
	if err != nil {
		// A machine that stops may have a last word: why it stopped.
		dr.carryOut(l, effects)
		dr.failSession(l, err)
		return
	}
	moved := len(effects) > 0
	if moved {
		l.progress, l.resent = dr.me.now, dr.me.now
		dr.ours = l.owner.personal()
	}
	l.owner.heard(l, f.From, moved)
	dr.carryOut(l, effects)
	if dr.sessions[l.id] == l {
		l.owner.stepped(l)
	}
}

// repeat sends everything that was said in a session to one device.
func (dr *drive) repeat(l *live, to wire.Slot) {
	for _, e := range l.machine.Resend() {
		if s, ok := e.(session.Send); ok && (s.Frame.To == 0 || s.Frame.To == to) {
			dr.me.sendTo(to, wire.ProtocolSession, s.Frame.Append(nil))
		}
	}
}

// carryOut does what a machine asks for, in order, and stops at the first
// failure: nothing may be sent whose ground is not durable.
func (dr *drive) carryOut(l *live, effects []session.Effect) {
	for _, e := range effects {
		var err error
		switch e := e.(type) {
		case session.Send:
			dr.sendFrame(l, e.Frame)
		case session.Release:
			err = l.owner.release()
		case session.Persist:
			err = l.owner.persist(e.State)
			clear(e.State)
		case session.Erase:
			err = l.owner.erase()
		case session.Discard:
			err = l.owner.discard()
		case session.Done:
			l.done = true
			l.owner.finished(l)
			return
		default:
			panic(fmt.Sprintf("node: internal error: unknown effect %T", e))
		}
		if err != nil {
			dr.failSession(l, err)
			return
		}
	}
}

func (dr *drive) sendFrame(l *live, f wire.Frame) {
	b := f.Append(nil)
	for _, s := range l.slots {
		if s != f.From && (f.To == 0 || f.To == s) {
			dr.me.sendTo(s, wire.ProtocolSession, b)
		}
	}
}

// drop forgets a session and wipes its machine.
func (dr *drive) drop(l *live) {
	if dr.sessions[l.id] != l {
		return
	}
	delete(dr.sessions, l.id)
	l.machine.Close()
	l.owner.dropped(l)
}

// failSession ends a session that cannot succeed.
func (dr *drive) failSession(l *live, err error) {
	if dr.sessions[l.id] != l {
		return
	}
	dr.drop(l)
	l.owner.failed(l, err)
}

// tickSessions names who is silent and repeats what may have been lost.
func (dr *drive) tickSessions() {
	for _, l := range dr.liveSessions() {
		if l.done {
			continue
		}
		if dr.stale(l) {
			dr.failSession(l, errStale)
			continue
		}
		waiting := l.machine.Waiting()
		t := l.owner.timing(l)
		if t.brief {
			if s, ok := dr.silentIn(l, waiting); ok {
				dr.failSession(l, silent{slot: s, why: "did not answer"})
				continue
			}
		}
		if len(waiting) > 0 && dr.me.now.Sub(l.resent).Abs() >= t.resend {
			l.resent = dr.me.now
			l.owner.again(l, waiting)
			dr.carryOut(l, l.machine.Resend())
		}
	}
}

// resting reports whether a session only waits for devices that are away, for as
// long as that may be. Whoever comes back is told at once.
func (dr *drive) resting(l *live) bool { return l.owner.timing(l).rests }

// silentIn finds a device that the machine waits for and that has said nothing
// for too long. A device that repeats itself but does not get on with the
// session is as good as silent after three times that.
func (dr *drive) silentIn(l *live, waiting []wire.Slot) (wire.Slot, bool) {
	limit := dr.me.cfg.Timings.Silence
	for _, s := range waiting {
		if since := dr.me.now.Sub(l.progress).Abs(); since >= 3*limit || since >= limit && dr.me.now.Sub(l.heard[s]).Abs() >= limit {
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

// sessionLifetime bounds a session, as its proposal says.
const sessionLifetime = 2 * time.Minute

func (dr *drive) troubleText(slot wire.Slot, err error) string {
	if s, ok := errors.AsType[silent](err); ok {
		return dr.me.name(s.slot) + " " + s.why
	}
	if f, ok := errors.AsType[*session.Fault](err); ok {
		return fmt.Sprintf("%s sent something that it must not send (%s: %s)", dr.me.name(slot), f.Class, f.Check)
	}
	return err.Error()
}

// onClose hears that a peer has ended a session, and why.
func (dr *drive) onClose(from wire.Slot, m closed) error {
	if l := dr.sessions[m.Session]; l != nil && l.has(from) && !l.done {
		l.owner.closed(l, from, m)
	}
	return nil
}
