package recovery

import (
	"errors"
	"fmt"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Word is what a person said on one device. The caller has verified that the
// person was present there. ID names the request that carries it, so that it
// counts once however often it arrives.
type Word struct {
	_ struct{} `cbor:",toarray"`

	ID wire.RequestID
	By wire.Slot
}

// handled reports whether w has taken effect already.
func (j *Judge) handled(w Word) bool { return slices.Contains(j.st.Words, w) }

func (j *Judge) take(w Word) {
	j.st.Words = append(j.st.Words, w)
	if n := len(j.st.Words); n > maxWords {
		j.st.Words = slices.Delete(j.st.Words, 0, n-maxWords)
	}
	j.changed()
}

// speaks reports whether the word of a person on that device counts.
func (j *Judge) speaks(by wire.Slot) error {
	if !j.member(by) {
		return fmt.Errorf("recovery: device %d is not in the circle and has no say", by)
	}
	if p := j.peer(by); p != nil && p.Due {
		return fmt.Errorf("recovery: %s is being removed as lost and has no say", j.name(by))
	}
	return nil
}

// about returns the other member that a person on by has said something of.
func (j *Judge) about(by, slot wire.Slot) (*peer, error) {
	if err := j.speaks(by); err != nil {
		return nil, err
	}
	if p := j.peer(by); p != nil && p.State == Frozen {
		return nil, fmt.Errorf("recovery: %s is frozen; it can only say that another device is lost", j.name(by))
	}
	if p := j.peer(slot); p != nil && j.member(slot) {
		return p, nil
	}
	return nil, fmt.Errorf("recovery: device %d is not in the circle", slot)
}

// Lost says that a device is lost. It is frozen at once, and so is the whole
// circle. It is removed as soon as as many persons have said so as sign, or
// after 24 hours in which nobody heard it. If the accused accuses an accuser,
// both are disputed, and only as many persons as sign can decide.
func (j *Judge) Lost(w Word, slot wire.Slot) error {
	switch {
	case j.handled(w):
		return nil
	case w.By == slot:
		return errors.New("recovery: a device cannot report itself lost; it can leave")
	case !j.member(slot):
		return fmt.Errorf("recovery: device %d is not in the circle", slot)
	}
	if err := j.speaks(w.By); err != nil {
		return err
	}
	j.take(w)
	j.charge(w.By, slot)
	return nil
}

// Freeze stops the circle until it is thawed.
func (j *Judge) Freeze(w Word) error {
	if j.handled(w) {
		return nil
	}
	if err := j.speaks(w.By); err != nil {
		return err
	}
	j.take(w)
	j.charge(w.By, 0)
	return nil
}

// TakenBack reports whether w was heard here and nothing is left of what it said
// about a device, or about the whole circle if about is 0: persons thawed, or a
// word that did not count was forgotten.
func (j *Judge) TakenBack(w Word, about wire.Slot) bool {
	return j.handled(w) && !slices.ContainsFunc(j.st.Charges, func(c charge) bool { return c.By == w.By && c.About == about })
}

// Muted reports whether a freeze that a person on by wants does not count before
// one on a second device wants it, too.
func (j *Judge) Muted(by wire.Slot) bool {
	return slices.ContainsFunc(j.st.Charges, func(c charge) bool { return c.By == by && c.About == 0 && c.Muted })
}

func (j *Judge) charge(by, about wire.Slot) {
	if slices.ContainsFunc(j.st.Charges, func(c charge) bool { return c.By == by && c.About == about }) {
		return
	}
	muted := slices.ContainsFunc(j.st.Mutes, func(m mute) bool { return m.By == by })
	for i := range j.st.Charges {
		if c := &j.st.Charges[i]; c.About == about {
			c.Muted, muted = false, false // joined by a second device
		}
	}
	j.st.Charges = append(j.st.Charges, charge{About: about, By: by, At: j.st.Clock, Muted: muted})
	if muted {
		j.notify(Notice{Step: StepMuted, Slot: about, By: by})
		return
	}
	// Who wanted an end of the freeze did not know of this.
	j.st.Thaws = nil
	j.notify(Notice{Step: StepFrozen, Slot: about, By: by})
	j.recharge()
}

// accusers returns who says that a device is lost, or that all must stop.
func (j *Judge) accusers(about wire.Slot) (by []wire.Slot) {
	for _, c := range j.st.Charges {
		if c.About == about && !c.Muted {
			by = append(by, c.By)
		}
	}
	return by
}

// recharge brings the states of the accused in line with who accuses whom.
func (j *Judge) recharge() {
	// Those that left neither accuse nor are accused.
	j.st.Charges = drop(j.st.Charges, func(c charge) bool { return !j.member(c.By) || c.About != 0 && !j.member(c.About) })
	j.st.Thaws = drop(j.st.Thaws, func(s wire.Slot) bool { return !j.member(s) })
	for i := range j.st.Peers {
		if p := &j.st.Peers[i]; j.member(p.Slot) && !p.Due && len(j.accusers(p.Slot)) >= j.rec.Threshold {
			j.due(p)
		}
	}
	for i := range j.st.Peers {
		p := &j.st.Peers[i]
		if !j.member(p.Slot) || p.Due {
			continue
		}
		by := j.accusers(p.Slot)
		frozen := p.State == Frozen || p.State == Disputed
		switch {
		case len(by) == 0 && frozen:
			j.found(p)
		case len(by) == 0:
		case slices.ContainsFunc(by, func(d wire.Slot) bool { return slices.Contains(j.accusers(d), p.Slot) }):
			if p.State != Disputed {
				j.clear(p)
				j.enter(p, Disputed)
				j.notify(Notice{Step: StepDisputed, Slot: p.Slot, By: by[0]})
			}
		case p.State != Frozen:
			j.clear(p)
			j.enter(p, Frozen)
		}
	}
}

// due decides that what persons said is enough to remove p. From here on its
// own person has no say.
func (j *Judge) due(p *peer) {
	j.clear(p)
	p.Due = true
	j.st.Charges = drop(j.st.Charges, func(c charge) bool { return c.By == p.Slot })
	j.evict(p)
}

// found ends every charge against p.
func (j *Judge) found(p *peer) {
	j.clear(p)
	p.Heard, p.Online = j.st.Clock, 0
	j.enter(p, Live)
}

// tickCharged removes an accused device on the word of one person, once nobody
// has heard it for long enough.
func (j *Judge) tickCharged(p *peer) {
	if p.Due {
		if j.st.Clock >= p.NextTry {
			j.enter(p, Evicting)
		}
		return
	}
	since := p.Rumour
	for _, c := range j.st.Charges {
		if c.About == p.Slot {
			since = max(since, c.At)
			break // the first accuser's word is the one that counts
		}
	}
	if p.State == Frozen && sub(j.st.Clock, since) >= Alone {
		j.due(p)
	}
}

// Thaw takes back what froze the circle. As many persons as sign end every
// freeze and every charge; then those who froze cannot do so again alone for
// 24 hours. One person can take back what was said on the same device, once it
// was 24 hours ago.
func (j *Judge) Thaw(w Word) error {
	if j.handled(w) {
		return nil
	}
	if err := j.speaks(w.By); err != nil {
		return err
	}
	if frozen, _ := j.Frozen(); !frozen {
		return errors.New("recovery: the circle is not frozen")
	}
	j.take(w)
	j.st.Charges = drop(j.st.Charges, func(c charge) bool { return c.By == w.By && sub(j.st.Clock, c.At) >= Alone })
	// A device that stands accused, and does not accuse in turn, does not
	// help to acquit itself.
	if p := j.peer(w.By); (p == nil || p.State != Frozen) && !slices.Contains(j.st.Thaws, w.By) {
		j.st.Thaws = append(j.st.Thaws, w.By)
	}
	if len(j.st.Thaws) >= j.rec.Threshold {
		j.thaw()
	}
	j.recharge()
	if frozen, _ := j.Frozen(); !frozen {
		j.st.Thaws = nil
		j.notify(Notice{Step: StepThawed, By: w.By})
	}
	return nil
}

func (j *Judge) thaw() {
	for _, c := range j.st.Charges {
		j.st.Mutes = drop(j.st.Mutes, func(m mute) bool { return m.By == c.By })
		j.st.Mutes = append(j.st.Mutes, mute{By: c.By, Until: add(j.st.Clock, Alone)})
	}
	j.st.Charges, j.st.Thaws = nil, nil
	for i := range j.st.Peers {
		if p := &j.st.Peers[i]; p.Due {
			j.found(p)
		}
	}
}

// tickMutes forgets mutes that are over, and with them what was said alone
// meanwhile: whoever still means it says it again.
func (j *Judge) tickMutes() {
	for _, m := range j.st.Mutes {
		if j.st.Clock >= m.Until {
			j.st.Charges = drop(j.st.Charges, func(c charge) bool { return c.By == m.By && c.Muted })
		}
	}
	j.st.Mutes = drop(j.st.Mutes, func(m mute) bool { return j.st.Clock >= m.Until })
}

// Frozen reports whether this device must sign nothing, loosen nothing and add
// nobody, and why.
func (j *Judge) Frozen() (bool, string) { return j.FrozenBeside() }

// FrozenBeside is Frozen but for what was said about these devices, as long as
// they do not say the same of who said it: whether a re-deal that takes them out
// may let somebody in at the same time.
func (j *Judge) FrozenBeside(slots ...wire.Slot) (bool, string) {
	for _, p := range j.st.Peers {
		switch {
		case p.State != Disputed && slices.Contains(slots, p.Slot):
		case p.State == Disputed:
			return true, fmt.Sprintf("%s stands accused by a device that it accuses; %d of your devices must decide", j.name(p.Slot), j.rec.Threshold)
		case p.Due && j.member(p.Slot):
			return true, fmt.Sprintf("%s was reported lost and is being removed", j.name(p.Slot))
		case p.State == Frozen:
			return true, fmt.Sprintf("%s was reported lost on %s", j.name(p.Slot), j.names(j.accusers(p.Slot)))
		}
	}
	if by := j.accusers(j.st.Self); len(by) > 0 {
		return true, fmt.Sprintf("this device was reported lost on %s", j.names(by))
	}
	if by := j.accusers(0); len(by) > 0 {
		return true, fmt.Sprintf("the circle was frozen on %s", j.names(by))
	}
	return false, ""
}

// Banned reports whether this device must not sign together with the one in
// slot, in any epoch.
func (j *Judge) Banned(slot wire.Slot) bool {
	p := j.peer(slot)
	return p == nil && slot != j.st.Self || p != nil &&
		(p.former() || p.State == Frozen || p.State == Disputed || p.State == Evicting)
}

// heardFormer notes that a former device is still there.
func (j *Judge) heardFormer(p *peer) {
	step := StepReturned
	if p.State == Stolen {
		step = StepAlarm
	}
	// Once a day is enough to know it.
	if p.Told == 0 || sub(j.st.Clock, p.Rumour) >= day {
		p.Told, p.Rumour = 1, j.st.Clock
		j.notify(Notice{Step: step, Slot: p.Slot})
	}
}

// left reports whether a former device was taken out by its own person.
func (j *Judge) left(slot wire.Slot) bool {
	f, _ := j.former(slot)
	return f.State == roster.Left
}
