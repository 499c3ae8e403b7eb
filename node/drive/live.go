package drive

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// A Drive runs the protocol machines of this device.
type Drive struct {
	me *standing.Standing

	Sessions map[wire.SessionID]*Session
	ordered  uint64        // sessions begun so far
	Begun    BegunSessions // none of these is run again
	Early    earlyFrames
	Ours     bool // what is done now is a step of what this device's person wanted

	lookout Lookout
}

// New makes a drive that runs nothing.
func New(me *standing.Standing, l Lookout) *Drive {
	return &Drive{me: me, lookout: l, Sessions: map[wire.SessionID]*Session{}, Begun: BegunSessions{Marks: map[wire.RequestID]uint64{}}}
}

// A Session is one protocol machine that runs in this device now.
type Session struct {
	ID      wire.SessionID
	order   uint64 // of beginning
	Machine session.Machine
	Slots   []wire.Slot // everybody in it, this device included
	Owner   owner

	Opened   time.Time
	Progress time.Time // last time the machine took a step
	Resent   time.Time
	heard    map[wire.Slot]time.Time
	Done     bool
}

// An owner is what a machine runs for, and what comes of it: a [signing.signature], the
// [redeal.trial] of new shares, a [redeal.dealt] re-deal or a [founding.founded] circle.
type owner interface {
	// What the machine asks for, in the sense of the effects of package session. A
	// machine that asks for what its owner has no use for is a fault of ours.
	Persist(state []byte) error
	Release() error
	Erase() error
	Discard() error

	// What comes of it: the machine has taken in a frame of a device, and moved or
	// did not; what it asked for then is done; it has its result; it cannot succeed
	// any more; a device in it says that it is over.
	Heard(l *Session, from wire.Slot, moved bool)
	Stepped(l *Session)
	Finished(l *Session)
	Failed(l *Session, err error)
	Closed(l *Session, from wire.Slot, m message.Closed)
	Dropped(l *Session) // it is out of the sessions

	// Personal reports whether the person of this device wanted it, so that its steps
	// are on this device's own account.
	Personal() bool

	// Timing says how patient the session is, and again tells those whom it waits
	// for what they may have missed beside its frames, before those are repeated.
	Timing(l *Session) Timing
	Again(l *Session, waiting []wire.Slot)
}

// A Lookout knows more of sessions than those that run.
type Lookout interface {
	// MayRunAgain reports whether this device would take part again in a session of that
	// request, were its name forgotten.
	MayRunAgain(wire.RequestID) bool

	// Stray hears of a frame of a session that does not run here, and reports whether it
	// never will.
	Stray(id wire.SessionID, from wire.Slot) bool
}

// A Timing is how patient a session is.
type Timing struct {
	Brief  bool          // it ends after [SessionLifetime], and when somebody is silent
	Resend time.Duration // between two times that it repeats what was said
	Rests  bool          // it only waits for devices that are away, for as long as that may be
}

// Stateless is embedded by owners whose machines keep nothing.
type Stateless struct{}

var ErrNoState = errors.New("node: internal error: a session that keeps nothing was to keep something")

func (Stateless) Persist([]byte) error { return ErrNoState }
func (Stateless) Release() error       { return nil }
func (Stateless) Erase() error         { return ErrNoState }
func (Stateless) Discard() error       { return ErrNoState }

// errStale ends a session that is older than it may be. This device has slept: the
// others gave the session up, and what one of them says in it now proves nothing.
var errStale = errors.New("node: the session is older than a session may be")

// stale reports whether a session is older than it may be by the clock of the wall.
// The other one stands still while a device sleeps.
func (dr *Drive) stale(l *Session) bool {
	return l.Owner.Timing(l).Brief && dr.me.Now.Round(0).Sub(l.Opened.Round(0)).Abs() >= SessionLifetime
}

// Has reports whether the device in slot is in the session.
func (l *Session) Has(slot wire.Slot) bool { return slices.Contains(l.Slots, slot) }

// Silent ends a session because a device did not answer.
type Silent struct {
	Slot wire.Slot
	Why  string
}

