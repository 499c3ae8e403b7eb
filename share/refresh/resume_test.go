package refresh_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestResumeRefuses edits states so that they are none that this device would
// have written: above all, a phase without what it rests on.
func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 40)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	states := map[refresh.Phase][]byte{refresh.Dealing: bytes.Clone(l.states[1])}
	l.persisted = func(slot wire.Slot, state []byte) {
		if slot == 1 {
			states[refresh.ReadState(state).Phase] = bytes.Clone(state)
		}
	}
	l.run()

	phase := func(to refresh.Phase) func(*refresh.StateFields) {
		return func(s *refresh.StateFields) { s.Phase = to }
	}
	drop := func(k refresh.Kind, slot wire.Slot) func(*refresh.StateFields) {
		return func(s *refresh.StateFields) {
			s.Words = slices.DeleteFunc(s.Words, func(w refresh.Statement) bool { return w.Kind == k && w.Slot == slot })
		}
	}
	word := func(k refresh.Kind, slot wire.Slot, edit func(*refresh.Statement)) func(*refresh.StateFields) {
		return func(s *refresh.StateFields) {
			for i := range s.Words {
				if s.Words[i].Kind == k && s.Words[i].Slot == slot {
					edit(&s.Words[i])
				}
			}
		}
	}
	tests := []struct {
		name string
		from refresh.Phase
		edit func(*refresh.StateFields)
	}{
		{"other version", refresh.Prepared, func(s *refresh.StateFields) { s.Version++ }},
		{"other attempt", refresh.Prepared, func(s *refresh.StateFields) { s.Attempt[0] ^= 1 }},
		{"unknown phase", refresh.Prepared, phase(refresh.RolledBack + 1)},
		{"words out of order", refresh.Prepared, func(s *refresh.StateFields) { slices.Reverse(s.Words) }},
		{"a word twice", refresh.Prepared, func(s *refresh.StateFields) { s.Words = append(s.Words, s.Words[len(s.Words)-1]) }},
		{"bad signature", refresh.Prepared, word(refresh.Deal, 2, func(w *refresh.Statement) { w.Sig[0] ^= 1 })},
		{"word of nobody", refresh.Prepared, word(refresh.Ready, 1, func(w *refresh.Statement) { w.Slot = 7 })},
		{"own dealing is wrong", refresh.Dealing, word(refresh.Deal, 1, func(w *refresh.Statement) {
			w.Body[5] ^= 1
			*w = w.Signed(l.p, c.identity[1])
		})},
		{"ready of the wrong form", refresh.Committed, word(refresh.Ready, 2, func(w *refresh.Statement) {
			w.Body = w.Body[1:]
			*w = w.Signed(l.p, c.identity[2])
		})},

		{"said ready, and is dealing", refresh.Prepared, phase(refresh.Dealing)},
		{"said commit, and is prepared", refresh.Committed, phase(refresh.Prepared)},
		{"said lock, and is committed", refresh.Locked, phase(refresh.Committed)},
		{"said lock, and aborted", refresh.Locked, phase(refresh.Aborted)},
		{"said lock, and returned", refresh.Locked, phase(refresh.Returned)},
		{"prepared without a dealing", refresh.Prepared, drop(refresh.Deal, 2)},
		{"prepared without its ready", refresh.Prepared, drop(refresh.Ready, 1)},
		{"committed without its commit", refresh.Committed, drop(refresh.Commit, 1)},
		{"committed without a ready", refresh.Committed, drop(refresh.Ready, 3)},
		{"locked without its lock", refresh.Locked, drop(refresh.Lock, 1)},
		{"locked without a commit", refresh.Locked, drop(refresh.Commit, 3)},
		{"retiring without a lock", refresh.Retiring, drop(refresh.Lock, 2)},
		{"retired without a lock", refresh.Retired, drop(refresh.Lock, 3)},
		{"prepared is not committed", refresh.Prepared, phase(refresh.Committed)},
		{"committed is not locked", refresh.Committed, phase(refresh.Locked)},
		{"locked is not retiring", refresh.Committed, phase(refresh.Retiring)},
		{"nobody aborted", refresh.Prepared, phase(refresh.Aborted)},
		{"no certificate to return", refresh.Prepared, phase(refresh.Returned)},

		{"no shares", refresh.Prepared, func(s *refresh.StateFields) { s.Shares = s.Shares[:0] }},
		{"one share", refresh.Locked, func(s *refresh.StateFields) { s.Shares = s.Shares[:1] }},
		{"damaged share", refresh.Prepared, func(s *refresh.StateFields) { s.Shares[0][31] ^= 1 }},
		{"damaged ssh share", refresh.Retired, func(s *refresh.StateFields) { s.Shares[1][0] ^= 1 }},
		{"shares before they are dealt", refresh.Dealing, func(s *refresh.StateFields) { s.Shares = make([][32]byte, 2) }},
	}
	for _, tt := range tests {
		if states[tt.from] == nil {
			t.Fatalf("no state %v", tt.from)
		}
		if _, _, err := refresh.Resume(c.config(l.p, 1), refresh.EditState(states[tt.from], tt.edit)); err == nil {
			t.Errorf("%s: resumed", tt.name)
		}
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "no CBOR": []byte("state"), "a byte too many": append(bytes.Clone(states[refresh.Prepared]), 0),
		"too long": make([]byte, 1<<20), "another device's": l.states[2],
	} {
		if _, _, err := refresh.Resume(c.config(l.p, 1), b); err == nil {
			t.Errorf("%s: resumed", name)
		}
	}
	if _, _, err := refresh.Resume(c.config(l.p, 1), states[refresh.Prepared]); err != nil {
		t.Error(err)
	}
}

// TestTestsTwice has a member make the test signatures twice, as one does that
// lost power after the first time: signatures are random, and nobody is blamed.
func TestTestsTwice(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 2, 41)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2)}))
	prepared := l.states[1]
	l.persisted = func(slot wire.Slot, state []byte) {
		if slot == 1 && refresh.ReadState(state).Phase == refresh.Prepared {
			prepared = bytes.Clone(state)
		}
	}
	l.run()
	one, ok := l.machines[1].Said(refresh.TestShown, 1)
	if !ok {
		t.Fatal("no test signatures")
	}
	m, _, err := refresh.Resume(c.config(l.p, 1), prepared)
	if err != nil {
		t.Fatal(err)
	}
	other := one
	other.Body = bytes.Clone(one.Body)
	other.Body[3] ^= 1
	for _, s := range []refresh.Statement{one, other} {
		if _, err := m.Deliver(s.Frame(l.p, 2, c.identity[1])); err != nil {
			t.Errorf("a device that tested before it lost power: %v", err)
		}
	}
	if len(m.Evidence()) > 0 || len(m.Suspects()) > 0 {
		t.Errorf("evidence %v, suspects %v", m.Evidence(), m.Suspects())
	}
}
