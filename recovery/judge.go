package recovery

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Judge is one device's own judgement of every other device of its circle.
// It is a deterministic value without clock or goroutine, and not safe for
// concurrent use. Make [Judge.Bytes] durable whenever [Judge.Revision] has
// changed, and every few minutes: what is lost in between can only make a
// removal later.
type Judge struct {
	circle   circle
	st       state
	revision uint64
}

// Called has the judge's words call devices what name returns for their slots,
// instead of by the names in the record: one may have had two devices.
func (j *Judge) Called(name func(wire.Slot) string) { j.circle.called = name }

// New returns the judge of the device in slot self, which has just entered the
// circle: it counts from now, and suspects nobody. Wall is the wall clock in
// Unix seconds. Boot is random and new at each start of the daemon.
func New(rec roster.Record, self wire.Slot, boot [8]byte, wall uint64) (*Judge, error) {
	if _, ok := rec.Device(self); !ok {
		return nil, fmt.Errorf("recovery: device %d is not in the circle", self)
	}
	j := &Judge{circle: circle{Record: rec}, st: state{Version: Version, Circle: rec.Circle, Record: rec.Hash(), Self: self, clock: clock{Wall: wall}, line: line{Boot: boot}}}
	for _, f := range rec.Former {
		j.addFormer(f)
	}
	j.addMembers()
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
	j := &Judge{circle: circle{Record: rec}}
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
	if err := j.st.fits(&j.circle); err != nil {
		return nil, err
	}
	if j.st.line.start(boot) {
		j.changed()
	}
	return j, nil
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
	s.clock.tick(wall, awake)
	s.freeze.tick(s.Now)
	if s.line.silent(s.Now) {
		j.notify(Notice{Step: StepUnheard, Slot: s.Self})
	}
	for i := range s.Peers {
		if j.circle.member(s.Peers[i].Slot) {
			j.tickPeer(&s.Peers[i])
		}
	}
}

// NextBeat returns this device's next beat, for the caller to sign: Holds says
// whether it has a share of the current epoch, unlocked whether the share can
// be used without a person, and presence how many seconds ago a person last
// proved presence, or [Never].
func (j *Judge) NextBeat(holds, unlocked bool, presence uint64) Beat {
	b := Beat{Version: Version, Circle: j.st.Circle, Slot: j.st.Self, Seq: j.st.line.next(), Boot: j.st.Boot,
		Epoch: j.circle.Epoch, Record: j.st.Record, Holds: holds, Wall: j.st.Wall, Unlocked: unlocked, PresenceAge: presence}
	for _, p := range j.st.Peers {
		if p.Seq > 0 && j.circle.member(p.Slot) {
			b.Seen = append(b.Seen, Seen{Slot: p.Slot, Seq: p.Seq})
		}
	}
	return b
}

// News reports whether a beat may tell this device something, before its signature
// was looked at: it is not of the past.
func (j *Judge) News(b Beat) bool {
	p := j.st.Peers.of(b.Slot)
	return b.Circle != j.st.Circle || p == nil || b.Seq > p.Seq
}

// Heard takes a beat that came from anywhere. It reports whether the beat was
// news. A beat of another circle, of an unknown device or with a wrong
// signature is an error, and changes nothing.
func (j *Judge) Heard(b Beat) (bool, error) {
	if b.Circle != j.st.Circle {
		return false, errors.New("recovery: beat of another circle")
	}
	id, ok := j.circle.identity(b.Slot)
	p := j.st.Peers.of(b.Slot)
	if !ok || p == nil {
		return false, fmt.Errorf("recovery: beat of device %d, which is unknown", b.Slot)
	}
	if err := b.Verify(id); err != nil {
		return false, err
	}
	if b.Seq <= p.Seq {
		return false, nil // a recording, or overtaken on its way
	}
	if p.started(b.Boot) {
		j.noteCopy(p.Slot)
	}
	if !j.circle.member(p.Slot) {
		p.Seq = b.Seq
		j.heardFormer(p)
		return true, nil
	}
	p.Rumour = j.st.Now
	j.noteSeen(p, b)
	p.Seq = b.Seq
	if p.accused() || p.State == Evicting && p.Due {
		return true, nil // the thief's device beats too
	}
	online := j.st.line.company(j.st.Now, reach(j.circle.Settings))
	for i := range j.st.Peers {
		if y := &j.st.Peers[i]; y != p {
			y.Online = add(y.Online, online)
		}
	}
	if b.Epoch < j.circle.Epoch || b.Epoch == j.circle.Epoch && b.Record != j.st.Record {
		// It is alive and does not know where the circle is. Soon it does, or
		// it is a copy of what it once was.
		return true, nil
	}
	j.alive(p, b.Epoch > j.circle.Epoch || b.Holds)
	return true, nil
}

