package node

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// This device's judgement of the others is a [recovery.Judge]. The core tells
// it the time, what it hears, and what persons say; it acts on what the judge
// concludes.

const judgeKey = "judge"

// startJudge reads the judge of a circle, or makes one. That this device was
// started is durable before its first heartbeat leaves: were a number used
// again by the next start, the device would take itself for a copy.
func (c *core) startJudge() error {
	c.judge = nil
	if c.circle == nil || c.circle.evicted != nil {
		return nil
	}
	if c.boot == ([8]byte{}) {
		if _, err := io.ReadFull(c.cfg.Rand, c.boot[:]); err != nil {
			return fmt.Errorf("node: draw boot id: %w", err)
		}
	}
	var raw []byte
	if err := c.cfg.Journal.View(func(tx journal.Tx) (err error) {
		raw, err = tx.Get(bucketCircle, judgeKey)
		return err
	}); err != nil {
		return fmt.Errorf("node: read judge: %w", err)
	}
	rec := c.circle.head().Record
	var damage error
	if raw != nil {
		j, err := recovery.ParseJudge(raw, rec, c.boot)
		if err == nil {
			c.judge = j
			j.Called(c.name)
			c.saveJudge()
			return nil
		}
		damage = err
	}
	j, err := recovery.New(rec, c.circle.slot, c.boot, unix(c.now))
	if err != nil {
		return err
	}
	c.judge = j
	j.Called(c.name)
	if damage != nil {
		return c.judgeAnew(damage)
	}
	c.saveJudge()
	return nil
}

// judgeAnew makes up for a judge that does not open any more. That silence is
// counted anew can only make a removal later. But somebody may have frozen the
// circle or called a device lost, in a request that is closed by now: this
// device freezes by itself, as if its own person had said so. What persons say
// in requests that are open it hears again at the next tick.
func (c *core) judgeAnew(damage error) error {
	c.log.Error("the record of who was silent and what was frozen is damaged; this device freezes until it is thawed, and counts anew", "err", damage)
	if err := c.judge.Freeze(recovery.Word{By: c.circle.slot}); err != nil {
		return fmt.Errorf("node: freeze: %w", err)
	}
	c.saveJudge()
	return nil
}

// followRecord tells the judge of a newer certified epoch.
func (c *core) followRecord() {
	c.sleepOn()
	clear(c.doubts)          // what counted for nothing in the epoch before may count now
	c.lastBeat = time.Time{} // others hear soon that this device is in it
	if c.judge == nil || c.circle.evicted != nil {
		if err := c.startJudge(); err != nil {
			c.log.Error("judge not started", "err", err)
		}
		return
	}
	if err := c.judge.SetRecord(c.circle.head().Record); err != nil {
		c.log.Error("judge does not follow", "err", err)
	}
	c.saveJudge()
}

// judgeEvery is how often the judge is stored although nothing happened, and
// judgeRetry how long it waits after it could not be.
const (
	judgeEvery = 5 * time.Minute
	judgeRetry = 30 * time.Second
)

// tickJudge lets the judge's time pass and says what it notices.
func (c *core) tickJudge() {
	j := c.judge
	if j == nil {
		return
	}
	whole := c.awake.Truncate(time.Second)
	j.Tick(unix(c.now), uint64((whole-c.judged)/time.Second))
	c.judged = whole
	for _, n := range j.Notices(c.noticed) {
		if c.noticed > 0 || n.At+2*uint64(c.cfg.Timings.Beat/time.Second) >= unix(c.now) {
			c.log.Warn(j.Words(n))
		}
		c.noticed = n.N
	}
	if j.Revision() != c.saved || c.now.Sub(c.savedAt).Abs() >= judgeEvery {
		c.saveJudge()
	}
}

