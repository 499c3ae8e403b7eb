package change

import (
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Change is what a request asks for.
type Change struct {
	Kind
	Payload
	Newcomer *roster.Card // who comes in; nil if nobody does, or nobody has shown its card yet

	rule rule
}

// New returns the change of that kind with that payload, unchecked.
func New(kind Kind, p Payload) *Change { return &Change{Kind: kind, Payload: p, rule: kind.rule()} }

// ReadCard reads the card of who comes in, if somebody does. A change whose card
// is none counts as one, and nothing comes of it.
func (ch *Change) ReadCard() error {
	if ch.rule.fields&Card == 0 {
		return nil
	}
	card, err := roster.ParseCard(ch.Card)
	if err != nil {
		return err
	}
	ch.Newcomer = &card
	return nil
}

// Unknown reports whether ch is about a device that is not known: subject, its
// slot, is 0 then.
func (ch *Change) Unknown(subject wire.Slot) bool { return ch.Slot != 0 && subject == 0 }

// Counts reports whether the yes of the person on by counts. Where a person calls
// a device lost, that device's own does not.
func (ch *Change) Counts(by, subject wire.Slot) bool {
	return ch.rule.consent != OfJudge || by != subject
}

// Granted reports whether enough persons agree.
func (ch *Change) Granted(f Facts) bool {
	if ch.Unknown(f.Subject()) {
		return false
	}
	by := f.Present()
	switch ch.rule.consent {
	case OfAsker:
		return slices.Contains(by, f.Asker())
	case OfJudge:
		return len(by) > 0 && f.MayRemove(f.Subject(), ch.rule.as)
	}
	return len(by) >= f.Record().Threshold
}

// Deniable reports whether a denial of the person on the device in slot closes
// the request. Who asked may always take it back. It takes threshold approvals
// to call a device lost and to thaw, and those who do not agree need not say so.
// A device that is called lost, or that is to be replaced, has no say in who is
// in the circle.
func (ch *Change) Deniable(slot wire.Slot, f Facts) bool {
	return slot == f.Asker() || ch.rule.deniable && slot != f.Subject() && !f.Accused(slot)
}

// A Redeal is what a re-deal must bring about: at most one device goes, and at
// most one comes in.
type Redeal struct {
	Kind  roster.ChangeKind
	Goes  wire.Slot          // if As is not 0
	As    roster.FormerState // how it goes
	Comes *roster.Card
}

// Redeal returns what the re-deal must bring about that ch asks for. A kind that
// needs none would be served by one that changes nothing but the shares.
func (ch *Change) Redeal(asker, subject wire.Slot) Redeal {
	if ch.rule.redeal == 0 {
		return Redeal{Kind: roster.Refresh}
	}
	return Redeal{Kind: ch.rule.redeal, Goes: ch.Out(asker, subject), As: ch.rule.as, Comes: ch.Newcomer}
}

// Out returns the slot of the device that is out of the circle after ch, or 0.
func (ch *Change) Out(asker, subject wire.Slot) wire.Slot {
	switch ch.rule.goes {
	case Asker:
		return asker
	case Subject:
		return subject
	}
	return 0
}

// Signers returns how many must sign after a re-deal that ch asks for, which takes
// removed devices out of the circle of now and lets added ones in. Persons say so,
// or it rises where not more than half would; devices by themselves, for which a
// nil ch stands, change nothing.
func (ch *Change) Signers(now roster.Record, removed, added int) int {
	if ch != nil && ch.rule.fields&Signers != 0 {
		return int(ch.Threshold)
	}
	if added == 0 {
		return now.Threshold
	}
	return max(now.Threshold, (len(now.Devices)-removed+added)/2+1)
}

// Moot reports whether nothing can come of ch any more. A freeze or an accusation
// that persons took back is over: were its request still open, the person who
// said it would be heard to say it again in the next epoch, and a device that
// came in with that epoch, which did not hear the thaw, would be frozen where
// nobody else is.
func (ch *Change) Moot(f Facts) bool {
	if ch.rule.charges == Nobody || ch.Unknown(f.Subject()) {
		return false
	}
	about := wire.Slot(0)
	if ch.rule.charges == Subject {
		about = f.Subject()
	}
	by := f.Present()
	return len(by) > 0 && !f.Frozen() && !ch.InEffect(f) && !slices.ContainsFunc(by, func(s wire.Slot) bool {
		return !f.TakenBack(s, about)
	})
}