// heardFormer tells the owner that a former device is still there.
func (j *Judge) heardFormer(p *peer) {
	if !p.showsUp(j.st.Now) {
		return
	}
	step := StepReturned
	if p.State == Stolen {
		step = StepAlarm
	}
	j.notify(Notice{Step: step, Slot: p.Slot})
}

// noteSeen learns from a beat of p whom p hears.
func (j *Judge) noteSeen(p *peer, b Beat) {
	for _, s := range b.Seen {
		if s.Slot == j.st.Self {
			if s.Seq > p.seenOf(s.Slot) {
				j.st.line.trust(p.Slot)
			}
			j.echo(s.Seq)
			continue
		}
		x := j.st.Peers.of(s.Slot)
		if x == nil || !j.circle.member(x.Slot) {
			continue
		}
		if s.Seq > p.seenOf(s.Slot) && s.Seq >= x.Seq {
			x.Rumour = j.st.Now
		}
		// Who has heard it since does not suspect it any longer.
		x.refute(p.Slot, s.Seq)
	}
	p.sees(b.Seen)
}

// echo learns that another device has seen this device's beat seq.
func (j *Judge) echo(seq uint64) {
	forgotten, back := j.st.line.echo(seq, j.st.Now)
	if forgotten {
		j.noteCopy(j.st.Self)
	}
	if back {
		j.notify(Notice{Step: StepBack, Slot: j.st.Self})
	}
}

// SetRecord moves the judge to a newer epoch. What it thinks of a device that
// stays in stays as it is.
func (j *Judge) SetRecord(rec roster.Record) error {
	if rec.Circle != j.st.Circle {
		return errors.New("recovery: record of another circle")
	}
	if rec.Epoch < j.circle.Epoch {
		return fmt.Errorf("recovery: epoch %d after epoch %d", rec.Epoch, j.circle.Epoch)
	}
	if _, ok := rec.Device(j.st.Self); !ok {
		return fmt.Errorf("recovery: device %d is no longer in the circle", j.st.Self)
	}
	j.circle.Record, j.st.Record = rec, rec.Hash()
	for _, f := range rec.Former {
		if p := j.st.Peers.of(f.Slot); p == nil {
			j.addFormer(f)
		} else if !p.former() {
			j.removed(p, f)
		}
	}
	j.st.Peers = drop(j.st.Peers, func(p peer) bool {
		f, former := j.circle.former(p.Slot)
		return former && !j.circle.gone(f) || !former && !j.circle.member(p.Slot)
	})
	for i := range j.st.Peers {
		p := &j.st.Peers[i]
		if !j.circle.member(p.Slot) {
			continue
		}
		// Suspicions were about the epoch before.
		p.Claims = nil
		if p.State == Live && j.circle.begins(p.Slot) == Pending {
			j.enter(p, Pending)
		}
	}
	j.addMembers()
	j.recharge()
	j.changed()
	return nil
}

// removed turns a peer into a former device.
func (j *Judge) removed(p *peer, f roster.Former) {
	byPerson := p.Confirmed || f.Epoch == j.circle.Epoch && j.circle.Change.Kind != roster.Remove
	if f.State == roster.Silent && !byPerson {
		j.st.budget.spend(j.st.Now)
	}
	*p = peer{Slot: p.Slot, trace: p.known()}
	if f.State == roster.Stolen {
		j.enter(p, Stolen)
	} else {
		j.enter(p, Evicted)
	}
	j.notify(Notice{Step: StepRemoved, Slot: p.Slot})
}

// addMembers adds the devices of the circle that are not known yet.
func (j *Judge) addMembers() {
	for _, d := range j.circle.Devices {
		if d.Slot != j.st.Self && j.st.Peers.of(d.Slot) == nil {
			j.st.Peers.add(d.Slot, j.circle.begins(d.Slot), j.st.Now)
		}
	}
}

// addFormer adds a device that has left, unless it is back under another slot.
func (j *Judge) addFormer(f roster.Former) {
	s := Evicted
	if f.State == roster.Stolen {
		s = Stolen
	}
	if j.circle.gone(f) {
		j.st.Peers.add(f.Slot, s, j.st.Now)
	}
}

// enter changes the state of p.
func (j *Judge) enter(p *peer, s State) {
	p.State, p.Since = s, j.st.Now
	j.changed()
}
