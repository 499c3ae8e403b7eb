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

// A judging is this device's judgement of the others, and what it says of itself.
type judging struct {
	me *standing

	vigil     *vigil.Vigil // over the others
	presentAt time.Time    // a person last proved to be here
	lastBeat  time.Time
}

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
func (jd *judging) startJudge() error {
	if jd.me.circle == nil || jd.me.circle.evicted != nil {
		jd.vigil.Judge = nil
		return nil
	}
	d := vigil.Device{Slot: jd.me.circle.slot, Record: jd.me.circle.head().Record, Name: jd.me.name}
	return jd.vigil.Start(d, jd.me.cfg.Rand, jd.me.now)
}

// myBeat makes this device's heartbeat, with the latest of every other device
// that it has and what it has to say about the silent ones.
func (jd *judging) myBeat() beat {
	b := beat{Wall: unix(jd.me.now), Epoch: jd.me.circle.record.Epoch, Locked: jd.me.cfg.Keeper.Locked(), Beats: [][]byte{}, Doubts: [][]byte{}}
	if jd.vigil.Judge == nil {
		return b
	}
	age := uint64(recovery.Never)
	if !jd.presentAt.IsZero() {
		age = uint64(max(jd.me.now.Sub(jd.presentAt), 0) / time.Second)
	}
	own := recovery.SignBeat(jd.vigil.Judge.NextBeat(jd.me.hasShare(), !jd.me.cfg.Keeper.Locked(), age), jd.me.self.sign)
	b.Beats, b.Doubts = jd.vigil.Say(jd.me.circle.slot, own, jd.me.self.sign)
	return b
}

// onBeat takes a device's heartbeat and the others that it passes on.
func (jd *judging) onBeat(from wire.Slot, b beat) error {
	jd.me.noteClock(from, b.Wall)
	p := jd.me.peer(from)
	p.epoch, p.locked = b.Epoch, b.Locked
	if jd.me.circle != nil && b.Epoch > jd.me.circle.record.Epoch && jd.me.now.Sub(p.askedAt).Abs() >= jd.me.cfg.Timings.LiveBeat {
		p.askedAt = jd.me.now
		jd.me.sync(from, msgHello, jd.me.hello()) // it will tell what this device has missed
	}
	if jd.vigil.Judge == nil || len(b.Beats) > maxDevices || len(b.Doubts) > maxDevices {
		return nil
	}
	blame := func(by wire.Slot, err error) error { return jd.me.blameBeat(from, by, err) }
	n, err := jd.vigil.HearBeats(jd.me.circle.slot, b.Beats, blame)
	m, derr := jd.vigil.HearDoubts(jd.me.circle.slot, b.Doubts, blame)
	jd.me.verified += n + m
	return errors.Join(err, derr)
}

// silent reports whether this device doubts that the one in slot is there, for
// nobody has heard it.
func (jd *judging) silent(slot wire.Slot) bool {
	if jd.vigil.Judge == nil {
		return false
	}
	v, _ := jd.vigil.Judge.View(slot)
	return v.State == recovery.Suspect || v.State == recovery.Grace || v.State == recovery.Evicting
}

// frozen says why this device signs nothing, or "".
func (jd *judging) frozen() string {
	if jd.vigil.Judge == nil {
		return ""
	}
	if yes, why := jd.vigil.Judge.Frozen(); yes {
		return why
	}
	return ""
}

// frozenFor says why the circle is too frozen for a re-deal, or "". While it is
// frozen nobody comes in and nothing is loosened; whoever is called lost goes,
// and others may leave. A device that replaces another may come in although that
// other was called lost, which the request to replace it does itself.
func (jd *judging) frozenFor(p refresh.Proposal) string {
	if jd.vigil.Judge == nil || p.Kind != roster.Add && p.Kind != roster.Replace && p.Kind != roster.Rethreshold {
		return ""
	}
	var goes []wire.Slot
	for _, x := range p.Removed {
		goes = append(goes, x.Slot)
	}
	if yes, why := jd.vigil.Judge.FrozenBeside(goes...); yes {
		return why
	}
	return ""
}

// accused reports whether a person calls the device in slot lost.
func (jd *judging) accused(slot wire.Slot) bool {
	if jd.vigil.Judge == nil {
		return false
	}
	v, ok := jd.vigil.Judge.View(slot)
	return ok && (v.State == recovery.Frozen || v.State == recovery.Disputed) || jd.banned(slot)
}

// banned reports whether this device never signs together with the one in
// slot: a person calls it lost, or a re-deal that this device was ready for
// takes it out.
func (jd *judging) banned(slot wire.Slot) bool {
	d, ok := jd.me.circle.record.Device(slot)
	if !ok || jd.me.circle.fenced[d.Identity] {
		return true
	}
	if _, known := jd.me.circle.head().Record.ByIdentity(d.Identity); !known {
		// It comes in with the epoch that this device is in already, and the
		// judge hears of it with the certificate, which may never come.
		return false
	}
	return jd.vigil.Judge != nil && jd.vigil.Judge.Banned(slot)
}

// objectionToEviction says why this device does not agree to take a device
// out, or "". Its own judge decides, whoever proposes.
func (jd *judging) objectionToEviction(p refresh.Proposal) string {
	if jd.vigil.Judge == nil {
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
	if ok, why := jd.vigil.Judge.MayEvict(list...); !ok {
		return why
	}
	return ""
}

func frozenError(why string) error {
	return api.Errorf(api.CodeFrozen, "the circle is frozen: %s", why).WithHint("warifu thaw, on as many devices as must sign")
}
