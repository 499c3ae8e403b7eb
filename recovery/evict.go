package recovery

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Removal says which device leaves and how.
type Removal struct {
	Slot  wire.Slot
	State roster.FormerState // Silent or Stolen
}

// An Eviction is a re-deal that this device should propose now.
type Eviction struct {
	Removed []Removal   // ascending slots
	Members []wire.Slot // ascending; can take part as far as this device knows
	Why     string      // for people
}

// MayEvict reports whether this device takes part in a re-deal that removes
// these devices, and if not, why not. Its own guards are looked at anew, and
// nobody else's word replaces them. A device must not say READY to a removal
// without it, whoever proposes and for whatever reason.
func (j *Judge) MayEvict(removed ...Removal) (bool, string) {
	var slots []wire.Slot
	for _, r := range removed {
		slots = append(slots, r.Slot)
	}
	if wire.CheckSlots(slots) != nil {
		return false, "the list of devices to remove is not in order"
	}
	left := len(j.rec.Devices) - len(slots)
	if left < j.rec.Threshold {
		return false, fmt.Sprintf("%s would be left and %d must sign: nobody is removed, and nothing is deleted", plural(uint64(left), "device"), j.rec.Threshold)
	}
	if left < j.rec.Quorum() {
		return false, fmt.Sprintf("%s would be left, and a removal takes %d", plural(uint64(left), "device"), j.rec.Quorum())
	}
	alone := 0 // removed without any person's word
	for _, r := range removed {
		if ok, why := j.mayRemove(r, slots); !ok {
			return false, why
		}
		if p := j.peer(r.Slot); r.State == roster.Silent && !p.Confirmed {
			alone++
		}
	}
	if alone > 1 {
		return false, "only one device at a time is removed without a person's agreement"
	}
	if alone > 0 {
		return j.inBudget(slots)
	}
	return true, ""
}

// mayRemove looks at one device alone.
func (j *Judge) mayRemove(r Removal, slots []wire.Slot) (bool, string) {
	p := j.peer(r.Slot)
	switch {
	case r.Slot == j.st.Self:
		return false, "this device does not take part in its own removal"
	case p == nil || !j.member(r.Slot):
		return false, fmt.Sprintf("device %d is not in the circle", r.Slot)
	case p.Due:
		if r.State != roster.Stolen {
			return false, fmt.Sprintf("%s was reported lost, and must not be removed as if it had only been silent", j.name(r.Slot))
		}
		return true, ""
	case p.State == Frozen || p.State == Disputed:
		return false, fmt.Sprintf("%s was reported lost by too few", j.name(r.Slot))
	case r.State != roster.Silent:
		return false, fmt.Sprintf("nobody has reported %s lost", j.name(r.Slot))
	case p.State != Grace && p.State != Evicting:
		return false, fmt.Sprintf("%s is %v here, and was heard %s ago", j.name(r.Slot), p.State, span(sub(j.st.Clock, p.Heard)))
	}
	deadline := add(p.GraceAt, add(j.grace(slots), p.Vetoes*Objection))
	if left := sub(deadline, j.st.Clock); left > 0 {
		return false, fmt.Sprintf("the countdown for %s runs for %s more", j.name(r.Slot), span(left))
	}
	if !j.rec.Settings.NoSpareAuto && !p.Confirmed && !j.spare(slots) {
		return false, fmt.Sprintf("without %s no spare device would be left, and the settings say to ask first: remove", j.name(r.Slot))
	}
	return true, ""
}

// inBudget reports whether it is long enough since a device was last removed
// without a person's word.
func (j *Judge) inBudget(slots []wire.Slot) (bool, string) {
	pause := j.rec.Settings.Budget
	if !j.spare(slots) {
		pause = j.rec.Settings.BudgetNoSpare
	}
	if left := sub(add(j.st.RemovedAt, pause), j.st.Clock); j.st.Removed && left > 0 {
		return false, fmt.Sprintf("a device was removed not long ago; the next one without a person's agreement in %s", span(left))
	}
	return true, ""
}

