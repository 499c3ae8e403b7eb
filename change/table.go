package change

import (
	"github.com/warifu/warifu/roster"
)

// Fields are what the payload of a kind says; what it does not say is zero.
type Fields uint8

const (
	Device  Fields = 1 << iota // the device that it is about
	Card                       // the device that comes in
	Until                      // when an absence ends
	Epoch                      // the epoch that is to end
	Signers                    // how many must sign then
)

// A Consent says whose yes is enough. It is always that of a person who proved to
// be there.
type Consent uint8

const (
	OfThreshold Consent = iota // threshold approvals: as many people as devices must sign
	OfAsker                    // the person on the device that asks
	OfJudge                    // one person, and this device's own judge
)

// A Party is whom a rule means.
type Party uint8

const (
	Nobody  Party = iota
	Asker         // the device that asks
	Subject       // the device that the change is about
	Circle        // all of them
)

// A rule is all that is particular about a kind.
type rule struct {
	kind    Kind
	fields  Fields
	consent Consent

	// deniable says that not only who asked may say no to it, but every device in
	// good standing: it lets a device in, lets one go or changes how many sign. A
	// newcomer that somebody does not know should not come in. What one person says
	// alone, and what stops or heals the circle, nobody else stops: a device in a
	// thief's hands would keep itself in, or all others frozen, with one word.
	deniable bool

	// redeal is what brings the change about, or 0.
	redeal roster.ChangeKind
	goes   Party              // who is out of the circle then
	as     roster.FormerState // how, if it goes by that re-deal

	// charges says whom the persons who agree accuse, until others take that back:
	// the device that it is about, or nobody in particular, for which the circle is
	// frozen all the same.
	charges Party

	// effect reports whether the circle is as the change wants it. A kind without
	// one says something as long as it is open.
	effect func(*Change, Facts) bool
}

// rules is the table of all kinds.
var rules = []rule{
	{kind: Add, fields: Card, consent: OfThreshold, deniable: true,
		redeal: roster.Add, effect: (*Change).cameIn},
	{kind: Replace, fields: Device | Card, consent: OfThreshold, deniable: true,
		redeal: roster.Replace, goes: Subject, as: roster.Stolen, charges: Subject, effect: (*Change).replaced},
	{kind: Lost, fields: Device, consent: OfJudge,
		redeal: roster.Remove, goes: Subject, as: roster.Stolen, charges: Subject, effect: (*Change).subjectWent},
	{kind: Refresh, fields: Epoch, consent: OfAsker,
		redeal: roster.Refresh, effect: (*Change).refreshed},
	{kind: Leave, consent: OfAsker, deniable: true,
		redeal: roster.Leave, goes: Asker, as: roster.Left, effect: (*Change).askerWent},
	{kind: Freeze, consent: OfAsker, charges: Circle},
	{kind: Thaw, consent: OfThreshold, effect: (*Change).thawed},
	{kind: Vacation, fields: Device | Until, consent: OfAsker, effect: (*Change).Granted},
	{kind: Veto, fields: Device, consent: OfAsker, effect: (*Change).Granted},
	// It goes when its judges say so, by a re-deal that no person asks for.
	{kind: Remove, fields: Device, consent: OfAsker, goes: Subject, effect: (*Change).mayGo},
	{kind: Threshold, fields: Signers, consent: OfThreshold, deniable: true,
		redeal: roster.Rethreshold, effect: (*Change).signersSet},
}
