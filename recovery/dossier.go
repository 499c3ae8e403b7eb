package recovery

import (
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A dossier is the case for and against the removal of one device: who suspects
// it, the countdown, what persons said of it, and what came of attempts. The
// zero value is that of a device against which there is nothing.
type dossier struct {
	Claims    []claim // of those who suspect it, ascending slots
	GraceAt   uint64  // the countdown began
	Told      uint64  // what is left of the countdown at the last notice
	Vetoes    uint64
	Confirmed bool   // a person agreed to the removal of a silent device
	Until     uint64 // end of the vacation
	Due       bool   // FROZEN or EVICTING: what persons said is enough to remove it
	Tries     uint64 // attempts at removal that were aborted
	NextTry   uint64
}

// A claim is the latest suspicion of one device.
type claim struct {
	_ struct{} `cbor:",toarray"`

	By         wire.Slot
	Last, Beat uint64
	Agree      bool
}

// claim takes what another device claims, unless it has said something newer.
func (d *dossier) claim(c claim) {
	i, found := slices.BinarySearchFunc(d.Claims, c.By, func(c claim, by wire.Slot) int { return int(c.By) - int(by) })
	switch {
	case !found:
		d.Claims = slices.Insert(d.Claims, i, c)
	case c.Beat >= d.Claims[i].Beat:
		d.Claims[i] = c
	}
}

// refute ends the claim of a device that has heard beat seq since.
func (d *dossier) refute(by wire.Slot, seq uint64) {
	d.Claims = drop(d.Claims, func(c claim) bool { return c.By == by && seq > c.Last })
}

// agrees reports whether a device claims that it would take part in the
// removal.
func (d *dossier) agrees(by wire.Slot) bool {
	return slices.ContainsFunc(d.Claims, func(c claim) bool { return c.By == by && c.Agree })
}

// deadline returns when the countdown ends that takes so many seconds without
// objections.
func (d *dossier) deadline(grace uint64) uint64 {
	return add(d.GraceAt, add(grace, d.Vetoes*Objection))
}

// object makes the countdown longer, and takes a person's agreement back.
func (d *dossier) object() {
	d.Vetoes++
	d.Confirmed = false
}

// tell reports whether the owner should hear that so many seconds of the
// countdown are left: when it begins, and three days and one day before it ends.
func (d *dossier) tell(left uint64) bool {
	tell := d.Told == 0
	for _, mark := range []uint64{3 * day, day} {
		tell = tell || left <= mark && d.Told > mark
	}
	if !tell || left == 0 {
		return false
	}
	d.Told = left
	return true
}

// failed notes an attempt that was aborted now. The next waits: 10 minutes,
// then an hour, then 6 hours.
func (d *dossier) failed(now uint64, s roster.Settings) {
	d.Tries++
	d.NextTry = add(now, backoff(d.Tries, s))
}
