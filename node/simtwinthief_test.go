package node

import (
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// thiefTwins are wrong in what they let a thief do, in who they let in and out,
// and in what they let others read.
func thiefTwins() []twin {
	return []twin{
		// D6: who is ready for a removal still signs with whom it removes.
		{"no-fence", nil, honest(func(d *simDevice) { clear(d.core.Circle.Fenced) }), []string{"F: % signs together with device # which it is ready to take out"}, 5, stolenBack, false},
		// The same, but only after a restart.
		{"fence-dies-with-the-power", blackout, all(func(d *simDevice) {
			d.disk.alter = func(tx *simTx) error {
				if !tx.touched[standing.BucketFenced] {
					return nil
				}
				keys, err := tx.Keys(standing.BucketFenced)
				for _, k := range keys {
					if err == nil {
						err = tx.Tx.Delete(standing.BucketFenced, k)
					}
				}
				return err
			}
		}), []string{"F: % signs together with device # which it is ready to take out"}, 2, stolenBack, false},
		// A word that a device is lost, or that all must stop, is not heeded.
		{"deaf-to-persons", nil, honest(func(d *simDevice) { d.core.Vigil.Judge = nil }),
			[]string{"F: % signs and was told on % that % is lost", "F: % signs and was told to freeze"}, 2, "", true},
		// A device goes on signing in an epoch that is over.
		{"old-epoch-lives-on", nil, lingers, []string{"F: % signs in epoch # which is over"}, 0, "", true},
		// Whoever proposes a re-deal gets it.
		{"takes-part-in-whatever", nil, func(w *world) {
			w.receive = obliging(func(p refresh.Proposal) bool {
				return !slices.ContainsFunc(p.Removed, func(x refresh.Removal) bool { return x.State == roster.Silent })
			})
		},
			[]string{"O5: epoch # has device # in it", "O5: epoch # says that device # is stolen"}, 0, usurped, false},
		// Fewer sign because somebody wants it.
		{"lowers-the-threshold", nil, func(w *world) {
			w.receive = obliging(func(p refresh.Proposal) bool { return p.Kind == roster.Rethreshold })
		}, []string{"O5: epoch # is # of # after"}, 6, usurped, false},
		// Silence is nobody's own observation.
		{"removes-on-hearsay", nil, func(w *world) {
			w.receive = obliging(func(p refresh.Proposal) bool {
				return p.Kind == roster.Remove && len(p.Removed) == 1 && p.Removed[0].State == roster.Silent
			})
		}, []string{"E: % is ready to take % out after"}, 0, usurped, false},
		// A countdown runs too fast.
		{"counts-down-too-fast", nil, hasty, []string{"E: % is ready to take % out after"}, 1, tooLate, false},
		{"forgets-vacations", nil, honest(endVacations), []string{"E: % is ready to take % out after"}, 0, onVacation, false},
		{"ignores-objections", nil, unobjected, []string{"E: % is ready to take % out after"}, 0, objectedTo, false},
		// Who is out destroys its share as soon as it learns that.
		{"parts-with-the-certificate", nil, honest(func(d *simDevice) {
			if d.core.Circle.Evicted != nil {
				if err := d.core.Erase(""); err != nil {
					d.w.note(d, "twin", err)
				}
			}
		}), []string{"D: % is out and destroys its share"}, 37, "", false},
		// Secrets where others can read them. Nosy worlds look for them.
		{"logs-a-share", nil, honest(func(d *simDevice) {
			d.spill(func(b []byte) { d.core.Log.Debug("share opened", "share", b) })
		}), []string{"O7: a secret in the log"}, 21, "", false},
		{"logs-a-number", nil, honest(func(d *simDevice) {
			d.spill(func(b []byte) { d.core.Log.Debug("share opened", "err", fmt.Errorf("sum %v", [32]byte(b))) })
		}), []string{"O7: a secret in the log"}, 21, "", false},
		{"sends-a-share", nil, honest(func(d *simDevice) {
			d.spill(func(b []byte) { d.core.Broadcast(message.MsgHave, message.Have{IDs: []wire.Hash{wire.Hash(b)}}) })
		}), []string{"O7: a secret in a message"}, 21, "", false},
		{"sends-its-identity", nil, honest(func(d *simDevice) {
			_ = d.core.Self.Identity.Use(func(b *[secret.Size]byte) error {
				d.core.Broadcast(message.MsgHave, message.Have{IDs: []wire.Hash{*b}})
				return nil
			})
		}), []string{"O7: a secret in a message"}, 21, "", false},
		{"stores-a-share-unsealed", nil, honest(func(d *simDevice) {
			d.spill(func(b []byte) {
				_ = d.core.Config.Journal.Update(func(tx journal.Tx) error { return tx.Put(standing.BucketMeta, "cache", b) })
			})
		}), []string{"O7: a secret on the disk"}, 21, "", false},
	}
}

// honest does something after every event of devices that are in a circle and in
// nobody else's hands.
func honest(f func(d *simDevice)) func(*world) {
	return everyEvent(func(d *simDevice) {
		if !d.thief && d.core.Circle != nil {
			f(d)
		}
	})
}

// blackout takes the power of a device for a moment while it is ready to take
// another out.
func blackout(d *simDevice) {
	w := d.w
	if len(d.view.removing) == 0 || w.hits["blackout"] > 1 || w.calm || d.thief {
		return
	}
	w.hits["blackout"]++
	w.after(50*time.Millisecond, func() {
		d.off("blackout")
		w.after(50*time.Millisecond, d.boot)
	})
}

// lingers has devices stay in the epoch in which they were first.
func lingers(w *world) {
	first := map[*simDevice]standing.Circle{}
	w.heal = func(d *simDevice) {
		k := d.core.Circle
		if k == nil || d.thief {
			return
		}
		if was, known := first[d]; !known && k.Record.Epoch == 0 {
			first[d] = *k
		} else if known && w.dark.IntN(4) == 0 && d.view.shares[was.Hash] != nil {
			k.Record, k.Hash, k.Slot, k.ShareKey = was.Record, was.Hash, was.Slot, was.ShareKey
		}
	}
}

// obliging has devices take up re-deals without an objection.
func obliging(whom func(refresh.Proposal) bool) func(to, from *simDevice, protocol string, msg []byte) bool {
	return func(to, from *simDevice, protocol string, msg []byte) bool {
		c := to.core
		typ, body, err := message.SplitMessage(msg)
		var m message.Redeal
		if protocol != wire.ProtocolSync || err != nil || typ != message.MsgRedeal || wire.Unmarshal(body, &m) != nil || c.Circle == nil || c.Redealing() || from.haul == nil || to.haul != nil {
			return false
		}
		p, err := refresh.ParseProposal(m.Proposal)
		head := c.Circle.Head().Record
		if err != nil || !whom(p) || p.Parent != head.Hash() || p.Check(head) != nil {
			return false
		}
		self, in := redeal.SelfIn(p, head, c.Self.Public)
		addrs, err := standing.UnpackAddrs(m.Addrs)
		if !in || err != nil || !slices.Contains(p.Members, self) {
			return false
		}
		c.Now = to.clock()
		return c.TakeUp(&redeal.Attempt{Proposal: p, Discovery: m.Discovery, Request: m.Request, Grounds: m.Grounds, Addrs: addrs}, head, self) == nil
	}
}

// hasty has judges count each second of a countdown three times.
func hasty(w *world) {
	last, ahead := map[*simDevice]time.Time{}, map[*simDevice]uint64{}
	w.heal = func(d *simDevice) {
		c := d.core
		if c.Circle == nil || c.Vigil.Judge == nil {
			return
		}
		passed := uint64(w.now.Sub(last[d]) / time.Second)
		running := slices.ContainsFunc(c.Circle.Head().Record.Devices, func(x roster.Device) bool {
			v, known := c.Vigil.Judge.View(x.Slot)
			return known && v.State == recovery.Grace
		})
		if running && !last[d].IsZero() && passed > 0 && passed < 7200 {
			ahead[d] += 2 * passed
			c.Vigil.Judge.Tick(standing.Unix(d.clock())+ahead[d], 2*passed)
		}
		last[d] = w.now
	}
}

// endVacations takes back what a judge was told.
func endVacations(d *simDevice) {
	j := d.core.Vigil.Judge
	if j == nil {
		return
	}
	for _, x := range d.core.Circle.Head().Record.Devices {
		if v, ok := j.View(x.Slot); ok && v.State == recovery.Vacation {
			var id wire.RequestID
			_, _ = rand.Read(id[:])
			_ = j.Vacation(recovery.Word{ID: id, By: d.core.Circle.Slot}, x.Slot, 0)
		}
	}
}

// unobjected has judges forget an objection as soon as they have heard it.
func unobjected(w *world) {
	last, seen := map[*simDevice][]byte{}, map[*simDevice]int{}
	w.heal = func(d *simDevice) {
		c := d.core
		if c.Vigil.Judge == nil {
			return
		}
		n := 0
		for _, r := range c.Requests {
			if r.Request.Kind == string(change.Veto) {
				n++
			}
		}
		if n > seen[d] {
			seen[d] = n
			if j, err := recovery.ParseJudge(last[d], c.Circle.Head().Record, [8]byte{1}); err == nil {
				c.Vigil.Judge = j
			}
		}
		last[d] = c.Vigil.Judge.Bytes()
	}
}

// spill gives a twin a share of its device, now and then.
func (d *simDevice) spill(f func(b []byte)) {
	if d.boots > 3 || d.w.dark.IntN(50) > 0 || !d.core.HasShare() {
		return
	}
	if k, err := d.core.LoadShare(roster.SSH); err == nil {
		_ = k.Use(func(b *[secret.Size]byte) error { f(slices.Clone(b[:])); return nil })
		k.Wipe()
	}
}