func (c *core) saveJudge() {
	if c.judge == nil {
		return
	}
	c.saved, c.savedAt = c.judge.Revision(), c.now
	raw := c.judge.Bytes()
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return tx.Put(bucketCircle, judgeKey, raw) }); err != nil {
		c.savedAt = c.now.Add(judgeRetry - judgeEvery)
		c.log.Error("judge not stored", "err", err)
	}
}

// myBeat makes this device's heartbeat, with the latest of every other device
// that it has and what it has to say about the silent ones.
func (c *core) myBeat() beat {
	b := beat{Wall: unix(c.now), Epoch: c.circle.record.Epoch, Locked: c.cfg.Keeper.Locked(), Beats: [][]byte{}, Doubts: [][]byte{}}
	if c.judge == nil {
		return b
	}
	age := uint64(recovery.Never)
	if !c.presentAt.IsZero() {
		age = uint64(max(c.now.Sub(c.presentAt), 0) / time.Second)
	}
	own := recovery.SignBeat(c.judge.NextBeat(c.hasShare(), !c.cfg.Keeper.Locked(), age), c.self.sign)
	c.beats[c.circle.slot] = own.Bytes()
	for _, s := range sortedSlots(c.beats) {
		b.Beats = append(b.Beats, c.beats[s])
	}
	for _, s := range c.judge.Suspicions() {
		b.Doubts = append(b.Doubts, recovery.SignSuspicion(s, c.self.sign).Bytes())
	}
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
	if c.judge == nil || len(b.Beats) > maxDevices || len(b.Doubts) > maxDevices {
		return nil
	}
	defer c.reconsider()
	return errors.Join(c.hearBeats(from, b.Beats), c.hearDoubts(from, b.Doubts))
}

// hearBeats takes heartbeats that a device passes on. What is no news costs no
// verification, and a signature that does not hold ends it: whoever passes beats
// on has verified them.
func (c *core) hearBeats(from wire.Slot, beats [][]byte) error {
	var errs []error
	for _, raw := range beats {
		x, err := recovery.ParseBeat(raw)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if x.Slot == c.circle.slot || !c.judge.News(x) {
			continue
		}
		c.verified++
		news, err := c.judge.Heard(x)
		if errors.Is(err, recovery.ErrSignature) {
			return errors.Join(append(errs, c.blameBeat(from, x.Slot, err))...)
		}
		errs = append(errs, err)
		if news {
			c.beats[x.Slot] = raw
		}
	}
	return errors.Join(errs...)
}

