package sim_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/warifu/warifu/internal/sim"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// toll is the simplest machine worth simulating: every party says a random
// number and is done when it has heard all. Its flaws can be switched on.
type toll struct {
	self    wire.Slot
	all     []wire.Slot
	durable bool // persists before it speaks
	amnesia bool // does not persist its result
	alias   bool // keeps what it was lent

	number byte
	heard  map[wire.Slot][]byte
	done   bool
}

func (m *toll) frame() session.Effect {
	return session.Send{Frame: wire.Frame{From: m.self, Kind: 1, Body: []byte{m.number}}}
}

func (m *toll) persist() session.Effect {
	b := []byte{m.number, 0}
	if m.done {
		b[1] = 1
	}
	return session.Persist{State: b}
}

func (m *toll) start(state []byte, random io.Reader) ([]session.Effect, error) {
	m.heard = map[wire.Slot][]byte{}
	if state != nil {
		m.number, m.done = state[0], state[1] == 1
		if m.done {
			return []session.Effect{m.frame(), session.Done{}}, nil
		}
		return []session.Effect{m.frame()}, nil
	}
	var b [1]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return nil, err
	}
	m.number = b[0]
	if m.durable {
		return []session.Effect{m.persist(), m.frame()}, nil
	}
	return []session.Effect{m.frame()}, nil
}

var errNumber = errors.New("toll: two numbers")

func (m *toll) Deliver(f wire.Frame) ([]session.Effect, error) {
	if m.done {
		return nil, nil
	}
	if old := m.heard[f.From]; old != nil && old[0] != f.Body[0] {
		return nil, errNumber
	}
	m.heard[f.From] = slices.Clone(f.Body)
	if m.alias {
		m.heard[f.From] = f.Body
	}
	if len(m.heard) < len(m.all)-1 {
		return nil, nil
	}
	m.done = true
	if m.durable && !m.amnesia {
		return []session.Effect{m.persist(), session.Done{}}, nil
	}
	return []session.Effect{session.Done{}}, nil
}

func (m *toll) Resend() []session.Effect { return []session.Effect{m.frame()} }
func (m *toll) Close()                   {}

func (m *toll) Waiting() (w []wire.Slot) {
	for _, s := range m.all {
		if s != m.self && m.heard[s] == nil && !m.done {
			w = append(w, s)
		}
	}
	return w
}

func world(flaws toll) *sim.World {
	w := &sim.World{Slots: []wire.Slot{1, 2, 5}}
	w.Boot = func(p wire.Slot, state []byte, random io.Reader) (session.Machine, []session.Effect, error) {
		m := flaws
		m.self, m.all = p, w.Slots
		effects, err := m.start(state, random)
		return &m, effects, err
	}
	return w
}

func TestHonest(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		w := world(toll{durable: true})
		if seed%2 == 1 {
			w.Power, w.Disk = 10, 5
		}
		if err := w.Run(seed, 5000); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for s, p := range w.Parties {
			if !p.Done || p.Err != nil || p.Lost {
				t.Errorf("seed %d: party %d: done %t, lost %t, err %v", seed, s, p.Done, p.Lost, p.Err)
			}
		}
	}
}

// TestFindsFlaws checks that each invariant is worth having: for some seed the
// machine that breaks it is caught.
func TestFindsFlaws(t *testing.T) {
	t.Parallel()
	caught := func(want error, make func() *sim.World) {
		t.Helper()
		for seed := range uint64(200) {
			if err := make().Run(seed, 5000); errors.Is(err, want) {
				return
			}
		}
		t.Errorf("nobody found: %v", want)
	}
	caught(sim.ErrForgot, func() *sim.World {
		w := world(toll{durable: true, amnesia: true})
		w.Power = 5
		return w
	})
	caught(sim.ErrEquivocated, func() *sim.World {
		w := world(toll{durable: true})
		boot := w.Boot
		w.Boot = func(p wire.Slot, state []byte, random io.Reader) (session.Machine, []session.Effect, error) {
			return boot(p, nil, random) // ignores its disk
		}
		w.Power = 5
		return w
	})
	caught(sim.ErrBadEffect, func() *sim.World {
		w := world(toll{durable: true})
		w.Person = func(p wire.Slot, m session.Machine) ([]session.Effect, error) {
			return []session.Effect{session.Done{}, session.Release{}}, nil
		}
		return w
	})
	caught(sim.ErrBadWaiting, func() *sim.World {
		w := world(toll{durable: true})
		w.Slots = []wire.Slot{1, 2}
		boot := w.Boot
		w.Boot = func(p wire.Slot, state []byte, random io.Reader) (session.Machine, []session.Effect, error) {
			m, effects, err := boot(p, state, random)
			m.(*toll).all = []wire.Slot{1, 2, 3}
			return m, effects, err
		}
		return w
	})
}

// TestBuffersAreReused catches a machine that keeps the body of a frame: the
// repeated frame then differs from what it kept.
func TestBuffersAreReused(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		w := world(toll{durable: true, alias: true})
		if err := w.Run(seed, 5000); err != nil {
			t.Fatal(err)
		}
		for _, p := range w.Parties {
			if errors.Is(p.Err, errNumber) {
				return
			}
		}
	}
	t.Error("nobody noticed")
}

// TestMemoryOnly checks that a party without a disk is lost by a power cut and
// never speaks again.
func TestMemoryOnly(t *testing.T) {
	t.Parallel()
	lost, done := 0, 0
	for seed := range uint64(100) {
		w := world(toll{})
		w.Power = 15
		if err := w.Run(seed, 2000); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		for _, p := range w.Parties {
			if p.Lost {
				lost++
			}
			if p.Done {
				done++
			}
		}
	}
	if lost == 0 || done == 0 {
		t.Errorf("%d lost, %d done: the knobs do nothing", lost, done)
	}
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	run := func() (log string) {
		w := world(toll{durable: true})
		w.Power, w.Disk = 10, 5
		w.Tamper = func(rng *rand.Rand, f wire.Frame, to wire.Slot) wire.Frame {
			log += fmt.Sprint(f, to, rng.Uint64())
			return f
		}
		if err := w.Run(7, 5000); err != nil {
			t.Fatal(err)
		}
		return log
	}
	if a, b := run(), run(); a != b {
		t.Errorf("one seed, two runs:\n%s\n%s", a, b)
	}
}
