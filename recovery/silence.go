package recovery

import (
	"errors"
	"fmt"

	"github.com/warifu/warifu/wire"
)

// tickPeer does what the passing of time asks for.
func (j *Judge) tickPeer(p *peer) {
	silent, set := j.st.clock.since(p.Heard), j.circle.Settings
	if (p.State == Live || p.State == Pending) && silent >= set.Quiet {
		j.enter(p, Quiet)
	}
	if p.State == Quiet && silent >= set.Suspect && p.Online >= set.SuspectOnline {
		j.enter(p, Suspect)
		j.notify(Notice{Step: StepSuspect, Slot: p.Slot, Seconds: silent})
	}
	if p.State == Suspect && j.removals().covered(p, func(claim) bool { return true }) {
		j.enter(p, Grace)
		p.GraceAt = j.st.Now
	}
	if p.State == Grace {
		if left := j.st.clock.until(j.removals().deadline(p)); p.tell(left) {
			j.notify(Notice{Step: StepGrace, Slot: p.Slot, Seconds: left})
		}
	}
	switch p.State {
	case Grace:
		if j.st.Now >= p.NextTry && j.removals().agree(p) && j.removals().covered(p, func(c claim) bool { return c.Agree }) {
			j.evict(p)
		}
	case Vacation:
		if j.st.Now >= p.Until {
			j.home(p)
		}
	case Frozen, Disputed:
		j.tickCharged(p)
	}
}

// evict begins the removal.
func (j *Judge) evict(p *peer) {
	j.enter(p, Evicting)
	p.NextTry = j.st.clock.after(j.removals().turn(p))
	j.notify(Notice{Step: StepEvicting, Slot: p.Slot})
}

// alive ends every doubt that silence has raised about p.
func (j *Judge) alive(p *peer, holds bool) {
	if j.st.clock.since(p.Heard) > j.circle.Settings.Quiet/8 {
		// Were this forgotten, old silence would count again.
		j.changed()
	}
	p.renew(j.st.Now)
	switch p.State {
	case Vacation:
		return // it may leave later
	case Suspect, Grace, Evicting:
		j.notify(Notice{Step: StepBack, Slot: p.Slot})
	}
	p.dossier = dossier{}
	want := Live
	if !holds {
		want = Pending
	}
	if p.State != want {
		j.enter(p, want)
	}
}

// home ends a vacation. Silence counts from now; but a device that was not
// heard of must be before it can be announced away again.
func (j *Judge) home(p *peer) {
	p.dossier = dossier{}
	next := Quiet
	if j.st.clock.since(p.Heard) < j.circle.Settings.Quiet {
		next = Live
	}
	p.renew(j.st.Now)
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
	d, ok := j.circle.Device(s.By)
	if !ok || s.By == j.st.Self {
		return fmt.Errorf("recovery: suspicion of device %d, which is no other member", s.By)
	}
	if err := s.Verify(d.Identity); err != nil {
		return err
	}
	if s.Record != j.st.Record {
		return nil
	}
	if s.Silent < j.circle.Settings.Suspect {
		return fmt.Errorf("recovery: device %d suspects after %d seconds, and %d are the rule", s.By, s.Silent, j.circle.Settings.Suspect)
	}
	if s.About == j.st.Self {
		if s.Last >= j.st.Peers.of(s.By).seenOf(j.st.Self) && j.st.line.doubt(s.By) {
			j.notify(Notice{Step: StepDoubted, Slot: j.st.Self, By: s.By, Seconds: s.Silent})
		}
		return nil
	}
	p := j.st.Peers.of(s.About)
	if p == nil || !j.circle.member(s.About) {
		return fmt.Errorf("recovery: suspicion of device %d, which is no member", s.About)
	}
	if j.st.Peers.of(s.By).seenOf(s.About) > s.Last {
		return nil // it has heard the device since
	}
	p.claim(claim{By: s.By, Last: s.Last, Beat: s.Beat, Agree: s.Agree})
	return nil
}

