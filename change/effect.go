package change

import (
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// InEffect reports whether the circle is as ch wants it.
func (ch *Change) InEffect(f Facts) bool { return ch.rule.effect != nil && ch.rule.effect(ch, f) }

func former(rec roster.Record, slot wire.Slot) bool {
	return slices.ContainsFunc(rec.Former, func(f roster.Former) bool { return f.Slot == slot })
}

func (ch *Change) cameIn(f Facts) bool {
	if ch.Newcomer == nil {
		return false // it is to be invited
	}
	_, in := f.Record().ByIdentity(ch.Newcomer.Identity)
	return in
}

func (ch *Change) subjectWent(f Facts) bool { return former(f.Record(), f.Subject()) }

func (ch *Change) askerWent(f Facts) bool { return former(f.Record(), f.Asker()) }

func (ch *Change) replaced(f Facts) bool { return ch.cameIn(f) && ch.subjectWent(f) }

// refreshed: the epoch in which this device first heard of the request is only a
// bound. Who sleeps through the re-deal hears of its request after it.
func (ch *Change) refreshed(f Facts) bool { return f.Record().Epoch > min(ch.Epoch, f.Heard()) }

// thawed: another device may be frozen although this one is not. It needs the word
// of persons here all the same. And a device that has yet to read back what it
// voted for cannot tell whose fence may go.
func (ch *Change) thawed(f Facts) bool {
	return !f.Interrupted() && !f.Frozen() && (ch.Granted(f) || f.Asker() == f.Self())
}

func (ch *Change) signersSet(f Facts) bool { return f.Record().Threshold == int(ch.Threshold) }

// mayGo: as long as nobody here doubts the device there is nothing to agree to.
func (ch *Change) mayGo(f Facts) bool {
	return ch.subjectWent(f) || ch.Granted(f) && f.Confirmed(f.Subject())
}
