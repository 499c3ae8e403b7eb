package node

import (
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

var simTwins = flag.Uint64("sim.twins", 20_000, "look for each twin in so many seeds")

// A twin is a device that is wrong in one rule: as others shipped it, or as the
// model found that it must not be.
type twin struct {
	name string
	// stress is what has to happen, to honest devices, too, so that the rule
	// matters. It may be nil.
	stress func(*simDevice)
	// set makes all devices of a world wrong.
	set func(*world)
	// want are the findings that prove that the oracle for just this rule works:
	// any other does not count.
	want []string
	// seed is one that is known to catch it, so that it is quick to find.
	seed uint64
	// story is what happens, the same in each seed but for the order of events;
	// if it is "", what the seed says.
	story string
	// bold has a thief in every world.
	bold bool
}

// twins are those whose rule is the device's own. The machine and its votes
// have theirs in share/refresh: READY before it is durable, old shares that die
// early, C to A without an A, no LOCK, no mailbox, retirement without the
// sleeper, too wide a clean-up, a dealing made again, a quorum of t and with it
// too few devices at the start ([refresh.Proposal.Check] of every device
// refuses that). And internal/model has those of the votes, explored to the
// end.
func twins() []twin {
	return append(thiefTwins(), []twin{
		// NEAR #615: what was said was not yet on disk.
		{"writes-die-with-the-power", nil, all(func(d *simDevice) { d.disk.unsync = true }), []string{"N: % forgot its own vote", "N: % says two different things"}, 3, "", false},
		// tss-lib without its last round, B6: the old share is gone at READY.
		{"old-share-dies-at-ready", nil, heal(eraseIn(refresh.Prepared)), []string{"D: % destroys its share of epoch # and is prepared"}, 0, "", false},
		{"old-share-dies-at-ready-unseen", nil, blind(heal(eraseIn(refresh.Prepared))), []string{"O1: the key is lost"}, 0, "", false},
		// E4: at the own commit.
		{"old-share-dies-at-commit", nil, heal(eraseIn(refresh.Committed)), []string{"D: % destroys its share of epoch # and is committed"}, 0, "", false},
		{"old-share-dies-at-commit-unseen", impatience, blind(heal(eraseIn(refresh.Committed))), []string{"O1: the key is lost"}, 0, "", false},
		// Vultisig #1707: at the last step, to save is refused because the circle
		// exists.
		{"save-refuses-what-exists", nil, all(func(d *simDevice) {
			d.disk.alter = func(tx *simTx) error {
				if tx.touched[standing.BucketAttempt+"/"+standing.CurrentKey] && tx.touched[standing.BucketChain] {
					return errors.New("sim: it exists already")
				}
				return nil
			}
		}), []string{"C1: % is in the middle of a re-deal"}, 0, "refresh", false},
		// E7: after READY a device waits for ever.
		{"no-abort-after-ready", mortality(3, func(d *simDevice) bool { return d.view.phase == refresh.Prepared }), heal(func(d *simDevice, a *redeal.Attempt) {
			if a.Machine.Phase() == refresh.Prepared {
				a.Started = d.clock()
				for s := range d.core.Peers {
					d.core.Peers[s].There = d.clock()
				}
			}
		}), []string{"C1: % is in the middle of a re-deal"}, 35, "", false},
		// drand #714, #918: each device decides by its own timer.
		{"timeout-decides-locally", impatience, heal(func(d *simDevice, a *redeal.Attempt) {
			if a.Machine.Phase() == refresh.Prepared && d.w.rng.IntN(temper) == 0 {
				goForward(d, a)
			}
		}), []string{"O6: nobody can sign", "C1: % is in the middle of a re-deal"}, 0, "", false},
		// H1: a person sends those that have committed back to the parent.
		{"resume-parent", nil, heal(func(d *simDevice, a *redeal.Attempt) {
			if a.Machine.Phase() == refresh.Committed && d.w.chance(20) {
				goBack(d, a)
			}
		}), []string{"O6: nobody can sign", "O3: two epochs can sign"}, 0, "", false},
		// F3: a sleeper does not find the share that was sealed for it.
		{"no-mailbox", mortality(5, func(d *simDevice) bool { return d.view.phase.Final() && len(d.view.mail) > 0 }), everyEvent(func(d *simDevice) {
			d.core.Early = nil
			if wk := d.core.Waking; wk != nil {
				d.core.Drop(wk.Live)
				d.core.Waking = nil
			}
		}), []string{"O6:", "C1:"}, 0, wakesUp, false},
		// tss PR #15: the new share takes the place of the old one although the
		// attempt failed.
		{"fall-through-replace", nil, all(func(d *simDevice) {
			d.disk.alter = func(tx *simTx) error {
				a := d.core.Attempt
				if a == nil || !tx.touched["-"+standing.BucketAttempt+"/"+standing.CurrentKey] {
					return nil
				}
				return tx.Put(standing.BucketCircle, standing.ShareKeyKey, []byte(a.EpochKey))
			}
		}), []string{"O1:", "O6:"}, 34, "", false},
		// zama-ai/kms #792: a failed attempt takes the parent's key along.
		{"clean-up-too-wide", nil, all(func(d *simDevice) {
			d.disk.alter = func(tx *simTx) error {
				if tx.touched["-"+standing.BucketAttempt+"/"+standing.CurrentKey] {
					for id := range d.disk.keys {
						if id != standing.PresenceID {
							delete(d.disk.keys, id)
						}
					}
					tx.touched[standing.BucketShares] = true
				}
				return nil
			}
		}), []string{"O1:"}, 5, "", false},
		// drand's nonceFor: an attempt that died is tried again under its name.
		{"same-nonce-again", nil, tryAgain, []string{"N: % says two different things"}, 5, "", false},
	}...)
}

// temper is one in so many events after which somebody loses it.
const temper = 30

// impatience has a device vote against a re-deal as early as it may.
func impatience(d *simDevice) {
	if a := d.core.Attempt; a != nil && !d.w.calm && d.w.rng.IntN(temper) == 0 {
		if effects, err := a.Machine.Abort(); err == nil {
			d.core.CarryOut(a.Live, effects)
			d.core.RedealStep()
		}
	}
}

// mortality destroys one device when it is in some state, with a chance of one
// in so many and if the others can do without it.
func mortality(oneIn int, when func(*simDevice) bool) func(*simDevice) {
	return func(d *simDevice) {
		w := d.w
		if w.hits["burns"] > 0 || w.calm || !when(d) || w.rng.IntN(oneIn) > 0 || !w.spare(d) {
			return
		}
		w.hits["burns"]++
		w.after(0, func() {
			if !d.gone && w.spare(d) {
				d.off("is destroyed")
				d.gone = true
			}
		})
	}
}

// live runs the world of a seed, with the twin or without.
func (x twin) live(t testing.TB, seed uint64, wrong bool) error {
	w := newWorld(t, seed, nil)
	w.bold = w.bold || x.bold
	if wrong {
		x.set(w)
	}
	if twist := w.heal; x.stress != nil {
		w.heal = func(d *simDevice) {
			x.stress(d)
			if twist != nil && d.core != nil {
				twist(d)
			}
		}
	}
	for _, s := range slices.Concat(stories, months) {
		if s.name == x.story {
			if s.fits != nil && !s.fits(w.shape) {
				return nil
			}
			s.start(w)
			s.happen(w)
			w.rest()
			w.finish()
			w.recover()
			return w.err
		}
	}
	return w.live()
}

// all makes each device wrong for good.
func all(set func(*simDevice)) func(*world) {
	return func(w *world) {
		for _, d := range w.devices {
			set(d)
		}
	}
}

// everyEvent has each device do something more after every event.
func everyEvent(f func(d *simDevice)) func(*world) { return func(w *world) { w.heal = f } }

// heal does so on devices that are in a re-deal.
func heal(f func(d *simDevice, a *redeal.Attempt)) func(*world) {
	return everyEvent(func(d *simDevice) {
		if a := d.core.Attempt; a != nil && d.core.Circle != nil && !d.core.IsNew(a) && !a.Machine.Settled() {
			f(d, a)
		}
	})
}

// blind takes away the oracle that sees a share die too early, so that another
// one must see what comes of it.
func blind(set func(*world)) func(*world) {
	return func(w *world) {
		set(w)
		for _, d := range w.devices {
			d.disk.destroy = nil
		}
	}
}

// eraseIn destroys the shares of the parent as soon as a device is in a phase.
func eraseIn(p refresh.Phase) func(d *simDevice, a *redeal.Attempt) {
	return func(d *simDevice, a *redeal.Attempt) {
		if a.Machine.Phase() == p && len(d.view.shares) > 1 {
			if err := d.core.Erase(a.EpochKey); err != nil {
				d.w.note(d, "twin", err)
			}
		}
	}
}

// goBack makes a device forget a re-deal by itself, whatever it has said.
func goBack(d *simDevice, a *redeal.Attempt) {
	c := d.core
	c.Drop(a.Live)
	c.Attempt = nil
	if err := c.Config.Journal.Update(func(tx journal.Tx) error { return tx.Delete(standing.BucketAttempt, standing.CurrentKey) }); err == nil {
		c.LeaveEpoch()
	}
}

// goForward makes a device sign in the new epoch by itself, however many others
// are ready for it.
func goForward(d *simDevice, a *redeal.Attempt) {
	c := d.core
	rec, ok := a.Machine.Record()
	shares, err := c.SealNewShares(a)
	if !ok || err != nil {
		return
	}
	if err := c.Config.Journal.Update(func(tx journal.Tx) error {
		err := tx.Delete(standing.BucketAttempt, standing.CurrentKey)
		for name, s := range shares {
			err = errors.Join(err, tx.Put(standing.BucketShares, standing.ShareRecord(a.EpochKey, name), s))
		}
		return err
	}); err == nil {
		c.Drop(a.Live)
		c.Attempt = nil
		c.EnterEpoch(a, rec)
	}
}

// tryAgain has devices forget what died, and the proposer propose it again as
// it was.
func tryAgain(w *world) {
	last := map[*simDevice]*redeal.Attempt{}
	w.heal = func(d *simDevice) {
		c := d.core
		if c.Circle == nil {
			return
		}
		for id := range c.Dead {
			delete(c.Dead, id)
			c.Circle.Highest = c.Circle.Head().Record.Epoch
			_ = c.Config.Journal.Update(func(tx journal.Tx) error {
				return tx.Delete(standing.BucketDead, wire.Hash(id).Hex())
			})
		}
		if a := c.Attempt; a != nil {
			last[d] = a
			return
		}
		a := last[d]
		delete(last, d)
		if a == nil || a.Proposal.Proposer != c.Circle.Slot || a.Proposal.Parent != c.Circle.Head().Record.Hash() || c.Redealing() || !c.HasShare() {
			return
		}
		again := &redeal.Attempt{Proposal: a.Proposal, Discovery: a.Discovery, Request: a.Request, Grounds: a.Grounds, Addrs: a.Addrs}
		if err := c.TakeUp(again, c.Circle.Head().Record, c.Circle.Slot); err == nil {
			c.TellRedeal(again, again.Proposal.Members)
		}
	}
}

// fits reports whether a finding is one of those wanted, in which % stands for
// any word and # for any number.
func (x twin) fits(err error) bool {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return slices.ContainsFunc(x.want, func(want string) bool { return matches(want, line) })
}

func matches(want, line string) bool {
	have := strings.Fields(line)
	for i, w := range strings.Fields(want) {
		if i >= len(have) || w != "%" && w != "#" && !strings.HasPrefix(have[i], w) {
			return false
		}
	}
	return true
}

// TestSimTwins demands that the simulation finds each twin, by the oracle that
// is there for it, and nothing in the same world without it.
func TestSimTwins(t *testing.T) {
	t.Parallel()
	for _, x := range twins() {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			other, last := 0, error(nil)
			for i := range *simTwins {
				seed := (x.seed + i) % *simTwins
				err := x.live(t, seed, true)
				if err == nil {
					continue
				}
				if !x.fits(err) {
					other++
					last = err
					continue
				}
				what, _, _ := strings.Cut(err.Error(), "\n")
				t.Logf("caught by seed %d, number %d of those tried: %s", seed, i+1, what)
				if err := x.live(t, seed, false); err != nil {
					t.Errorf("seed %d fails without the twin: %v", seed, err)
				}
				return
			}
			t.Errorf("not caught by %d seeds; %d found something else: %v", *simTwins, other, last)
		})
	}
}
