package node

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/node/journal"
	"github.com/warifu/warifu/share/refresh"
)

// TestSimTwins makes the devices do what others shipped, or what the model
// found wrong, and demands that the oracles notice within the budget of seeds.
// Those that are about the machine and its votes alone are in share/refresh.
func TestSimTwins(t *testing.T) {
	t.Parallel()
	const budget = 2000
	all := func(set func(*simDevice)) func(*world) {
		return func(w *world) {
			for _, d := range w.devices {
				set(d)
			}
		}
	}
	heal := func(f func(d *simDevice, a *attempt)) func(*world) {
		return func(w *world) {
			w.heal = func(d *simDevice) {
				if a := d.core.attempt; a != nil && d.core.circle != nil && !d.core.isNew(a) && !a.machine.Settled() {
					f(d, a)
				}
			}
		}
	}
	tests := []struct {
		name string
		set  func(*world)
		want []string
	}{
		// NEAR #615: what was said was not yet on disk.
		{"writes-die-with-the-power", all(func(d *simDevice) { d.disk.unsync = true }), []string{"N:", "O1:", "O6:", "D:"}},
		// Vultisig #1707: to save again is refused.
		{"save-refuses-what-exists", all(func(d *simDevice) { d.disk.exists = true }), []string{"C1:", "O6:"}},
		// E7: after READY a device waits for ever.
		{"no-abort-after-ready", heal(func(d *simDevice, a *attempt) {
			a.started = d.clock()
			for s := range d.core.peers {
				d.core.peers[s].lastSeen = d.clock()
			}
		}), []string{"C1:", "O6:"}},
		// drand #714, #918: each device decides by its own timer.
		{"timeout-decides-locally", heal(func(d *simDevice, a *attempt) {
			if d.clock().Sub(a.started) >= attemptLife/2 && a.machine.Phase() >= refresh.Prepared {
				goBack(d, a)
			}
		}), []string{"N:", "O1:", "O3:", "O6:", "D:", "U:", "C1:"}},
		// H1: a person sends those that have committed back to the parent.
		{"resume-parent", heal(func(d *simDevice, a *attempt) {
			if a.machine.Phase() == refresh.Committed && d.w.chance(20) {
				goBack(d, a)
			}
		}), []string{"N:", "O1:", "O3:", "O6:", "D:", "U:", "C1:"}},
		// tss PR #15: the new share takes the place of the old one although the
		// attempt failed.
		{"fall-through-replace", all(func(d *simDevice) {
			d.disk.alter = func(tx *simTx) error {
				a := d.core.attempt
				if a == nil || !tx.touched["-"+bucketAttempt+"/"+currentKey] {
					return nil
				}
				return tx.Put(bucketCircle, shareKeyKey, []byte(a.epochKey))
			}
		}), []string{"O6:", "O1:"}},
		// zama-ai/kms #792: a failed attempt takes the parent's key along.
		{"clean-up-too-wide", all(func(d *simDevice) {
			d.disk.alter = func(tx *simTx) error {
				if tx.touched["-"+bucketAttempt+"/"+currentKey] {
					for id := range d.disk.keys {
						if id != presenceID {
							delete(d.disk.keys, id)
						}
					}
					tx.touched[bucketShares] = true
				}
				return nil
			}
		}), []string{"O1:", "O6:"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(budget) {
				w := newWorld(t, seed, nil)
				tt.set(w)
				err := w.live()
				if err == nil {
					continue
				}
				for _, want := range tt.want {
					if strings.HasPrefix(err.Error(), want) {
						what, _, _ := strings.Cut(err.Error(), "\n")
						t.Logf("caught by seed %d: %s", seed, what)
						return
					}
				}
				t.Fatalf("seed %d: %v", seed, err)
			}
			t.Errorf("not caught by %d seeds", budget)
		})
	}
}

// goBack makes a device forget a re-deal by itself, whatever it has said.
func goBack(d *simDevice, a *attempt) {
	c := d.core
	c.drop(a.live)
	c.attempt = nil
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return tx.Delete(bucketAttempt, currentKey) }); err == nil {
		c.leaveEpoch()
	}
}