// Suspicions returns what this device has to say about others that are silent,
// for the caller to sign and to send along with each beat.
func (j *Judge) Suspicions() []Suspicion {
	var out []Suspicion
	for i := range j.st.Peers {
		p := &j.st.Peers[i]
		if !p.leaving() {
			continue
		}
		out = append(out, Suspicion{Version: Version, Circle: j.st.Circle, Record: j.st.Record, By: j.st.Self, About: p.Slot,
			Last: p.Seq, Beat: j.st.Seq, Silent: j.st.clock.since(p.Heard), Agree: j.removals().agree(p)})
	}
	return out
}

// Vacation announces that the device in slot will be away for so many seconds.
// It is a period and not a date, so that no clock has to be right. Only a
// device that is heard of can be announced away, by its own person or from one
// other device; zero seconds end a vacation.
func (j *Judge) Vacation(w Word, slot wire.Slot, seconds uint64) error {
	if j.st.Words.has(w) {
		return nil
	}
	if err := j.MayVacation(w.By, slot, seconds); err != nil || slot == j.st.Self {
		return err // of this device, the others are the ones to think
	}
	j.take(w)
	p := j.st.Peers.of(slot)
	p.Until = j.st.clock.after(seconds)
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
	if p.State != Live && (p.State != Vacation || j.st.clock.after(seconds) >= p.Until) {
		return fmt.Errorf("recovery: %s is %v; only a device that is live can be announced away", j.circle.name(slot), p.State)
	}
	return nil
}

// Veto objects to the removal of a silent device: the countdown takes 30 days
// longer. Two objections are heard and no more, for one device must not be
// able to keep another in for ever.
func (j *Judge) Veto(w Word, slot wire.Slot) error {
	if j.st.Words.has(w) || slot == j.st.Self {
		return nil
	}
	if err := j.MayVeto(w.By, slot); err != nil {
		return err
	}
	j.take(w)
	p := j.st.Peers.of(slot)
	p.object()
	if p.State == Evicting {
		j.enter(p, Grace)
	}
	if p.Told > 0 {
		p.Told = j.st.clock.until(j.removals().deadline(p))
	}
	j.changed()
	j.notify(Notice{Step: StepVeto, Slot: slot, By: w.By, Seconds: Objection})
	return nil
}

// MayVeto says why a person on the device in by cannot object to the removal of
// the one in slot now, or returns nil.
func (j *Judge) MayVeto(by, slot wire.Slot) error {
	if by == slot {
		return fmt.Errorf("recovery: %s cannot object to its own removal; it need only be heard", j.circle.name(slot))
	}
	p, err := j.about(by, slot)
	switch {
	case err != nil:
		return err
	case !p.leaving():
		return fmt.Errorf("recovery: %s is %v; there is no removal to object to", j.circle.name(slot), p.State)
	case p.Vetoes >= maxVetoes:
		return fmt.Errorf("recovery: there were two objections to the removal of %s already", j.circle.name(slot))
	}
	return nil
}

// Confirmed reports whether a person has agreed to the removal of the silent
// device in slot.
func (j *Judge) Confirmed(slot wire.Slot) bool {
	p := j.st.Peers.of(slot)
	return p != nil && p.Confirmed
}

// Confirm is a person's agreement to the removal of a silent device once its
// countdown is over. Then the removal needs no budget, and may leave no spare
// device even where the settings say to ask.
func (j *Judge) Confirm(w Word, slot wire.Slot) error {
	if j.st.Words.has(w) || slot == j.st.Self {
		return nil
	}
	p, err := j.about(w.By, slot)
	if err != nil {
		return err
	}
	if w.By == slot || !p.leaving() {
		return fmt.Errorf("recovery: %s is %v; there is no removal to agree to", j.circle.name(slot), p.State)
	}
	j.take(w)
	p.Confirmed = true
	j.changed()
	return nil
}
