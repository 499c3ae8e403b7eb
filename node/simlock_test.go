package node

import (
	"flag"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/warifu/warifu/node/redeal"
)

// locks has persons lock their devices at any time, and unlock them later. What a
// locked device has in memory opens nothing, and nothing is lost by it.
func locks(w *world) {
	rng := rand.New(rand.NewPCG(w.seed, 0x10c))
	for _, d := range w.devices {
		for at := time.Duration(0); at < time.Hour; at += time.Duration(rng.Int64N(int64(2 * time.Minute))) {
			lock, told := rng.IntN(2) == 0, rng.IntN(5) > 0
			w.after(at, func() {
				d.do(func(c *core) {
					c.Now = d.clock()
					switch {
					case lock && !w.calm:
						w.hits["locked"]++
						c.Lock()
					case d.keeper.locked:
						unlock(d, told)
					}
				})
			})
		}
	}
	w.heal = func(d *simDevice) {
		a := d.core.Attempt
		if d.keeper.locked && w.calm {
			w.after(time.Second, func() {
				if d.keeper.locked {
					d.do(func(*core) { unlock(d, true) })
				}
			})
		}
		if d.keeper.locked && a != nil && redeal.HoldsKeys(a) {
			w.fail("O7: %s is locked and has shares in memory, %v", d.name, a.Machine.Phase())
		}
	}
}

// unlock brings the shares of d back. Whoever types the passphrase and goes away
// does so without a word to the loop.
func unlock(d *simDevice, told bool) {
	if err := d.keeper.Unlock(nil); err != nil {
		d.w.fail("%s does not unlock: %w", d.name, err)
	}
	if told {
		d.core.Now = d.clock()
		d.core.Unlocked()
	}
}

// By default each circle is in one.
var simLocked = flag.Uint64("sim.locked", uint64(len(simShapes)), "run so many worlds with persons that lock their devices, no more than seeds")

// TestSimLocks is [TestSim] with devices that are locked and unlocked all the time.
func TestSimLocks(t *testing.T) {
	t.Parallel()
	forSimSeeds(t, min(*simSeeds, *simLocked), func(t *testing.T, seed uint64) {
		w := simulate(t, seed, "TestSimLocks", locks)
		if w.err == nil && w.hits["locked"] == 0 {
			t.Errorf("seed %d: nobody was locked", seed)
		}
	})
}
