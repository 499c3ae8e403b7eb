package recovery

import (
	"errors"
	"fmt"
	"slices"

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

// words are those that have taken effect, oldest first: the latest 64.
type words []Word

func (ws words) has(w Word) bool { return slices.Contains(ws, w) }

func (ws *words) add(w Word) {
	*ws = append(*ws, w)
	if n := len(*ws); n > maxWords {
		*ws = slices.Delete(*ws, 0, n-maxWords)
	}
}

// take notes that w takes effect now.
func (j *Judge) take(w Word) {
	j.st.Words.add(w)
	j.changed()
}

// speaks reports whether the word of a person on that device counts.
func (j *Judge) speaks(by wire.Slot) error {
	if !j.circle.member(by) {
		return fmt.Errorf("recovery: device %d is not in the circle and has no say", by)
	}
	if p := j.st.Peers.of(by); p != nil && p.Due {
		return fmt.Errorf("recovery: %s is being removed as lost and has no say", j.circle.name(by))
	}
	return nil
}

// about returns the other member that a person on by has said something of.
func (j *Judge) about(by, slot wire.Slot) (*peer, error) {
	if err := j.speaks(by); err != nil {
		return nil, err
	}
	if p := j.st.Peers.of(by); p != nil && p.State == Frozen {
		return nil, fmt.Errorf("recovery: %s is frozen; it can only say that another device is lost", j.circle.name(by))
	}
	if p := j.st.Peers.of(slot); p != nil && j.circle.member(slot) {
		return p, nil
	}
	return nil, fmt.Errorf("recovery: device %d is not in the circle", slot)
}

// Lost says that a device is lost. It is frozen at once, and so is the whole
// circle. It is removed once enough people have confirmed it, or after 24
// hours in which nobody heard it. If the accused accuses an accuser, both are
// disputed, and only threshold approvals decide.
func (j *Judge) Lost(w Word, slot wire.Slot) error {
	switch {
	case j.st.Words.has(w):
		return nil
	case w.By == slot:
		return errors.New("recovery: a device cannot report itself lost; it can leave")
	case !j.circle.member(slot):
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
	if j.st.Words.has(w) {
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
	return j.st.Words.has(w) && !j.st.freeze.said(w.By, about)
}

// Muted reports whether a freeze that a person on by wants does not count before
// one on a second device wants it, too.
func (j *Judge) Muted(by wire.Slot) bool { return j.st.freeze.stands(by, 0, true) }

func (j *Judge) charge(by, about wire.Slot) {
	switch fresh, muted := j.st.freeze.charge(by, about, j.st.Now); {
	case !fresh:
	case muted:
		j.notify(Notice{Step: StepMuted, Slot: about, By: by})
	default:
		j.notify(Notice{Step: StepFrozen, Slot: about, By: by})
		j.recharge()
	}
}

// recharge brings the states of the accused in line with who accuses whom.
func (j *Judge) recharge() {
	j.st.freeze.keep(j.circle.member)
	for i := range j.st.Peers {
		if p := &j.st.Peers[i]; j.circle.member(p.Slot) && !p.Due && len(j.st.freeze.accusers(p.Slot)) >= j.circle.Threshold {
			j.due(p)
		}
	}
	for i := range j.st.Peers {
		p := &j.st.Peers[i]
		if !j.circle.member(p.Slot) || p.Due {
			continue
		}
		by := j.st.freeze.accusers(p.Slot)
		switch {
		case len(by) == 0 && p.accused():
			j.found(p)
		case len(by) == 0:
		case j.st.freeze.mutual(p.Slot):
			if p.State != Disputed {
				p.dossier = dossier{}
				j.enter(p, Disputed)
				j.notify(Notice{Step: StepDisputed, Slot: p.Slot, By: by[0]})
			}
		case p.State != Frozen:
			p.dossier = dossier{}
			j.enter(p, Frozen)
		}
	}
}

// due decides that what persons said is enough to remove p. From here on its
// own person has no say.
func (j *Judge) due(p *peer) {
	p.dossier = dossier{}
	p.Due = true
	j.st.freeze.strike(p.Slot)
	j.evict(p)
}

// found ends every charge against p.
func (j *Judge) found(p *peer) {
	p.dossier = dossier{}
	p.renew(j.st.Now)
	j.enter(p, Live)
}

// tickCharged removes an accused device on the word of one person, once nobody
// has heard it for long enough.
func (j *Judge) tickCharged(p *peer) {
	if p.Due {
		if j.st.Now >= p.NextTry {
			j.enter(p, Evicting)
		}
		return
	}
	// Of several accusers the first one's word is the one that counts.
	since := max(p.Rumour, j.st.freeze.firstAt(p.Slot))
	if p.State == Frozen && j.st.clock.since(since) >= Alone {
		j.due(p)
	}
}

// Thaw takes back what froze the circle. Threshold approvals end every
// freeze and every charge; then those who froze cannot do so again alone for
// 24 hours. One person can take back what was said on the same device, once it
// was 24 hours ago.
func (j *Judge) Thaw(w Word) error {
	if j.st.Words.has(w) {
		return nil
	}
	if err := j.speaks(w.By); err != nil {
		return err
	}
	if frozen, _ := j.Frozen(); !frozen {
		return errors.New("recovery: the circle is not frozen")
	}
	j.take(w)
	j.st.freeze.takeBack(w.By, j.st.Now)
	// A device that stands accused, and does not accuse in turn, does not
	// help to acquit itself.
	if p := j.st.Peers.of(w.By); p == nil || p.State != Frozen {
		j.st.freeze.want(w.By)
	}
	if len(j.st.Thaws) >= j.circle.Threshold {
		j.st.freeze.thaw(j.st.Now)
		for i := range j.st.Peers {
			if p := &j.st.Peers[i]; p.Due {
				j.found(p)
			}
		}
	}
	j.recharge()
	if frozen, _ := j.Frozen(); !frozen {
		j.st.Thaws = nil
		j.notify(Notice{Step: StepThawed, By: w.By})
	}
	return nil
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
			return true, fmt.Sprintf("%s stands accused by a device that it accuses; %d of your devices must decide", j.circle.name(p.Slot), j.circle.Threshold)
		case p.Due && j.circle.member(p.Slot):
			return true, fmt.Sprintf("%s was reported lost and is being removed", j.circle.name(p.Slot))
		case p.State == Frozen:
			return true, fmt.Sprintf("%s was reported lost on %s", j.circle.name(p.Slot), j.circle.names(j.st.freeze.accusers(p.Slot)))
		}
	}
	if by := j.st.freeze.accusers(j.st.Self); len(by) > 0 {
		return true, fmt.Sprintf("this device was reported lost on %s", j.circle.names(by))
	}
	if by := j.st.freeze.accusers(0); len(by) > 0 {
		return true, fmt.Sprintf("the circle was frozen on %s", j.circle.names(by))
	}
	return false, ""
}

// Banned reports whether this device must not sign together with the one in
// slot, in any epoch.
func (j *Judge) Banned(slot wire.Slot) bool {
	p := j.st.Peers.of(slot)
	return p == nil && slot != j.st.Self || p != nil &&
		(p.former() || p.accused() || p.State == Evicting)
}
