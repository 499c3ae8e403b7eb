package recovery

import (
	"slices"

	"github.com/warifu/warifu/wire"
)

// A freeze is what persons said that stops the circle, and who wants it to end.
// A matter is the device that a word is about, or 0 if everything must stop.
type freeze struct {
	Charges []charge
	Thaws   []wire.Slot // devices whose person wants the present freeze to end
	Mutes   []mute
}

// A charge is a person's word that a device is lost, or, if About is 0, that
// everything must stop.
type charge struct {
	_ struct{} `cbor:",toarray"`

	About, By wire.Slot
	At        uint64
	Muted     bool // counts only if a second device joins
}

// A mute says that one device cannot freeze alone until then.
type mute struct {
	_ struct{} `cbor:",toarray"`

	By    wire.Slot
	Until uint64
}

// charge takes a person's word. It reports whether that is new, and whether it
// counts for nothing until a second device joins.
func (f *freeze) charge(by, about wire.Slot, now uint64) (fresh, muted bool) {
	if f.said(by, about) {
		return false, false
	}
	muted = slices.ContainsFunc(f.Mutes, func(m mute) bool { return m.By == by })
	for i := range f.Charges {
		if c := &f.Charges[i]; c.About == about {
			c.Muted, muted = false, false // joined by a second device
		}
	}
	f.Charges = append(f.Charges, charge{About: about, By: by, At: now, Muted: muted})
	if !muted {
		// Who wanted an end of the freeze did not know of this.
		f.Thaws = nil
	}
	return true, muted
}

// said reports whether a word of by about a matter stands at all.
func (f *freeze) said(by, about wire.Slot) bool {
	return f.stands(by, about, true) || f.stands(by, about, false)
}

// stands reports whether a word of by about a matter stands, muted or not as asked.
func (f *freeze) stands(by, about wire.Slot, muted bool) bool {
	return slices.ContainsFunc(f.Charges, func(c charge) bool { return c.By == by && c.About == about && c.Muted == muted })
}

// accusers returns who says that a device is lost, or that all must stop.
func (f *freeze) accusers(about wire.Slot) (by []wire.Slot) {
	for _, c := range f.Charges {
		if c.About == about && !c.Muted {
			by = append(by, c.By)
		}
	}
	return by
}

// mutual reports whether a device accuses one of those by which it stands
// accused.
func (f *freeze) mutual(slot wire.Slot) bool {
	return slices.ContainsFunc(f.accusers(slot), func(by wire.Slot) bool { return slices.Contains(f.accusers(by), slot) })
}

// firstAt returns when a device was first accused, of those words that stand, or
// 0 if it is not.
func (f *freeze) firstAt(about wire.Slot) uint64 {
	for _, c := range f.Charges {
		if c.About == about {
			return c.At
		}
	}
	return 0
}

// keep forgets those that are no members: they neither accuse nor are accused.
func (f *freeze) keep(member func(wire.Slot) bool) {
	f.Charges = drop(f.Charges, func(c charge) bool { return !member(c.By) || c.About != 0 && !member(c.About) })
	f.Thaws = drop(f.Thaws, func(s wire.Slot) bool { return !member(s) })
}

// strike forgets all that was said on a device.
func (f *freeze) strike(by wire.Slot) {
	f.Charges = drop(f.Charges, func(c charge) bool { return c.By == by })
}

// takeBack forgets what was said on a device long enough ago for its person to
// take it back alone.
func (f *freeze) takeBack(by wire.Slot, now uint64) {
	f.Charges = drop(f.Charges, func(c charge) bool { return c.By == by && sub(now, c.At) >= Alone })
}

// want notes that a person on a device wants the freeze to end.
func (f *freeze) want(by wire.Slot) {
	if !slices.Contains(f.Thaws, by) {
		f.Thaws = append(f.Thaws, by)
	}
}

// thaw ends everything. Those who froze cannot do so again alone for 24 hours.
func (f *freeze) thaw(now uint64) {
	for _, c := range f.Charges {
		f.Mutes = drop(f.Mutes, func(m mute) bool { return m.By == c.By })
		f.Mutes = append(f.Mutes, mute{By: c.By, Until: add(now, Alone)})
	}
	f.Charges, f.Thaws = nil, nil
}

// tick forgets mutes that are over, and with them what was said alone
// meanwhile: whoever still means it says it again.
func (f *freeze) tick(now uint64) {
	for _, m := range f.Mutes {
		if now >= m.Until {
			f.Charges = drop(f.Charges, func(c charge) bool { return c.By == m.By && c.Muted })
		}
	}
	f.Mutes = drop(f.Mutes, func(m mute) bool { return now >= m.Until })
}
