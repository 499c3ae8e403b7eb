package refresh_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestTwins builds what others shipped, or what the model found wrong, and
// demands that the simulation notices within the budget of seeds. What a
// simulation cannot catch it does not test.
func TestTwins(t *testing.T) {
	t.Parallel()
	const budget = 200
	own := func(d *device, e session.Effect, k refresh.Kind) bool {
		s, ok := e.(session.Send)
		if !ok {
			return false
		}
		said := refresh.StatementIn(s.Frame)
		return said.Slot == d.slot && said.Kind == k
	}
	// eraseAt has a driver erase the parent share when the device says k.
	eraseAt := func(k refresh.Kind) func(d *device, effects []session.Effect) []session.Effect {
		return func(d *device, effects []session.Effect) []session.Effect {
			if i := slices.IndexFunc(effects, func(e session.Effect) bool { return own(d, e, k) }); i >= 0 {
				return slices.Insert(slices.Clone(effects), i+1, session.Effect(session.Erase{}))
			}
			return effects
		}
	}
	all := plan{kind: roster.Refresh, members: slots(1, 2, 3)}
	asleep := plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3)}
	// X2, X6, E2 to E5 and F3 are the same mistakes in internal/model (TestKnownBad).
	tests := []struct {
		name  string
		plan  plan
		build func(w *world)
		want  []error
	}{
		// NEAR #615: what is said is not yet on disk.
		{"said-before-durable", all, func(w *world) {
			w.power = 12
			w.twist = func(d *device, effects []session.Effect) []session.Effect {
				return slices.SortedStableFunc(slices.Values(effects), func(a, b session.Effect) int { return rank(a) - rank(b) })
			}
		}, []error{errRolled, errTwoWords}},
		{"never-synced", all, func(w *world) { w.power, w.unsync = 12, true }, []error{errLost, errRolled, errTwoWords, errEarly}},
		// tss-lib without its last round.
		{"erase-at-ready", all, func(w *world) { w.blind, w.impatient, w.twist = true, 30, eraseAt(refresh.Ready) }, []error{errLost, errStuck}},
		// E4.
		{"erase-at-own-commit", all, func(w *world) { w.blind, w.impatient, w.twist = true, 30, eraseAt(refresh.Commit) }, []error{errLost, errStuck}},
		// X2: everybody has committed, and nobody has locked.
		{"no-lock", all, func(w *world) { w.liar, w.blind, w.impatient, w.twist = 2, true, 30, eraseAt(refresh.Lock) }, []error{errLost}},
		// E5.
		{"free-flip", all, func(w *world) {
			w.impatient = 20
			w.timer = func(d *device) []session.Effect { return d.machine.FlipFreely() }
		}, []error{errSplit, errNamed}},
		// F3.
		{"no-mailbox", asleep, func(w *world) { w.deaf, w.mortal = true, 1 }, []error{errStuck, errLost}},
		// X6: the members retire while a sleeper can still be sent back.
		{"retire-without-sleeper", asleep, func(w *world) { w.liar, w.presence = 2, true }, []error{errLost}},
		// zama-ai/kms #792.
		{"clean-up-too-wide", all, func(w *world) {
			w.blind, w.impatient = true, 30
			w.twist = func(d *device, effects []session.Effect) []session.Effect {
				out := slices.Clone(effects)
				for i, e := range out {
					if _, ok := e.(session.Discard); ok {
						out[i] = session.Erase{}
					}
				}
				return out
			}
		}, []error{errLost}},
		// A device that returned and has forgotten it votes afresh.
		{"refuses-after-return", all, func(w *world) { w.impatient, w.lethe = 20, true }, []error{errNamed}},
		// A dealing that is made again is another one.
		{"deals-again", all, func(w *world) { w.power, w.forget = 12, true }, []error{errTwoWords}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(budget) {
				c := newCircle(t, 2, 3, seed)
				w := newWorld(c, c.propose(tt.plan), seed)
				tt.build(w)
				err := w.run(steps)
				if err == nil {
					continue
				}
				if !slices.ContainsFunc(tt.want, func(want error) bool { return errors.Is(err, want) }) {
					t.Fatalf("seed %d: %v", seed, err)
				}
				t.Logf("caught by seed %d: %v", seed, err)
				return
			}
			t.Errorf("not caught by %d seeds", budget)
		})
	}
}

// rank puts what is sent before what is persisted.
func rank(e session.Effect) int {
	switch e.(type) {
	case session.Send:
		return 0
	case session.Done:
		return 2
	}
	return 1
}

// TestQuorumTwin counts only the devices that are awake (E2): two halves of a
// 2-of-4 each re-deal, and both can sign. On the true record neither half may.
func TestQuorumTwin(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 4, 1)
	whole := c.parent
	var halves []*world
	for i, half := range [][]wire.Slot{{1, 2}, {3, 4}} {
		c.parent = whole
		if err := c.propose(plan{kind: roster.Refresh, members: half, sleepers: without(slots(1, 2, 3, 4), half...)}).Check(whole); err == nil {
			t.Errorf("devices %v may re-deal alone", half)
		}
		c.parent.Devices = whole.Devices[2*i:][:2]
		w := newWorld(c, c.propose(plan{kind: roster.Refresh, members: half}), uint64(i))
		if err := w.run(steps); err != nil {
			t.Fatal(err)
		}
		halves = append(halves, w)
	}
	for _, w := range halves {
		if _, young, _, in := w.census(); young != 2 || in != 2 {
			t.Errorf("a half has %d new shares and %d devices in its epoch", young, in)
		}
	}
}
