package refresh_test

import (
	"bytes"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestRest: a machine that rests has no shares and takes no step, whatever it
// hears, since what it would write down would lack them. It repeats what it
// knows, and goes on from its last state.
func TestRest(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 42)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	states := map[refresh.Phase][]byte{}
	l.persisted = func(slot wire.Slot, state []byte) {
		if slot == 1 {
			states[refresh.ReadState(state).Phase] = bytes.Clone(state)
		}
	}
	l.run()
	for _, phase := range []refresh.Phase{refresh.Prepared, refresh.Committed, refresh.Locked} {
		var heard []wire.Frame
		for _, k := range []refresh.Kind{refresh.Ready, refresh.TestShown, refresh.Commit, refresh.Lock} {
			if k == refresh.Lock && phase == refresh.Prepared {
				continue // it shows this device's own commit, which comes after
			}
			for _, by := range slots(2, 3) {
				if s, ok := l.machines[2].Said(k, by); ok {
					heard = append(heard, s.Frame(l.p, 2, c.identity[by]))
				}
			}
		}
		if s, ok := l.machines[2].Said(refresh.TestShown, 1); ok {
			heard = append(heard, s.Frame(l.p, 2, c.identity[1]))
		}
		resume := func() *refresh.Machine {
			m, _, err := refresh.Resume(c.config(l.p, 1), states[phase])
			if err != nil {
				t.Fatal(err)
			}
			return m
		}
		m := resume()
		said := len(m.Resend())
		m.Rest()
		if _, ok := m.Shares(); ok || !m.Resting() {
			t.Errorf("%v: it has shares", phase)
		}
		for _, f := range heard {
			if effects, err := m.Deliver(f); err != nil || len(effects) > 0 {
				t.Errorf("%v: it takes %d steps: %v", phase, len(effects), err)
			}
		}
		if effects, err := m.Abort(); err == nil || len(effects) > 0 {
			t.Errorf("%v: it aborts, in %d steps", phase, len(effects))
		}
		if effects, err := m.Presence(); err == nil || len(effects) > 0 {
			t.Errorf("%v: it retires, in %d steps", phase, len(effects))
		}
		if m.Phase() != phase || m.NeedsTest() {
			t.Errorf("%v: it is %v, needs a test: %v", phase, m.Phase(), m.NeedsTest())
		}
		if n := len(m.Resend()); n < said {
			t.Errorf("%v: it repeats %d statements, and had %d", phase, n, said)
		}
		m = resume()
		for _, f := range heard {
			if _, err := m.Deliver(f); err != nil {
				t.Fatal(err)
			}
		}
		if m.Phase() <= phase || m.Phase() > refresh.Retired {
			t.Errorf("%v: from there it comes to %v", phase, m.Phase())
		}
	}
}

// TestRestingMemberAsksForNoTest: the test of new shares wants them.
func TestRestingMemberAsksForNoTest(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 2, 43)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2)}))
	l.pump()
	m := l.machines[1]
	if !m.NeedsTest() {
		t.Fatalf("it is %v and needs no test", m.Phase())
	}
	if m.Rest(); m.NeedsTest() {
		t.Error("it asks for a test without shares")
	}
}
