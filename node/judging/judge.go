package judging

import (
	"errors"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/node/vigil"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// This device's judgement of the others is a [recovery.Judge]. The core tells
// it the time, what it hears, and what persons say; it acts on what the judge
// concludes.

// Judging is this device's judgement of the others, and what it says of itself.
type Judging struct {
	me *standing.Standing

	Vigil     *vigil.Vigil // over the others
	PresentAt time.Time    // a person last proved to be here
	LastBeat  time.Time
}

// New makes a judgement that judges nobody before [Judging.StartJudge].
func New(me *standing.Standing) *Judging {
	return &Judging{me: me, Vigil: vigil.New(judgeStore{&me.Config}, me.Log)}
}

const JudgeKey = "judge"

// A judgeStore keeps the judge in the journal.
type judgeStore struct{ cfg *standing.Config }

func (s judgeStore) Load() (raw []byte, err error) {
	err = s.cfg.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(standing.BucketCircle, JudgeKey)
		return err
	})
	return raw, err
}

func (s judgeStore) Save(raw []byte) error {
	return s.cfg.Journal.Update(func(tx journal.Tx) error { return tx.Put(standing.BucketCircle, JudgeKey, raw) })
}

// StartJudge lets a device that is in a circle judge the others.
func (jd *Judging) StartJudge() error {
	if jd.me.Circle == nil || jd.me.Circle.Evicted != nil {
		jd.Vigil.Judge = nil
		return nil
	}
	d := vigil.Device{Slot: jd.me.Circle.Slot, Record: jd.me.Circle.Head().Record, Name: jd.me.Name}
	return jd.Vigil.Start(d, jd.me.Config.Rand, jd.me.Now)
}

// MyBeat makes this device's heartbeat, with the latest of every other device
// that it has and what it has to say about the silent ones.
func (jd *Judging) MyBeat() message.Beat {
	b := message.Beat{Wall: standing.Unix(jd.me.Now), Epoch: jd.me.Circle.Record.Epoch, Locked: jd.me.Config.Keeper.Locked(), Beats: [][]byte{}, Doubts: [][]byte{}}
	if jd.Vigil.Judge == nil {
		return b
	}
	age := uint64(recovery.Never)
	if !jd.PresentAt.IsZero() {
		age = uint64(max(jd.me.Now.Sub(jd.PresentAt), 0) / time.Second)
	}
	own := recovery.SignBeat(jd.Vigil.Judge.NextBeat(jd.me.HasShare(), !jd.me.Config.Keeper.Locked(), age), jd.me.Self.Sign)
	b.Beats, b.Doubts = jd.Vigil.Say(jd.me.Circle.Slot, own, jd.me.Self.Sign)
	return b
}

// OnBeat takes a device's heartbeat and the others that it passes on.
func (jd *Judging) OnBeat(from wire.Slot, b message.Beat) error {
	jd.me.NoteClock(from, b.Wall)
	p := jd.me.Peer(from)
	p.Epoch, p.Locked = b.Epoch, b.Locked
	if jd.me.Circle != nil && b.Epoch > jd.me.Circle.Record.Epoch && jd.me.Now.Sub(p.AskedAt).Abs() >= jd.me.Config.Timings.LiveBeat {
		p.AskedAt = jd.me.Now
		jd.me.Sync(from, message.MsgHello, jd.me.Hello()) // it will tell what this device has missed
	}
	if jd.Vigil.Judge == nil || len(b.Beats) > standing.MaxDevices || len(b.Doubts) > standing.MaxDevices {
		return nil
	}
	blame := func(by wire.Slot, err error) error { return jd.me.BlameBeat(from, by, err) }
	n, err := jd.Vigil.HearBeats(jd.me.Circle.Slot, b.Beats, blame)
	m, derr := jd.Vigil.HearDoubts(jd.me.Circle.Slot, b.Doubts, blame)
	jd.me.Verified += n + m
	return errors.Join(err, derr)
}

// Silent reports whether this device doubts that the one in slot is there, for
// nobody has heard it.
func (jd *Judging) Silent(slot wire.Slot) bool {
	if jd.Vigil.Judge == nil {
		return false
	}
	v, _ := jd.Vigil.Judge.View(slot)
	return v.State == recovery.Suspect || v.State == recovery.Grace || v.State == recovery.Evicting
}

// Frozen says why this device signs nothing, or "".
func (jd *Judging) Frozen() string {
	if jd.Vigil.Judge == nil {
		return ""
	}
	if yes, why := jd.Vigil.Judge.Frozen(); yes {
		return why
	}
	return ""
}

// FrozenFor says why the circle is too frozen for a re-deal, or "". While it is
// frozen nobody comes in and nothing is loosened; whoever is called lost goes,
// and others may leave. A device that replaces another may come in although that
// other was called lost, which the request to replace it does itself.
func (jd *Judging) FrozenFor(p refresh.Proposal) string {
	if jd.Vigil.Judge == nil || p.Kind != roster.Add && p.Kind != roster.Replace && p.Kind != roster.Rethreshold {
		return ""
	}
	var goes []wire.Slot
	for _, x := range p.Removed {
		goes = append(goes, x.Slot)
	}
	if yes, why := jd.Vigil.Judge.FrozenBeside(goes...); yes {
		return why
	}
	return ""
}

// Accused reports whether a person calls the device in slot lost.
func (jd *Judging) Accused(slot wire.Slot) bool {
	if jd.Vigil.Judge == nil {
		return false
	}
	v, ok := jd.Vigil.Judge.View(slot)
	return ok && (v.State == recovery.Frozen || v.State == recovery.Disputed) || jd.Banned(slot)
}

// Banned reports whether this device never signs together with the one in
// slot: a person calls it lost, or a re-deal that this device was ready for
// takes it out.
func (jd *Judging) Banned(slot wire.Slot) bool {
	d, ok := jd.me.Circle.Record.Device(slot)
	if !ok || jd.me.Circle.Fenced[d.Identity] {
		return true
	}
	if _, known := jd.me.Circle.Head().Record.ByIdentity(d.Identity); !known {
		// It comes in with the epoch that this device is in already, and the
		// judge hears of it with the certificate, which may never come.
		return false
	}
	return jd.Vigil.Judge != nil && jd.Vigil.Judge.Banned(slot)
}

// ObjectionToEviction says why this device does not agree to take a device
// out, or "". Its own judge decides, whoever proposes.
func (jd *Judging) ObjectionToEviction(p refresh.Proposal) string {
	if jd.Vigil.Judge == nil {
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
	if ok, why := jd.Vigil.Judge.MayEvict(list...); !ok {
		return why
	}
	return ""
}

// FrozenError says that the circle is frozen, and why.
func FrozenError(why string) error {
	return say.New(say.Frozen, why)
}
