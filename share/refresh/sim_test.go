package refresh_test

import (
	"flag"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A shape is a circle and what happens to it.
type shape struct {
	name   string
	t, n   int
	plan   plan
	mortal int // how many devices may burn on the way
}

func gone(slot wire.Slot, state roster.FormerState) []refresh.Removal {
	return []refresh.Removal{{Slot: slot, State: state}}
}

// shapes are what is simulated and what the crash table goes through.
var shapes = []shape{
	{"refresh 2-of-2", 2, 2, plan{kind: roster.Refresh, members: slots(1, 2)}, 0},
	{"refresh 2-of-3", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, 1},
	{"remove 2-of-3", 2, 3, plan{kind: roster.Remove, members: slots(1, 3), removed: gone(2, roster.Stolen)}, 0},
	{"refresh 2-of-3 asleep", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3)}, 1},
	{"add to 2-of-2", 2, 2, plan{kind: roster.Add, members: slots(1, 2, 3), added: slots(3)}, 0},
	{"replace in 2-of-3", 2, 3, plan{kind: roster.Replace, members: slots(1, 3, 4), added: slots(4), removed: gone(2, roster.Silent)}, 0},
	{"leave 3-of-4", 3, 4, plan{kind: roster.Leave, members: slots(1, 2, 4), removed: gone(3, roster.Left)}, 0},
	{"refresh 3-of-3", 3, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, 0},
	{"refresh 3-of-4 asleep", 3, 4, plan{kind: roster.Refresh, members: slots(1, 2, 3), sleepers: slots(4)}, 1},
	{"remove 3-of-5 asleep", 3, 5, plan{kind: roster.Remove, members: slots(1, 2, 4), dealers: slots(1, 2, 4), sleepers: slots(5), removed: gone(3, roster.Silent)}, 1},
	{"raise 2-of-3 to 3", 2, 3, plan{kind: roster.Rethreshold, threshold: 3, members: slots(1, 2, 3)}, 0},
	{"lower 3-of-3 to 2", 3, 3, plan{kind: roster.Rethreshold, threshold: 2, members: slots(1, 2, 3)}, 0},
	{"remove from 2-of-4", 2, 4, plan{kind: roster.Remove, members: slots(1, 2, 4), removed: gone(3, roster.Stolen)}, 0},
}

const steps = 250

// By default every shape is simulated in every way, see [TestSim]: that is a
// quarter of what the numbers below and the crash table say. make soak runs all.
var (
	seeds = flag.Uint64("refresh.seeds", 1, "run so many times the usual number of seeds")
	part  = flag.Uint64("refresh.part", 4, "run one in so many of the seeds and of the places of the crash table")
	first = flag.Uint64("refresh.start", 0, "the first seed, and the first place of the crash table")
)

// scaled is what is left of a number by the flags.
func scaled(n uint64) uint64 { return n * *seeds / *part }

// forSeeds runs as many seeds as the flags leave of n, on all processors.
func forSeeds(t *testing.T, n uint64, run func(t *testing.T, seed uint64)) {
	t.Helper()
	const lanes = 4
	t.Run("seeds", func(t *testing.T) {
		for lane := range uint64(lanes) {
			t.Run(fmt.Sprint(lane), func(t *testing.T) {
				t.Parallel()
				for i := lane; i < scaled(n); i += lanes {
					run(t, *first+i)
				}
			})
		}
	})
}

// TestSim cuts power, breaks disks, loses and reorders frames, lets people
// lose patience, wakes sleepers at any time and burns devices where enough are
// left. Every disk is looked at after every effect; in the end the devices
// that are left can sign, and no other set of shares makes a key.
func TestSim(t *testing.T) {
	t.Parallel()
	var retired, returned atomic.Uint64
	forSeeds(t, 208, func(t *testing.T, seed uint64) {
		s := shapes[seed%uint64(len(shapes))]
		c := newCircle(t, s.t, s.n, seed)
		w := newWorld(c, c.propose(s.plan), seed)
		switch seed / uint64(len(shapes)) % 4 {
		case 1:
			w.power, w.disk = 12, 12
		case 2:
			w.impatient = 40
			w.power = 30
		case 3:
			w.mortal, w.power, w.disk, w.impatient = s.mortal, 30, 30, 80
			w.presence = s.mortal == 0
		}
		if err := w.run(steps); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, s.name, err)
		}
		for _, d := range w.honest() {
			switch d.view.Phase {
			case refresh.Retired:
				retired.Add(1)
			case refresh.Returned:
				returned.Add(1)
			}
		}
	})
	t.Logf("%d devices retired, %d returned", retired.Load(), returned.Load())
	few := scaled(50)
	if *part > 1 {
		few /= 2 // in fewer worlds there is more luck
	}
	if retired.Load() < scaled(100) || returned.Load() < few {
		t.Errorf("%d devices retired, %d returned: the knobs are set wrong", retired.Load(), returned.Load())
	}
}

// TestSimReal is the same with test signatures by the real protocols.
func TestSimReal(t *testing.T) {
	t.Parallel()
	forSeeds(t, 52, func(t *testing.T, seed uint64) {
		s := shapes[seed%9]
		c := newCircle(t, s.t, s.n, seed)
		w := newWorld(c, c.propose(s.plan), seed)
		w.real, w.power, w.disk = true, 60, 60
		if err := w.run(steps / 2); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, s.name, err)
		}
		for _, d := range w.honest() {
			if d.view.Phase != refresh.Retired {
				t.Errorf("seed %d: %s: device %d is %v", seed, s.name, d.slot, d.view.Phase)
			}
		}
	})
}

// liars are the shapes in which device 2 lies.
var liars = []shape{
	{"refresh 2-of-3", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2, 3)}, 0},
	{"refresh 2-of-3 asleep", 2, 3, plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3)}, 0},
	{"refresh 3-of-4", 3, 4, plan{kind: roster.Refresh, members: slots(1, 2, 3, 4)}, 0},
	{"remove 3-of-5 asleep", 3, 5, plan{kind: roster.Remove, members: slots(1, 2, 4), sleepers: slots(5), removed: gone(3, roster.Silent)}, 0},
}

// TestSimLiar has one member say any vote to anybody. Honest devices never
// lose the key, never name each other, and never erase too early; they may
// have to wait for their owner.
func TestSimLiar(t *testing.T) {
	t.Parallel()
	var evidence atomic.Uint64
	forSeeds(t, 120, func(t *testing.T, seed uint64) {
		s := liars[seed/4%4]
		c := newCircle(t, s.t, s.n, seed)
		w := newWorld(c, c.propose(s.plan), seed)
		w.liar = 2
		if seed%3 == 0 {
			w.power, w.disk = 40, 30
		}
		if seed%5 == 0 {
			w.impatient = 60
		}
		if err := w.run(steps); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, s.name, err)
		}
		for _, d := range w.honest() {
			if len(d.machine.Evidence()) > 0 {
				evidence.Add(1)
			}
		}
	})
	t.Logf("%d devices have evidence", evidence.Load())
	if evidence.Load() < scaled(50) {
		t.Errorf("%d devices have evidence against the liar: it does not lie enough", evidence.Load())
	}
}
