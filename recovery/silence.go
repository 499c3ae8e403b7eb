package recovery

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/wire"
)

// tickPeer does what the passing of time asks for.
func (j *Judge) tickPeer(p *peer) {
	silent, set := sub(j.st.Clock, p.Heard), j.rec.Settings
	if (p.State == Live || p.State == Pending) && silent >= set.Quiet {
		j.enter(p, Quiet)
	}
	if p.State == Quiet && silent >= set.Suspect && p.Online >= set.SuspectOnline {
		j.enter(p, Suspect)
		j.notify(Notice{Step: StepSuspect, Slot: p.Slot, Seconds: silent})
	}
	if p.State == Suspect && j.covered(p, func(claim) bool { return true }) {
		j.enter(p, Grace)
		p.GraceAt = j.st.Clock
	}
	if p.State == Grace {
		j.countdown(p)
	}
	switch p.State {
	case Grace:
		if j.st.Clock >= p.NextTry && j.agree(p) && j.covered(p, func(c claim) bool { return c.Agree }) {
			j.evict(p)
		}
	case Vacation:
		if j.st.Clock >= p.Until {
			j.home(p)
		}
	case Frozen, Disputed:
		j.tickCharged(p)
	}
}

// covered reports whether this device and those others that are alive and
// claim what is asked suffice to remove p.
func (j *Judge) covered(p *peer, asked func(claim) bool) bool {
	n := 1
	for _, c := range p.Claims {
		if y := j.peer(c.By); y != nil && y.State == Live && asked(c) {
			n++
		}
	}
	return n >= j.rec.Quorum()
}

// countdown shows what is left: when it begins, and three days and one day
// before it ends.
func (j *Judge) countdown(p *peer) {
	left := sub(j.deadline(p), j.st.Clock)
	tell := p.Told == 0
	for _, mark := range []uint64{3 * day, day} {
		tell = tell || left <= mark && p.Told > mark
	}
	if tell && left > 0 {
		p.Told = left
		j.notify(Notice{Step: StepGrace, Slot: p.Slot, Seconds: left})
	}
}

// deadline returns when the countdown for p alone ends, as things are now.
func (j *Judge) deadline(p *peer) uint64 {
	return add(p.GraceAt, add(j.grace([]wire.Slot{p.Slot}), p.Vetoes*Objection))
}

// evict begins the removal. Devices begin one after the other, so that they do
// not all propose at once.
func (j *Judge) evict(p *peer) {
	var rank uint64
	for _, d := range j.rec.Devices {
		if d.Slot < j.st.Self && d.Slot != p.Slot {
			if y := j.peer(d.Slot); y != nil && y.State == Live {
				rank++
			}
		}
	}
	j.enter(p, Evicting)
	p.NextTry = add(j.st.Clock, rank*min(30, j.rec.Settings.Grace/8))
	j.notify(Notice{Step: StepEvicting, Slot: p.Slot})
}

// alive ends every doubt that silence has raised about p.
func (j *Judge) alive(p *peer, holds bool) {
	if sub(j.st.Clock, p.Heard) > j.rec.Settings.Quiet/8 {
		// Were this forgotten, old silence would count again.
		j.changed()
	}
	p.Heard, p.Online = j.st.Clock, 0
	switch p.State {
	case Vacation:
		return // it may leave later
	case Suspect, Grace, Evicting:
		j.notify(Notice{Step: StepBack, Slot: p.Slot})
	}
	j.clear(p)
	want := Live
	if !holds {
		want = Pending
	}
	if p.State != want {
		j.enter(p, want)
	}
}

// clear forgets the case against p.
func (j *Judge) clear(p *peer) {
	p.Claims, p.GraceAt, p.Told, p.Vetoes, p.Confirmed = nil, 0, 0, 0, false
	p.Due, p.Tries, p.NextTry, p.Until = false, 0, 0, 0
}

// home ends a vacation. Silence counts from now; but a device that was not
// heard of must be before it can be announced away again.
func (j *Judge) home(p *peer) {
	j.clear(p)
	next := Quiet
	if sub(j.st.Clock, p.Heard) < j.rec.Settings.Quiet {
		next = Live
	}
	p.Heard, p.Online = j.st.Clock, 0
	j.enter(p, next)
	j.notify(Notice{Step: StepHome, Slot: p.Slot})
}

// Suspected takes another device's suspicion that came from anywhere. One of
// another epoch or older than what is known changes nothing. One that the
// settings do not allow is an error.
func (j *Judge) Suspected(s Suspicion) error {
	if s.Circle != j.st.Circle {
		return errors.New("recovery: suspicion of another circle")
	}
	d, ok := j.rec.Device(s.By)
	if !ok || s.By == j.st.Self {
		return fmt.Errorf("recovery: suspicion of device %d, which is no other member", s.By)
	}
	if err := s.Verify(d.Identity); err != nil {
		return err
	}
	if s.Record != j.st.Record {
		return nil
	}
	if s.Silent < j.rec.Settings.Suspect {
		return fmt.Errorf("recovery: device %d suspects after %d seconds, and %d are the rule", s.By, s.Silent, j.rec.Settings.Suspect)
	}
	if s.About == j.st.Self {
		if !slices.Contains(j.st.Doubts, s.By) && s.Last >= j.peer(s.By).seenOf(j.st.Self) {
			j.st.Doubts = append(j.st.Doubts, s.By)
			j.notify(Notice{Step: StepDoubted, Slot: j.st.Self, By: s.By, Seconds: s.Silent})
		}
		return nil
	}
	p := j.peer(s.About)
	if p == nil || !j.member(s.About) {
		return fmt.Errorf("recovery: suspicion of device %d, which is no member", s.About)
	}
	if j.peer(s.By).seenOf(s.About) > s.Last {
		return nil // it has heard the device since
	}
	i, found := slices.BinarySearchFunc(p.Claims, s.By, func(c claim, by wire.Slot) int { return int(c.By) - int(by) })
	c := claim{By: s.By, Last: s.Last, Beat: s.Beat, Agree: s.Agree}
	switch {
	case !found:
		p.Claims = slices.Insert(p.Claims, i, c)
	case c.Beat >= p.Claims[i].Beat:
		p.Claims[i] = c
	}
	return nil
}

