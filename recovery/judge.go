package recovery

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Judge is one device's own judgement of every other device of its circle.
// It is a deterministic value without clock or goroutine, and not safe for
// concurrent use. Make [Judge.Bytes] durable whenever [Judge.Revision] has
// changed, and every few minutes: what is lost in between can only make a
// removal later.
type Judge struct {
	rec      roster.Record
	st       state
	revision uint64
	called   func(wire.Slot) string // nil: as in rec
}

// Called has the judge's words call devices what name returns for their slots,
// instead of by the names in the record: one may have had two devices.
func (j *Judge) Called(name func(wire.Slot) string) { j.called = name }

// New returns the judge of the device in slot self, which has just entered the
// circle: it counts from now, and suspects nobody. Wall is the wall clock in
// Unix seconds. Boot is random and new at each start of the daemon.
func New(rec roster.Record, self wire.Slot, boot [8]byte, wall uint64) (*Judge, error) {
	if _, ok := rec.Device(self); !ok {
		return nil, fmt.Errorf("recovery: device %d is not in the circle", self)
	}
	j := &Judge{rec: rec, st: state{Version: Version, Circle: rec.Circle, Record: rec.Hash(), Self: self, Wall: wall, Boot: boot}}
	for _, d := range rec.Devices {
		if d.Slot != self {
			j.addPeer(d.Slot, memberState(rec, d.Slot))
		}
	}
	for _, f := range rec.Former {
		if j.gone(f) {
			j.addFormer(f)
		}
	}
	j.sortPeers()
	return j, nil
}

// ParseJudge returns the judge that b, from [Judge.Bytes], describes, with the
// newest record that this device knows, which may be newer than b. A boot other
// than the last makes the numbers of beats skip ahead, so that none is used
// twice.
func ParseJudge(b []byte, rec roster.Record, boot [8]byte) (*Judge, error) {
	if len(b) > maxJudge {
		return nil, fmt.Errorf("recovery: judge of %d bytes: %w", len(b), wire.ErrMalformed)
	}
	j := &Judge{rec: rec}
	if err := wire.Unmarshal(b, &j.st); err != nil {
		return nil, fmt.Errorf("recovery: parse judge: %w", err)
	}
	if err := j.st.check(); err != nil {
		return nil, err
	}
	if j.st.Circle != rec.Circle {
		return nil, errors.New("recovery: judge of another circle")
	}
	if j.st.Record != rec.Hash() {
		if err := j.SetRecord(rec); err != nil {
			return nil, err
		}
	}
	if err := j.checkMembers(); err != nil {
		return nil, err
	}
	if j.st.Boot != boot {
		j.st.Boot = boot
		j.st.Seq = add(j.st.Seq, bootStride)
		j.changed()
	}
	return j, nil
}

// checkMembers reports whether the peers are the devices of the record.
func (j *Judge) checkMembers() error {
	if _, ok := j.rec.Device(j.st.Self); !ok {
		return fmt.Errorf("recovery: device %d is not in the circle", j.st.Self)
	}
	for _, d := range j.rec.Devices {
		if d.Slot != j.st.Self && j.peer(d.Slot) == nil {
			return fmt.Errorf("recovery: judge knows nothing of device %d", d.Slot)
		}
	}
	for _, p := range j.st.Peers {
		if _, left := j.former(p.Slot); j.member(p.Slot) == p.former() || left != p.former() {
			return fmt.Errorf("recovery: device %d cannot be %v", p.Slot, p.State)
		}
	}
	return nil
}

// Bytes returns the canonical encoding of everything that must survive a
// restart. It holds no secrets.
func (j *Judge) Bytes() []byte { return wire.Marshal(j.st) }

// Revision changes whenever forgetting what happened since could matter.
func (j *Judge) Revision() uint64 { return j.revision }

func (j *Judge) changed() { j.revision++ }

// Tick tells the judge what its clocks say: the wall clock in Unix seconds, and
// how many seconds this device was awake and running since the last Tick. The
// caller carries fractions of seconds over to the next. Time passes as the
// lesser of the two does, and a single Tick counts for an hour at most.
func (j *Judge) Tick(wall, awake uint64) {
	s := &j.st
	s.AwakeOwed = add(s.AwakeOwed, min(awake, maxTick))
	s.WallOwed = add(s.WallOwed, sub(wall, s.Wall))
	s.Wall = wall
	step := min(s.AwakeOwed, s.WallOwed)
	s.Clock = add(s.Clock, step)
	// The two are read in whole seconds and seldom change together; a little
	// is carried over. More would let a wall clock that was set forward pay
	// for a time in which it stands.
	s.AwakeOwed, s.WallOwed = min(s.AwakeOwed-step, maxOwed), min(s.WallOwed-step, maxOwed)

	j.tickMutes()
	if !s.Unheard && sub(s.Clock, s.EchoAt) >= Unheard {
		s.Unheard = true
		j.notify(Notice{Step: StepUnheard, Slot: s.Self})
	}
	for i := range s.Peers {
		if j.member(s.Peers[i].Slot) {
			j.tickPeer(&s.Peers[i])
		}
	}
}

