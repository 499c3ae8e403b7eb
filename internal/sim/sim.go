// Package sim runs protocol machines in a hostile world that one seed
// controls: a network that loses, repeats and reorders, disks that fail before
// or after a write is durable, power cuts between any two effects, and a hook
// that plays dishonest senders. The same seed always gives the same run, so
// that a failure is reproduced by one number.
//
// It serves machines that can be resumed and machines that live in memory
// only: a party that loses power after it has spoken, and before it has
// persisted anything, is out of the session for good, for it must not speak
// twice. What every machine must keep to is checked all the time; see the
// errors. What a protocol promises beyond that is its test's to check, during
// the run with [World.Check] and after it.
//
// Only tests import it.
package sim

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// A Boot starts a party's machine: afresh if state is nil, else from state.
type Boot func(p wire.Slot, state []byte, random io.Reader) (session.Machine, []session.Effect, error)

// A World is some parties and everything between them. The fields above
// Parties are set before [World.Run].
type World struct {
	Slots []wire.Slot // ascending
	Boot  Boot

	// Power and Disk say how often things break: a power cut before one in
	// Power effects, a failed write (and one whose success is not reported)
	// for one in Disk writes each. Zero is never.
	Power, Disk int

	// MayCut, if set, says whether a party may lose power now.
	MayCut func(*Party) bool

	// Person, if set, is called when a timer fires at a party that has no
	// result. It gives the machine what does not come in frames.
	Person func(p wire.Slot, m session.Machine) ([]session.Effect, error)

	// Tamper, if set, may change a frame on its way to one party. The body is
	// its own to change. It plays the dishonest sender.
	Tamper func(rng *rand.Rand, f wire.Frame, to wire.Slot) wire.Frame

	// Check, if set, is called after each step. An error ends the run.
	Check func(*World) error

	Parties map[wire.Slot]*Party

	rng    *rand.Rand
	flight []delivery
	said   map[string]string
}

// A Party is the visible state of one participant.
type Party struct {
	Slot     wire.Slot
	Machine  session.Machine
	State    []byte // what its disk holds
	Spoke    bool   // has sent something
	Released bool   // has noted durably that a partial signature leaves
	Done     bool
	Lost     bool  // lost power in a session that cannot be resumed
	Err      error // what ended its session, if anything
	Cuts     int   // how often it lost power
}

// Over reports whether nothing more can come of p.
func (p *Party) Over() bool { return p.Done || p.Lost || p.Err != nil }

type delivery struct {
	frame wire.Frame
	to    wire.Slot
}

// What no machine may ever do, whatever happens to it.
var (
	ErrEquivocated = errors.New("sim: party sent two different messages of one kind")
	ErrForgot      = errors.New("sim: party forgot a result it had announced")
	ErrBadEffect   = errors.New("sim: party asked for something that no driver can do")
	ErrBadWaiting  = errors.New("sim: party waits for the wrong devices")
)

var errDisk = errors.New("sim: disk error")

// Run boots all parties and takes steps until nothing more can happen or the
// budget is spent. It returns an error if an invariant breaks or a machine
// cannot start from what it persisted.
func (w *World) Run(seed uint64, steps int) error {
	w.rng = rand.New(rand.NewPCG(seed, 0))
	w.Parties, w.flight, w.said = map[wire.Slot]*Party{}, nil, map[string]string{}
	if err := wire.CheckSlots(w.Slots); err != nil {
		return err
	}
	for _, s := range w.Slots {
		w.Parties[s] = &Party{Slot: s}
	}
	for _, s := range w.Slots {
		if err := w.boot(w.Parties[s]); err != nil {
			return err
		}
	}
	for range steps {
		if w.Finished() {
			return nil
		}
		if err := w.step(); err != nil {
			return err
		}
		if w.Check == nil {
			continue
		}
		if err := w.Check(w); err != nil {
			return err
		}
	}
	return nil
}

// Finished reports whether every party has a result, an error or no way on.
func (w *World) Finished() bool {
	for _, p := range w.Parties {
		if !p.Over() {
			return false
		}
	}
	return true
}

// boot starts p from its disk.
func (w *World) boot(p *Party) error {
	wasDone := p.Done
	p.Done = false
	if p.State == nil && p.Spoke {
		p.Lost = true
		return nil
	}
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(w.rng.Uint32())
	}
	m, effects, err := w.Boot(p.Slot, bytes.Clone(p.State), rand.NewChaCha8(seed))
	if err != nil {
		return fmt.Errorf("sim: boot party %d: %w", p.Slot, err)
	}
	p.Machine = m
	if err := w.apply(p, effects); err != nil {
		return err
	}
	if wasDone && !p.Done {
		return fmt.Errorf("%w: %d", ErrForgot, p.Slot)
	}
	return nil
}

// cut takes p's power away and gives it back.
func (w *World) cut(p *Party) error {
	p.Cuts++
	p.Machine.Close()
	return w.boot(p)
}