// spare reports whether more devices than must sign would be left without
// those in slots.
func (j *Judge) spare(slots []wire.Slot) bool { return j.sound(slots) > j.rec.Threshold }

// sound counts the devices that hold a share and are not doubted, but for
// those in slots.
func (j *Judge) sound(but []wire.Slot) int {
	n := 1
	for _, p := range j.st.Peers {
		if j.member(p.Slot) && !slices.Contains(but, p.Slot) && (p.State == Live || p.State == Quiet || p.State == Vacation) {
			n++
		}
	}
	return n
}

func (j *Judge) grace(slots []wire.Slot) uint64 {
	if j.spare(slots) {
		return j.rec.Settings.Grace
	}
	return j.rec.Settings.GraceNoSpare
}

// agree reports whether this device would take part in removing p for its
// silence.
func (j *Judge) agree(p *peer) bool {
	ok, _ := j.MayEvict(Removal{p.Slot, roster.Silent})
	return ok
}

// removal returns how p would leave.
func (j *Judge) removal(p *peer) Removal {
	if p.Due {
		return Removal{p.Slot, roster.Stolen}
	}
	return Removal{p.Slot, roster.Silent}
}

// Proposals returns what this device should propose now: at most one re-deal,
// which removes all devices that can be removed together, for each re-deal
// leaves another sharing behind that must die. It is empty while an aborted
// attempt is too recent.
func (j *Judge) Proposals() []Eviction {
	var e Eviction
	for _, lost := range []bool{true, false} {
		for i := range j.st.Peers {
			p := &j.st.Peers[i]
			if p.State != Evicting || p.Due != lost || j.st.Clock < p.NextTry || !j.member(p.Slot) {
				continue
			}
			more := Eviction{Removed: append(slices.Clone(e.Removed), j.removal(p))}
			slices.SortFunc(more.Removed, func(a, b Removal) int { return int(a.Slot) - int(b.Slot) })
			more.Members = j.able(more.Removed)
			if ok, _ := j.MayEvict(more.Removed...); ok && len(more.Members) >= j.rec.Quorum() {
				e = more
			}
		}
	}
	if e.Removed == nil {
		return nil
	}
	for i, r := range e.Removed {
		if i > 0 {
			e.Why += "; "
		}
		p := j.peer(r.Slot)
		if p.Due {
			e.Why += fmt.Sprintf("%s was reported lost", j.name(r.Slot))
		} else {
			e.Why += fmt.Sprintf("%s was not heard for %s", j.name(r.Slot), span(sub(j.st.Clock, p.Heard)))
		}
	}
	return []Eviction{e}
}

// able returns this device and those that are alive and, as far as is known,
// agree to all of the removals.
func (j *Judge) able(removed []Removal) (slots []wire.Slot) {
	for _, d := range j.rec.Devices {
		if d.Slot == j.st.Self {
			slots = append(slots, d.Slot)
			continue
		}
		ok := j.peer(d.Slot).State == Live
		for _, r := range removed {
			ok = ok && r.Slot != d.Slot && (r.State == roster.Stolen ||
				slices.ContainsFunc(j.peer(r.Slot).Claims, func(c claim) bool { return c.By == d.Slot && c.Agree }))
		}
		if ok {
			slots = append(slots, d.Slot)
		}
	}
	return slots
}

// Aborted says that an attempt to remove these devices has failed, whoever
// proposed it. The next waits: 10 minutes, then an hour, then 6 hours.
func (j *Judge) Aborted(slots ...wire.Slot) {
	for _, slot := range slots {
		p := j.peer(slot)
		if p == nil || p.State != Evicting {
			continue
		}
		p.Tries++
		if p.Due {
			j.enter(p, Frozen)
		} else {
			j.enter(p, Grace)
		}
		p.NextTry = add(j.st.Clock, backoff(p.Tries, j.rec.Settings))
		j.notify(Notice{Step: StepAborted, Slot: slot, Seconds: sub(p.NextTry, j.st.Clock)})
	}
}