// NextBeat returns this device's next beat, for the caller to sign: Holds says
// whether it has a share of the current epoch, unlocked whether the share can
// be used without a person, and presence how many seconds ago a person last
// proved presence, or [Never].
func (j *Judge) NextBeat(holds, unlocked bool, presence uint64) Beat {
	j.st.Seq = add(j.st.Seq, 1)
	b := Beat{Version: Version, Circle: j.st.Circle, Slot: j.st.Self, Seq: j.st.Seq, Boot: j.st.Boot,
		Epoch: j.rec.Epoch, Record: j.st.Record, Holds: holds, Wall: j.st.Wall, Unlocked: unlocked, PresenceAge: presence}
	for _, p := range j.st.Peers {
		if p.Seq > 0 && j.member(p.Slot) {
			b.Seen = append(b.Seen, Seen{Slot: p.Slot, Seq: p.Seq})
		}
	}
	return b
}

// News reports whether a beat may tell this device something, before its signature
// was looked at: it is not of the past.
func (j *Judge) News(b Beat) bool {
	p := j.peer(b.Slot)
	return b.Circle != j.st.Circle || p == nil || b.Seq > p.Seq
}

// Heard takes a beat that came from anywhere. It reports whether the beat was
// news. A beat of another circle, of an unknown device or with a wrong
// signature is an error, and changes nothing.
func (j *Judge) Heard(b Beat) (bool, error) {
	if b.Circle != j.st.Circle {
		return false, errors.New("recovery: beat of another circle")
	}
	id, ok := j.identity(b.Slot)
	p := j.peer(b.Slot)
	if !ok || p == nil {
		return false, fmt.Errorf("recovery: beat of device %d, which is unknown", b.Slot)
	}
	if err := b.Verify(id); err != nil {
		return false, err
	}
	if b.Seq <= p.Seq {
		return false, nil // a recording, or overtaken on its way
	}
	j.noteBoot(p, b)
	if !j.member(p.Slot) {
		p.Seq = b.Seq
		j.heardFormer(p)
		return true, nil
	}
	p.Rumour = j.st.Clock
	j.noteSeen(p, b)
	p.Seq = b.Seq
	if p.State == Frozen || p.State == Disputed || p.State == Evicting && p.Due {
		return true, nil // the thief's device beats too
	}
	j.company(p)
	if b.Epoch < j.rec.Epoch || b.Epoch == j.rec.Epoch && b.Record != j.st.Record {
		// It is alive and does not know where the circle is. Soon it does, or
		// it is a copy of what it once was.
		return true, nil
	}
	j.alive(p, b.Epoch > j.rec.Epoch || b.Holds)
	return true, nil
}

// noteBoot tells the owner of a device that runs twice: one device never goes
// back to the boot before.
func (j *Judge) noteBoot(p *peer, b Beat) {
	if b.Boot == p.Boot {
		return
	}
	if p.Seq > 0 && p.Before == b.Boot && p.Before != ([8]byte{}) {
		j.noteCopy(p.Slot)
	}
	p.Before, p.Boot = p.Boot, b.Boot
}

// noteSeen learns from a beat of p whom p hears.
func (j *Judge) noteSeen(p *peer, b Beat) {
	for _, s := range b.Seen {
		if s.Slot == j.st.Self {
			if s.Seq > p.seenOf(s.Slot) {
				j.st.Doubts = drop(j.st.Doubts, func(by wire.Slot) bool { return by == p.Slot })
			}
			j.echo(s.Seq)
			continue
		}
		x := j.peer(s.Slot)
		if x == nil || !j.member(x.Slot) {
			continue
		}
		if s.Seq > p.seenOf(s.Slot) && s.Seq >= x.Seq {
			x.Rumour = j.st.Clock
		}
		// Who has heard it since does not suspect it any longer.
		x.Claims = drop(x.Claims, func(c claim) bool { return c.By == p.Slot && s.Seq > c.Last })
	}
	p.Seen = slices.Clone(b.Seen)
}

// echo learns that another device has seen this device's beat seq.
func (j *Judge) echo(seq uint64) {
	s := &j.st
	if seq > s.Seq {
		// Sent by this device, and forgotten: its data was set back, or a copy
		// of it runs elsewhere. The others take no beat that is not newer.
		if seq-s.Seq > maxEcho {
			return
		}
		s.Seq = seq
		j.noteCopy(s.Self)
	}
	if seq <= s.EchoSeq {
		return
	}
	s.EchoSeq, s.EchoAt = seq, s.Clock
	if s.Unheard {
		s.Unheard = false
		j.notify(Notice{Step: StepBack, Slot: s.Self})
	}
}

// company counts the time since any device was last heard as time in which
// this device was online, unless it is so long that it may not have been.
func (j *Judge) company(sender *peer) {
	gap := sub(j.st.Clock, j.st.Company)
	j.st.Company = j.st.Clock
	if gap > reach(j.rec.Settings) {
		return
	}
	for i := range j.st.Peers {
		if p := &j.st.Peers[i]; p != sender {
			p.Online = add(p.Online, gap)
		}
	}
}

