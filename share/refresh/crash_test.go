package refresh_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A fate is what happens at one durable write of one device.
type fate int

const (
	crashBefore  fate = iota // power fails before the write, and comes back late
	crashAfter               // or after it
	errorWithout             // the write fails; the device resumes at once
	errorWith                // the write is reported to fail, and happened
	burns                    // the disk is destroyed after the write
	fates
)

func (f fate) String() string {
	return [...]string{"crash before", "crash after", "error without effect", "error with effect", "burns after"}[f]
}

// TestCrashTable lets every device, in every shape, fail in every way at each
// of its durable writes. Whoever is left must come to the same end as if
// nothing had happened; if a disk burns, they must still be able to sign. With
// -refresh.part one in so many of these places does, of which each device has
// some and each way to fail has some.
func TestCrashTable(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			c := newCircle(t, s.t, s.n, 1)
			p := c.propose(s.plan)
			calm := newWorld(c, p, 1)
			counts := map[wire.Slot]int{}
			calm.fault = func(d *device, n int) fate { counts[d.slot] = n + 1; return fates }
			if err := calm.play(); err != nil {
				t.Fatal(err)
			}
			for _, slot := range calm.slots() {
				// At least the share, the lock, the intent to retire and the end.
				if n := counts[slot]; n < 4 {
					t.Fatalf("device %d makes %d durable writes", slot, n)
				}
				for n := range counts[slot] {
					for f := range fates {
						if f == burns && s.mortal == 0 || (uint64(n)+uint64(f)+uint64(slot)+*first)%*part != 0 {
							continue
						}
						if err := crashOnce(c, p, slot, n, f); err != nil {
							t.Errorf("device %d, write %d, %v: %v", slot, n, f, err)
						}
					}
				}
			}
		})
	}
}

func crashOnce(c *circle, p refresh.Proposal, slot wire.Slot, write int, f fate) error {
	w := newWorld(c, p, 1)
	hit := false
	w.fault = func(d *device, n int) fate {
		if d.slot != slot || n != write || hit {
			return fates
		}
		hit = true
		return f
	}
	if err := w.play(); err != nil {
		return err
	}
	if !hit {
		return fmt.Errorf("the write was not reached: %v", w.phases())
	}
	for _, d := range w.honest() {
		if f != burns && d.view.Phase != refresh.Retired || d.machine.Phase() != d.view.Phase {
			return fmt.Errorf("device %d ends %v: %v", d.slot, d.machine.Phase(), w.phases())
		}
	}
	return nil
}

// play runs an attempt in order, without a fault but those of [world.fault]:
// first as far as the others get without a device that lost power, then with
// it.
func (w *world) play() error {
	for _, slot := range w.slots() {
		w.devices[slot].asleep = false
		if err := w.boot(w.devices[slot]); err != nil {
			return err
		}
	}
	if err := w.rounds(4, false); err != nil {
		return err
	}
	if err := w.calm(); err != nil {
		return err
	}
	return w.finish()
}

// strike carries out a durable write under [world.fault]. It reports whether
// the device is still running.
func (w *world) strike(d *device, do func()) (running bool, err error) {
	n := d.writes
	d.writes++
	switch w.fault(d, n) {
	case crashBefore:
		return false, w.cut(d, true)
	case crashAfter:
		do()
		return false, w.cut(d, true)
	case errorWithout:
		return false, w.cut(d, false)
	case errorWith:
		do()
		return false, w.cut(d, false)
	case burns:
		do()
		return false, w.burn(d)
	}
	do()
	return true, nil
}

// TestResumeFromEveryState resumes each device from each state that it ever
// persisted, and finds the same state again: nothing is forgotten, nothing is
// made up.
func TestResumeFromEveryState(t *testing.T) {
	t.Parallel()
	for _, s := range shapes {
		c := newCircle(t, s.t, s.n, 2)
		l := newLab(c, c.propose(s.plan))
		states := map[wire.Slot][][]byte{}
		l.persisted = func(slot wire.Slot, state []byte) { states[slot] = append(states[slot], bytes.Clone(state)) }
		l.run()
		l.wantRetired()
		for slot, list := range states {
			for i, b := range list {
				cfg := c.config(l.p, slot)
				cfg.Rand, cfg.Shares = nil, nil
				m, effects, err := refresh.Resume(cfg, bytes.Clone(b))
				if err != nil {
					t.Fatalf("%s: device %d, state %d: %v", s.name, slot, i, err)
				}
				if len(effects) == 0 {
					t.Errorf("%s: device %d, state %d: says nothing again", s.name, slot, i)
				}
				persists := slices.ContainsFunc(effects, func(e session.Effect) bool { _, ok := e.(session.Persist); return ok })
				if !persists && !bytes.Equal(m.State(), b) {
					t.Errorf("%s: device %d, state %d changes when it is read", s.name, slot, i)
				}
				m.Close()
			}
		}
	}
}
