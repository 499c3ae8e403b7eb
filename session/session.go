// Package session is the vocabulary that every protocol machine of warifu
// speaks. One vocabulary means one driver (package node), one simulator
// (internal/sim) and one argument about crashes.
//
// A machine is a deterministic value. It has no goroutine, clock, socket, disk
// or logger, and all its randomness comes from the reader that its constructor
// was given. It answers each event with effects that the driver carries out in
// order, stopping at the first that fails. That order is the proof of crash
// safety: a [Persist] before a [Send] means that a crash forgets nothing that
// a peer has seen.
package session

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/wire"
)

// A Machine is one device's view of one run of one protocol. It is not safe
// for concurrent use: exactly one goroutine owns it.
type Machine interface {
	// Deliver handles one frame whose sender the transport has authenticated
	// to be f.From. It ignores duplicates and frames that are not part of the
	// session, and keeps frames of later rounds until their round begins. It
	// must not retain f.Body. An error ends the session: a *[Fault] if a
	// device caused it, else [ErrViewMismatch], [ErrUnattributable] or an
	// error of our own.
	Deliver(f wire.Frame) ([]Effect, error)

	// Resend returns effects that repeat this device's messages so far, which
	// are byte for byte what was sent before. The driver decides when, for
	// the machine has no clock.
	Resend() []Effect

	// Waiting names the devices whose message the machine needs to go on,
	// ascending. It is empty when the machine is done or waits for its own
	// person.
	Waiting() []wire.Slot

	// Close wipes every secret that the machine still holds. The machine must
	// not be used afterwards. Closing twice is harmless.
	Close()
}

// An Effect is something that a machine needs the outside world to do.
type Effect interface{ effect() }

// Persist asks for State to replace the durable state of the session. State
// holds secrets: the journal seals it. A driver that cannot tell whether the
// write happened drops the machine and resumes from what it reads back.
type Persist struct{ State []byte }

// Release asks for a durable note that a partial signature is about to leave
// this device. From then on the request may be signed, whatever is heard
// later. It comes before the Send that carries the partial signature.
type Release struct{}

// Send asks for a frame to be delivered to Frame.To, or to all other devices
// of the session if that is zero. Delivery may fail silently.
type Send struct{ Frame wire.Frame }

// Erase asks for every share of the epoch that this re-deal replaces, and of
// every epoch before it, to be destroyed on this device. The intent is durable
// by then, and destroying what is gone already is harmless.
type Erase struct{}

// Discard asks for everything that belongs to this attempt, and only that, to
// be destroyed: it was aborted, and its shares are a sharing of the key too.
type Discard struct{}

// Done reports that the machine has its result. No effect follows it. The
// machine still answers Resend, so that a driver can help a device that missed
// its last message.
type Done struct{}

func (Persist) effect() {}
func (Release) effect() {}
func (Send) effect()    {}
func (Erase) effect()   {}
func (Discard) effect() {}
func (Done) effect()    {}

// A Class says what kind of departure a [Fault] is.
type Class uint8

const (
	// Malformed: bytes that no honest device produces.
	Malformed Class = iota + 1
	// Cheat: a well-formed message that fails a check of the protocol.
	Cheat
	// Equivocation: two different messages where the protocol allows one.
	Equivocation
)

func (c Class) String() string {
	switch c {
	case Malformed:
		return "malformed message"
	case Cheat:
		return "failed check"
	case Equivocation:
		return "two different messages"
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// A Fault is evidence, to this device, that another departed from the
// protocol. It blames the device, never the network.
type Fault struct {
	Slot  wire.Slot
	Class Class
	Check string // stable kebab-case name of the check that failed
	Err   error  // more detail, or nil; never secret and never the peer's bytes
}

func (f *Fault) Error() string {
	s := fmt.Sprintf("device %d: %v: %s", f.Slot, f.Class, f.Check)
	if f.Err != nil {
		s += ": " + f.Err.Error()
	}
	return s
}

func (f *Fault) Unwrap() error { return f.Err }

var (
	// ErrViewMismatch ends a session in which devices saw different
	// broadcasts or proposals. It blames nobody: an honest device that was
	// told something else looks the same from here as the one who told it.
	ErrViewMismatch = errors.New("session: devices saw different messages")

	// ErrUnattributable ends a session whose result is wrong although every
	// check of every device passed. Another set of devices may succeed.
	ErrUnattributable = errors.New("session: wrong result that cannot be attributed to one device")
)