// SetRecord moves the judge to a newer epoch. What it thinks of a device that
// stays in stays as it is.
func (j *Judge) SetRecord(rec roster.Record) error {
	if rec.Circle != j.st.Circle {
		return errors.New("recovery: record of another circle")
	}
	if rec.Epoch < j.rec.Epoch {
		return fmt.Errorf("recovery: epoch %d after epoch %d", rec.Epoch, j.rec.Epoch)
	}
	if _, ok := rec.Device(j.st.Self); !ok {
		return fmt.Errorf("recovery: device %d is no longer in the circle", j.st.Self)
	}
	j.rec, j.st.Record = rec, rec.Hash()
	for _, f := range rec.Former {
		if p := j.peer(f.Slot); p == nil && j.gone(f) {
			j.addFormer(f)
		} else if p == nil {
			continue
		} else if !p.former() {
			j.removed(p, f)
		}
	}
	j.st.Peers = drop(j.st.Peers, func(p peer) bool {
		f, former := j.former(p.Slot)
		return former && !j.gone(f) || !former && !j.member(p.Slot)
	})
	for _, d := range rec.Devices {
		if p := j.peer(d.Slot); d.Slot != j.st.Self && p == nil {
			j.addPeer(d.Slot, memberState(rec, d.Slot))
		} else if p != nil {
			// Suspicions were about the epoch before.
			p.Claims = nil
			if p.State == Live && memberState(rec, d.Slot) == Pending {
				j.enter(p, Pending)
			}
		}
	}
	j.sortPeers()
	j.recharge()
	j.changed()
	return nil
}

// removed turns a peer into a former device.
func (j *Judge) removed(p *peer, f roster.Former) {
	byPerson := p.Confirmed || f.Epoch == j.rec.Epoch && j.rec.Change.Kind != roster.Remove
	if f.State == roster.Silent && !byPerson {
		j.st.Removed, j.st.RemovedAt = true, j.st.Clock
	}
	seq, boot, before := p.Seq, p.Boot, p.Before
	*p = peer{Slot: p.Slot, Seq: seq, Boot: boot, Before: before}
	if f.State == roster.Stolen {
		j.enter(p, Stolen)
	} else {
		j.enter(p, Evicted)
	}
	j.notify(Notice{Step: StepRemoved, Slot: p.Slot})
}

// memberState returns how a member begins: who slept through the re-deal has
// its share in a mailbox and not yet in its hands.
func memberState(rec roster.Record, slot wire.Slot) State {
	if slices.Contains(rec.Change.Sleepers, slot) {
		return Pending
	}
	return Live
}

func (j *Judge) addPeer(slot wire.Slot, s State) {
	now := j.st.Clock
	j.st.Peers = append(j.st.Peers, peer{Slot: slot, State: s, Since: now, Heard: now, Rumour: now})
}

func (j *Judge) addFormer(f roster.Former) {
	s := Evicted
	if f.State == roster.Stolen {
		s = Stolen
	}
	j.addPeer(f.Slot, s)
}

// gone reports whether a former device has not come back under another slot.
func (j *Judge) gone(f roster.Former) bool {
	_, back := j.rec.ByIdentity(f.Identity)
	return !back
}

func (j *Judge) sortPeers() {
	slices.SortFunc(j.st.Peers, func(a, b peer) int { return int(a.Slot) - int(b.Slot) })
}

// peer returns what the judge knows of a device. The pointer is valid until a
// peer is added or dropped.
func (j *Judge) peer(slot wire.Slot) *peer {
	for i := range j.st.Peers {
		if j.st.Peers[i].Slot == slot {
			return &j.st.Peers[i]
		}
	}
	return nil
}

func (j *Judge) member(slot wire.Slot) bool {
	_, ok := j.rec.Device(slot)
	return ok
}

func (j *Judge) former(slot wire.Slot) (roster.Former, bool) {
	for _, f := range j.rec.Former {
		if f.Slot == slot {
			return f, true
		}
	}
	return roster.Former{}, false
}

func (j *Judge) identity(slot wire.Slot) (wire.DeviceID, bool) {
	if d, ok := j.rec.Device(slot); ok {
		return d.Identity, true
	}
	f, ok := j.former(slot)
	return f.Identity, ok
}

// enter changes the state of p.
func (j *Judge) enter(p *peer, s State) {
	p.State, p.Since = s, j.st.Clock
	j.changed()
}

// drop removes what is, keeping one encoding for nothing left.
func drop[T any](s []T, is func(T) bool) []T {
	s = slices.DeleteFunc(s, is)
	if len(s) == 0 {
		return nil
	}
	return s
}

// add and sub saturate: no reading of a clock and no sender makes time wrap.
func add(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}

func sub(a, b uint64) uint64 { return a - min(a, b) }