// apply carries out effects in order. At the first failure the party loses
// power and starts again from its disk.
func (w *World) apply(p *Party, effects []session.Effect) error {
	for i, e := range effects {
		if w.Power > 0 && w.rng.IntN(w.Power) == 0 && w.mayCut(p) {
			return w.cut(p)
		}
		switch e := e.(type) {
		case session.Persist:
			if w.write(func() { p.State = bytes.Clone(e.State) }) != nil {
				return w.cut(p)
			}
		case session.Release:
			if w.write(func() { p.Released = true }) != nil {
				return w.cut(p)
			}
		case session.Send:
			if err := w.send(p, e.Frame); err != nil {
				return err
			}
		case session.Done:
			p.Done = true
			if i != len(effects)-1 {
				return fmt.Errorf("%w: %d: effect after Done", ErrBadEffect, p.Slot)
			}
		default:
			return fmt.Errorf("%w: %d: effect %T", ErrBadEffect, p.Slot, e)
		}
	}
	return nil
}

// mayCut spares a party that is done and keeps nothing on disk: its result is
// the driver's by then, and the machine has nothing to lose.
func (w *World) mayCut(p *Party) bool {
	return !(p.Done && p.State == nil) && (w.MayCut == nil || w.MayCut(p))
}

// write does what must be durable, or fails, or does it and fails.
func (w *World) write(do func()) error {
	if w.Disk == 0 {
		do()
		return nil
	}
	fate := w.rng.IntN(w.Disk)
	if fate != 0 {
		do()
	}
	if fate <= 1 {
		return errDisk
	}
	return nil
}

func (w *World) send(p *Party, f wire.Frame) error {
	f, err := wire.ParseFrame(f.Append(nil)) // a copy, as the network makes one
	if err != nil {
		return fmt.Errorf("%w: %d: %w", ErrBadEffect, p.Slot, err)
	}
	if f.From != p.Slot || f.To != 0 && w.Parties[f.To] == nil {
		return fmt.Errorf("%w: %d: frame from %d to %d", ErrBadEffect, p.Slot, f.From, f.To)
	}
	key := fmt.Sprintf("%d to %d kind %d", f.From, f.To, f.Kind)
	if old, ok := w.said[key]; ok && old != string(f.Body) {
		return fmt.Errorf("%w: %s", ErrEquivocated, key)
	}
	w.said[key] = string(f.Body)
	p.Spoke = true
	for _, to := range w.Slots {
		if to != f.From && (f.To == 0 || f.To == to) {
			w.flight = append(w.flight, delivery{f, to})
		}
	}
	return nil
}

// step lets one thing happen: a frame arrives, or a timer fires.
func (w *World) step() error {
	if len(w.flight) > 0 && w.rng.IntN(8) != 0 {
		return w.arrive()
	}
	p := w.Parties[w.Slots[w.rng.IntN(len(w.Slots))]]
	if p.Lost || p.Err != nil {
		return nil
	}
	if w.Person != nil && !p.Done && w.rng.IntN(2) == 0 {
		return w.react(p, func() ([]session.Effect, error) { return w.Person(p.Slot, p.Machine) })
	}
	return w.react(p, func() ([]session.Effect, error) { return p.Machine.Resend(), nil })
}

func (w *World) arrive() error {
	i := w.rng.IntN(len(w.flight))
	d := w.flight[i]
	fate := w.rng.IntN(6)
	if fate != 0 { // 0: it comes again later
		last := len(w.flight) - 1
		w.flight[i] = w.flight[last]
		w.flight = w.flight[:last]
	}
	p := w.Parties[d.to]
	if fate == 1 || p.Lost || p.Err != nil { // lost
		return nil
	}
	f := d.frame
	f.Body = bytes.Clone(f.Body)
	if w.Tamper != nil {
		f = w.Tamper(w.rng, f, d.to)
	}
	return w.react(p, func() ([]session.Effect, error) {
		effects, err := p.Machine.Deliver(f)
		clear(f.Body) // the transport reuses its buffers
		return effects, err
	})
}

// react gives p an event and carries out its answer. The effects that come
// with an error are last words.
func (w *World) react(p *Party, event func() ([]session.Effect, error)) error {
	effects, err := event()
	if err != nil {
		p.Err = err
		for _, e := range effects {
			s, ok := e.(session.Send)
			if !ok {
				return fmt.Errorf("%w: %d: %T with an error", ErrBadEffect, p.Slot, e)
			}
			if err := w.send(p, s.Frame); err != nil {
				return err
			}
		}
		p.Machine.Close()
		return nil
	}
	if err := w.apply(p, effects); err != nil {
		return err
	}
	return w.checkWaiting(p)
}

func (w *World) checkWaiting(p *Party) error {
	if p.Lost || p.Err != nil {
		return nil
	}
	slots := p.Machine.Waiting()
	bad := len(slots) > 0 && (p.Done || wire.CheckSlots(slots) != nil) ||
		slices.ContainsFunc(slots, func(s wire.Slot) bool { return s == p.Slot || w.Parties[s] == nil })
	if bad {
		return fmt.Errorf("%w: %d waits for %v", ErrBadWaiting, p.Slot, slots)
	}
	return nil
}