func (s Silent) Error() string { return fmt.Sprintf("device %d %s", s.Slot, s.Why) }

// LiveSessions lists the sessions in the order in which they began.
func (dr *Drive) LiveSessions() []*Session {
	out := make([]*Session, 0, len(dr.Sessions))
	for _, l := range dr.Sessions {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *Session) int { return cmp.Compare(a.order, b.order) })
	return out
}

// Begin registers a session and carries out its first effects, then delivers
// what came early.
func (dr *Drive) Begin(l *Session, effects []session.Effect) {
	l.Opened, l.Progress, l.Resent = dr.me.Now, dr.me.Now, dr.me.Now
	l.heard = map[wire.Slot]time.Time{}
	for _, s := range l.Slots {
		l.heard[s] = dr.me.Now
	}
	dr.ordered++
	l.order = dr.ordered
	dr.Sessions[l.ID] = l
	dr.Begun.remember(dr.me.Now, l.ID)
	dr.CarryOut(l, effects)
	for _, e := range dr.Early.take(l.ID) {
		if s, ok := dr.me.SlotOf(e.peer); ok && s == e.Frame.From && l.Has(s) {
			dr.Deliver(l, e.Frame)
		}
	}
}

// OnFrame handles a frame of a machine in slot from.
func (dr *Drive) OnFrame(from wire.Slot, msg []byte) error {
	f, err := wire.ParseFrame(msg)
	if err != nil {
		return err
	}
	if f.From != from {
		return fmt.Errorf("node: frame that claims to be of slot %d", f.From)
	}
	if me := dr.me.SelfSlot(); f.To != 0 && f.To != me {
		return fmt.Errorf("node: frame for slot %d", f.To)
	}
	l := dr.Sessions[f.Session]
	if l == nil {
		if dr.lookout.Stray(f.Session, from) {
			return nil
		}
		if d, ok := dr.me.Device(from); ok {
			dr.Early.Keep(dr.me.Now, dr.me.Config.Timings.EarlyHold, f, d.Peer)
		}
		return nil
	}
	if !l.Has(from) {
		return fmt.Errorf("node: frame for a session that slot %d is not in", from)
	}
	dr.Deliver(l, f)
	return nil
}

// Deliver hands a frame of a device in the session to the machine, and carries out what
// the machine asks for then.
func (dr *Drive) Deliver(l *Session, f wire.Frame) {
	if dr.Sessions[l.ID] != l {
		return
	}
	if dr.stale(l) {
		dr.FailSession(l, errStale)
		return
	}
	l.heard[f.From] = dr.me.Now
	effects, err := l.Machine.Deliver(f)
	if err != nil {
		// A machine that stops may have a last word: why it stopped.
		dr.CarryOut(l, effects)
		dr.FailSession(l, err)
		return
	}
	moved := len(effects) > 0
	if moved {
		l.Progress, l.Resent = dr.me.Now, dr.me.Now
		dr.Ours = l.Owner.Personal()
	}
	l.Owner.Heard(l, f.From, moved)
	dr.CarryOut(l, effects)
	if dr.Sessions[l.ID] == l {
		l.Owner.Stepped(l)
	}
}

// Repeat sends everything that was said in a session to one device.
func (dr *Drive) Repeat(l *Session, to wire.Slot) {
	for _, e := range l.Machine.Resend() {
		if s, ok := e.(session.Send); ok && (s.Frame.To == 0 || s.Frame.To == to) {
			dr.me.SendTo(to, wire.ProtocolSession, s.Frame.Append(nil))
		}
	}
}

// CarryOut does what a machine asks for, in order, and stops at the first
// failure: nothing may be sent whose ground is not durable.
func (dr *Drive) CarryOut(l *Session, effects []session.Effect) {
	for _, e := range effects {
		var err error
		switch e := e.(type) {
		case session.Send:
			dr.SendFrame(l, e.Frame)
		case session.Release:
			err = l.Owner.Release()
		case session.Persist:
			err = l.Owner.Persist(e.State)
			clear(e.State)
		case session.Erase:
			err = l.Owner.Erase()
		case session.Discard:
			err = l.Owner.Discard()
		case session.Done:
			l.Done = true
			l.Owner.Finished(l)
			return
		default:
			panic(fmt.Sprintf("node: internal error: unknown effect %T", e))
		}
		if err != nil {
			dr.FailSession(l, err)
			return
		}
	}
}

