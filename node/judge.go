package node

import (
	"errors"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/vigil"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// This device's judgement of the others is a [recovery.Judge]. The core tells
// it the time, what it hears, and what persons say; it acts on what the judge
// concludes.

const judgeKey = "judge"

// A judgeStore keeps the judge in the journal.
type judgeStore struct{ cfg *Config }

func (s judgeStore) Load() (raw []byte, err error) {
	err = s.cfg.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(bucketCircle, judgeKey)
		return err
	})
	return raw, err
}

func (s judgeStore) Save(raw []byte) error {
	return s.cfg.Journal.Update(func(tx journal.Tx) error { return tx.Put(bucketCircle, judgeKey, raw) })
}

// startJudge lets a device that is in a circle judge the others.
func (c *core) startJudge() error {
	if c.circle == nil || c.circle.evicted != nil {
		c.vigil.Judge = nil
		return nil
	}
	d := vigil.Device{Slot: c.circle.slot, Record: c.circle.head().Record, Name: c.name}
	return c.vigil.Start(d, c.cfg.Rand, c.now)
}

// myBeat makes this device's heartbeat, with the latest of every other device
// that it has and what it has to say about the silent ones.
func (c *core) myBeat() beat {
	b := beat{Wall: unix(c.now), Epoch: c.circle.record.Epoch, Locked: c.cfg.Keeper.Locked(), Beats: [][]byte{}, Doubts: [][]byte{}}
	if c.vigil.Judge == nil {
		return b
	}
	age := uint64(recovery.Never)
	if !c.presentAt.IsZero() {
		age = uint64(max(c.now.Sub(c.presentAt), 0) / time.Second)
	}
	own := recovery.SignBeat(c.vigil.Judge.NextBeat(c.hasShare(), !c.cfg.Keeper.Locked(), age), c.self.sign)
	b.Beats, b.Doubts = c.vigil.Say(c.circle.slot, own, c.self.sign)
	return b
}

// onBeat takes a device's heartbeat and the others that it passes on.
func (c *core) onBeat(from wire.Slot, b beat) error {
	c.noteClock(from, b.Wall)
	p := c.peer(from)
	p.epoch, p.locked = b.Epoch, b.Locked
	if c.circle != nil && b.Epoch > c.circle.record.Epoch && c.now.Sub(p.askedAt).Abs() >= c.cfg.Timings.LiveBeat {
		p.askedAt = c.now
		c.sync(from, msgHello, c.hello()) // it will tell what this device has missed
	}
	if c.vigil.Judge == nil || len(b.Beats) > maxDevices || len(b.Doubts) > maxDevices {
		return nil
	}
	blame := func(by wire.Slot, err error) error { return c.blameBeat(from, by, err) }
	n, err := c.vigil.HearBeats(c.circle.slot, b.Beats, blame)
	m, derr := c.vigil.HearDoubts(c.circle.slot, b.Doubts, blame)
	c.verified += n + m
	return errors.Join(err, derr)
}

// silent reports whether this device doubts that the one in slot is there, for
// nobody has heard it.
func (c *core) silent(slot wire.Slot) bool {
	if c.vigil.Judge == nil {
		return false
	}
	v, _ := c.vigil.Judge.View(slot)
	return v.State == recovery.Suspect || v.State == recovery.Grace || v.State == recovery.Evicting
}

// frozen says why this device signs nothing, or "".
func (c *core) frozen() string {
	if c.vigil.Judge == nil {
		return ""
	}
	if yes, why := c.vigil.Judge.Frozen(); yes {
		return why
	}
	return ""
}

// frozenFor says why the circle is too frozen for a re-deal, or "". While it is
// frozen nobody comes in and nothing is loosened; whoever is called lost goes,
// and others may leave. A device that replaces another may come in although that
// other was called lost, which the request to replace it does itself.
func (c *core) frozenFor(p refresh.Proposal) string {
	if c.vigil.Judge == nil || p.Kind != roster.Add && p.Kind != roster.Replace && p.Kind != roster.Rethreshold {
		return ""
	}
	var goes []wire.Slot
	for _, x := range p.Removed {
		goes = append(goes, x.Slot)
	}
	if yes, why := c.vigil.Judge.FrozenBeside(goes...); yes {
		return why
	}
	return ""
}

// accused reports whether a person calls the device in slot lost.
func (c *core) accused(slot wire.Slot) bool {
	if c.vigil.Judge == nil {
		return false
	}
	v, ok := c.vigil.Judge.View(slot)
	return ok && (v.State == recovery.Frozen || v.State == recovery.Disputed) || c.banned(slot)
}

// banned reports whether this device never signs together with the one in
// slot: a person calls it lost, or a re-deal that this device was ready for
// takes it out.
func (c *core) banned(slot wire.Slot) bool {
	d, ok := c.circle.record.Device(slot)
	if !ok || c.circle.fenced[d.Identity] {
		return true
	}
	if _, known := c.circle.head().Record.ByIdentity(d.Identity); !known {
		// It comes in with the epoch that this device is in already, and the
		// judge hears of it with the certificate, which may never come.
		return false
	}
	return c.vigil.Judge != nil && c.vigil.Judge.Banned(slot)
}

// objectionToEviction says why this device does not agree to take a device
// out, or "". Its own judge decides, whoever proposes.
func (c *core) objectionToEviction(p refresh.Proposal) string {
	if c.vigil.Judge == nil {
		return "this device judges nobody"
	}
	var list []recovery.Removal
	for _, r := range p.Removed {
		if r.State == roster.Left {
			continue
		}
		list = append(list, recovery.Removal{Slot: r.Slot, State: r.State})
	}
	if len(list) == 0 {
		return ""
	}
	if ok, why := c.vigil.Judge.MayEvict(list...); !ok {
		return why
	}
	return ""
}

func frozenError(why string) error {
	return api.Errorf(api.CodeFrozen, "the circle is frozen: %s", why).WithHint("warifu thaw, on as many devices as must sign")
}