// hearDoubts is hearBeats for what a device has to say about silent ones.
func (c *core) hearDoubts(from wire.Slot, doubts [][]byte) error {
	var errs []error
	for _, raw := range doubts {
		s, err := recovery.ParseSuspicion(raw)
		key := doubtKey{s.By, s.About}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if s.By == c.circle.slot || bytes.Equal(c.doubts[key], raw) {
			continue
		}
		c.verified++
		err = c.judge.Suspected(s)
		if errors.Is(err, recovery.ErrSignature) {
			return errors.Join(append(errs, c.blameBeat(from, s.By, err))...)
		}
		if err == nil {
			c.doubts[key] = raw // of members about members
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// A doubtKey says who doubts that whom is there.
type doubtKey struct{ by, about wire.Slot }

// hearPersons passes on to the judge what persons have said, each once.
func (c *core) hearPersons(r *openRequest) {
	if c.judge == nil || r.change == nil || !r.open() || c.aboutUnknown(r) {
		return
	}
	slot := c.subject(r)
	for _, by := range c.present(r) {
		w := recovery.Word{ID: r.id, By: by}
		var err error
		switch r.change.Kind {
		case change.Lost, change.Replace:
			err = c.judge.Lost(w, slot)
		case change.Freeze:
			err = c.judge.Freeze(w)
		case change.Thaw:
			if yes, _ := c.judge.Frozen(); yes {
				err = c.judge.Thaw(w)
			}
		case change.Vacation:
			err = c.judge.Vacation(w, slot, r.change.Until-min(r.change.Until, r.request.Created))
		case change.Veto:
			err = c.judge.Veto(w, slot)
		case change.Remove:
			if c.silent(slot) {
				err = c.judge.Confirm(w, slot)
			}
		}
		if err != nil {
			// It is heard again and again while the request is open.
			if why := err.Error(); why != r.trouble {
				r.trouble = why
				if ok, kept := c.peer(r.from()).words.say(c.now, maxReceived); ok {
					c.log.Warn("a person's word does not count", "request", r.id, "on", c.name(by), "err", err, "others", kept)
				}
			}
		}
	}
	// A word that is settled is not heard again after a restart, so that what
	// it changed must be durable before.
	if c.judge.Revision() != c.saved {
		c.saveJudge()
	}
}

// silent reports whether this device doubts that the one in slot is there, for
// nobody has heard it.
func (c *core) silent(slot wire.Slot) bool {
	if c.judge == nil {
		return false
	}
	v, _ := c.judge.View(slot)
	return v.State == recovery.Suspect || v.State == recovery.Grace || v.State == recovery.Evicting
}

// frozen says why this device signs nothing, or "".
func (c *core) frozen() string {
	if c.judge == nil {
		return ""
	}
	if yes, why := c.judge.Frozen(); yes {
		return why
	}
	return ""
}

// frozenFor says why the circle is too frozen for a re-deal, or "". While it is
// frozen nobody comes in and nothing is loosened; whoever is called lost goes,
// and others may leave. A device that replaces another may come in although that
// other was called lost, which the request to replace it does itself.
func (c *core) frozenFor(p refresh.Proposal) string {
	if c.judge == nil || p.Kind != roster.Add && p.Kind != roster.Replace && p.Kind != roster.Rethreshold {
		return ""
	}
	var goes []wire.Slot
	for _, x := range p.Removed {
		goes = append(goes, x.Slot)
	}
	if yes, why := c.judge.FrozenBeside(goes...); yes {
		return why
	}
	return ""
}

// accused reports whether a person calls the device in slot lost.
func (c *core) accused(slot wire.Slot) bool {
	if c.judge == nil {
		return false
	}
	v, ok := c.judge.View(slot)
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
	return c.judge != nil && c.judge.Banned(slot)
}

// removals turns what the judge proposes into what a proposal says.
func removals(list []recovery.Removal) (out []refresh.Removal) {
	for _, r := range list {
		out = append(out, refresh.Removal{Slot: r.Slot, State: r.State})
	}
	return out
}

// evict proposes the removal of who has been silent for too long.
func (c *core) evict() {
	if c.judge == nil || c.redealing() || c.pausing(c.evictAt) {
		return
	}
	for _, e := range c.judge.Proposals() {
		if slices.ContainsFunc(e.Removed, func(r recovery.Removal) bool { return r.State == roster.Stolen }) {
			continue // the request of the person who said so leads to it
		}
		c.log.Warn("removing", "why", e.Why)
		if err := c.startRedeal(plan{kind: roster.Remove, removed: removals(e.Removed), agree: e.Members}); err != nil {
			c.log.Warn("removal not started", "err", err)
			c.evictAt = c.now.Add(10 * time.Second)
		}
	}
}

// objectionToEviction says why this device does not agree to take a device
// out, or "". Its own judge decides, whoever proposes.
func (c *core) objectionToEviction(p refresh.Proposal) string {
	if c.judge == nil {
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
	if ok, why := c.judge.MayEvict(list...); !ok {
		return why
	}
	return ""
}

// evictionFailed makes the next attempt wait.
func (c *core) evictionFailed(a *attempt) {
	if c.judge == nil || a.request != (wire.RequestID{}) {
		return
	}
	var slots []wire.Slot
	for _, r := range a.proposal.Removed {
		slots = append(slots, r.Slot)
	}
	if len(slots) > 0 {
		c.judge.Aborted(slots...)
	}
}