// Suspicions returns what this device has to say about others that are silent,
// for the caller to sign and to send along with each beat.
func (j *Judge) Suspicions() []Suspicion {
	var out []Suspicion
	for i := range j.st.Peers {
		p := &j.st.Peers[i]
		if p.State != Suspect && p.State != Grace && (p.State != Evicting || p.Due) {
			continue
		}
		out = append(out, Suspicion{Version: Version, Circle: j.st.Circle, Record: j.st.Record, By: j.st.Self, About: p.Slot,
			Last: p.Seq, Beat: j.st.Seq, Silent: sub(j.st.Clock, p.Heard), Agree: j.agree(p)})
	}
	return out
}

// Vacation announces that the device in slot will be away for so many seconds.
// It is a period and not a date, so that no clock has to be right. Only a
// device that is heard of can be announced away, by its own person or from one
// other device; zero seconds end a vacation.
func (j *Judge) Vacation(w Word, slot wire.Slot, seconds uint64) error {
	if j.handled(w) {
		return nil
	}
	if err := j.MayVacation(w.By, slot, seconds); err != nil || slot == j.st.Self {
		return err // of this device, the others are the ones to think
	}
	j.take(w)
	p := j.peer(slot)
	p.Until = add(j.st.Clock, seconds)
	if p.State == Live {
		j.enter(p, Vacation)
	}
	j.notify(Notice{Step: StepVacation, Slot: slot, By: w.By, Seconds: seconds})
	return nil
}

// MayVacation says why a person on the device in by cannot announce the one in
// slot away now, or returns nil.
func (j *Judge) MayVacation(by, slot wire.Slot, seconds uint64) error {
	if seconds > MaxVacation {
		return fmt.Errorf("recovery: a vacation of %s; the longest is %s", span(seconds), span(MaxVacation))
	}
	if slot == j.st.Self {
		return nil
	}
	p, err := j.about(by, slot)
	if err != nil {
		return err
	}
	if p.State != Live && (p.State != Vacation || add(j.st.Clock, seconds) >= p.Until) {
		return fmt.Errorf("recovery: %s is %v; only a device that is live can be announced away", j.name(slot), p.State)
	}
	return nil
}

// Veto objects to the removal of a silent device: the countdown takes 30 days
// longer. Two objections are heard and no more, for one device must not be
// able to keep another in for ever.
func (j *Judge) Veto(w Word, slot wire.Slot) error {
	if j.handled(w) || slot == j.st.Self {
		return nil
	}
	if err := j.MayVeto(w.By, slot); err != nil {
		return err
	}
	j.take(w)
	p := j.peer(slot)
	p.Vetoes++
	p.Confirmed = false
	if p.State == Evicting {
		j.enter(p, Grace)
	}
	if p.Told > 0 {
		p.Told = sub(j.deadline(p), j.st.Clock)
	}
	j.changed()
	j.notify(Notice{Step: StepVeto, Slot: slot, By: w.By, Seconds: Objection})
	return nil
}

// MayVeto says why a person on the device in by cannot object to the removal of
// the one in slot now, or returns nil.
func (j *Judge) MayVeto(by, slot wire.Slot) error {
	if by == slot {
		return fmt.Errorf("recovery: %s cannot object to its own removal; it need only be heard", j.name(slot))
	}
	p, err := j.about(by, slot)
	switch {
	case err != nil:
		return err
	case p.State != Suspect && p.State != Grace && (p.State != Evicting || p.Due):
		return fmt.Errorf("recovery: %s is %v; there is no removal to object to", j.name(slot), p.State)
	case p.Vetoes >= maxVetoes:
		return fmt.Errorf("recovery: there were two objections to the removal of %s already", j.name(slot))
	}
	return nil
}

// Confirmed reports whether a person has agreed to the removal of the silent
// device in slot.
func (j *Judge) Confirmed(slot wire.Slot) bool {
	p := j.peer(slot)
	return p != nil && p.Confirmed
}

// Confirm is a person's agreement to the removal of a silent device once its
// countdown is over. Then the removal needs no budget, and may leave no spare
// device even where the settings say to ask.
func (j *Judge) Confirm(w Word, slot wire.Slot) error {
	if j.handled(w) || slot == j.st.Self {
		return nil
	}
	p, err := j.about(w.By, slot)
	if err != nil {
		return err
	}
	if w.By == slot || p.State != Suspect && p.State != Grace && (p.State != Evicting || p.Due) {
		return fmt.Errorf("recovery: %s is %v; there is no removal to agree to", j.name(slot), p.State)
	}
	j.take(w)
	p.Confirmed = true
	j.changed()
	return nil
}