// SendFrame queues a frame for all whom it is for.
func (dr *Drive) SendFrame(l *Session, f wire.Frame) {
	b := f.Append(nil)
	for _, s := range l.Slots {
		if s != f.From && (f.To == 0 || f.To == s) {
			dr.me.SendTo(s, wire.ProtocolSession, b)
		}
	}
}

// Drop forgets a session and wipes its machine.
func (dr *Drive) Drop(l *Session) {
	if dr.Sessions[l.ID] != l {
		return
	}
	delete(dr.Sessions, l.ID)
	l.Machine.Close()
	l.Owner.Dropped(l)
}

// FailSession ends a session that cannot succeed.
func (dr *Drive) FailSession(l *Session, err error) {
	if dr.Sessions[l.ID] != l {
		return
	}
	dr.Drop(l)
	l.Owner.Failed(l, err)
}

// TickSessions names who is silent and repeats what may have been lost.
func (dr *Drive) TickSessions() {
	for _, l := range dr.LiveSessions() {
		if l.Done {
			continue
		}
		if dr.stale(l) {
			dr.FailSession(l, errStale)
			continue
		}
		waiting := l.Machine.Waiting()
		t := l.Owner.Timing(l)
		if t.Brief {
			if s, ok := dr.silentIn(l, waiting); ok {
				dr.FailSession(l, Silent{Slot: s, Why: "did not answer"})
				continue
			}
		}
		if len(waiting) > 0 && dr.me.Now.Sub(l.Resent).Abs() >= t.Resend {
			l.Resent = dr.me.Now
			l.Owner.Again(l, waiting)
			dr.CarryOut(l, l.Machine.Resend())
		}
	}
}

// Resting reports whether a session only waits for devices that are away, for as
// long as that may be. Whoever comes back is told at once.
func (dr *Drive) Resting(l *Session) bool { return l.Owner.Timing(l).Rests }

// silentIn finds a device that the machine waits for and that has said nothing
// for too long. A device that repeats itself but does not get on with the
// session is as good as silent after three times that.
func (dr *Drive) silentIn(l *Session, waiting []wire.Slot) (wire.Slot, bool) {
	limit := dr.me.Config.Timings.Silence
	for _, s := range waiting {
		if since := dr.me.Now.Sub(l.Progress).Abs(); since >= 3*limit || since >= limit && dr.me.Now.Sub(l.heard[s]).Abs() >= limit {
			return s, true
		}
	}
	return 0, false
}

// Blamed returns the slot that err names, or 0, and the check that failed.
func Blamed(err error) (slot wire.Slot, check string, cheat bool) {
	if f, ok := errors.AsType[*session.Fault](err); ok {
		return f.Slot, f.Check, f.Class == session.Cheat || f.Class == session.Equivocation
	}
	if s, ok := errors.AsType[Silent](err); ok {
		return s.Slot, "silent", false
	}
	return 0, "", false
}

// SessionLifetime bounds a session, as its proposal says.
const SessionLifetime = 2 * time.Minute

// TroubleText says for a person what the device in slot has done, as err tells.
func (dr *Drive) TroubleText(slot wire.Slot, err error) string {
	if s, ok := errors.AsType[Silent](err); ok {
		return dr.me.Name(s.Slot) + " " + s.Why
	}
	if f, ok := errors.AsType[*session.Fault](err); ok {
		return fmt.Sprintf("%s sent something that it must not send (%s: %s)", dr.me.Name(slot), f.Class, f.Check)
	}
	return err.Error()
}

// OnClose hears that a peer has ended a session, and why.
func (dr *Drive) OnClose(from wire.Slot, m message.Closed) error {
	if l := dr.Sessions[m.Session]; l != nil && l.Has(from) && !l.Done {
		l.Owner.Closed(l, from, m)
	}
	return nil
}
