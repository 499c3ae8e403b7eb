package recovery

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// removals are the rules by which devices are removed: a view of what a judge
// knows at one time, which reads it and changes nothing.
type removals struct {
	circle *circle
	self   wire.Slot
	now    uint64
	peers  peers
	budget budget
}

func (j *Judge) removals() removals {
	return removals{circle: &j.circle, self: j.st.Self, now: j.st.Now, peers: j.st.Peers, budget: j.st.budget}
}

// allowed is [Judge.MayEvict].
func (rs removals) allowed(removed ...Removal) (bool, string) {
	var slots []wire.Slot
	for _, r := range removed {
		slots = append(slots, r.Slot)
	}
	if wire.CheckSlots(slots) != nil {
		return false, "the list of devices to remove is not in order"
	}
	left := len(rs.circle.Devices) - len(slots)
	if left < rs.circle.Threshold {
		return false, fmt.Sprintf("%s would be left and %d must sign: nobody is removed, and nothing is deleted", plural(uint64(left), "device"), rs.circle.Threshold)
	}
	if left < rs.circle.RedealQuorum() {
		return false, fmt.Sprintf("%s would be left, and a removal takes %d", plural(uint64(left), "device"), rs.circle.RedealQuorum())
	}
	alone := 0 // removed without any person's word
	for _, r := range removed {
		if ok, why := rs.mayRemove(r, slots); !ok {
			return false, why
		}
		if p := rs.peers.of(r.Slot); r.State == roster.Silent && !p.Confirmed {
			alone++
		}
	}
	if alone > 1 {
		return false, "only one device at a time is removed without a person's agreement"
	}
	if alone > 0 {
		return rs.inBudget(slots)
	}
	return true, ""
}

// mayRemove looks at one device alone.
func (rs removals) mayRemove(r Removal, slots []wire.Slot) (bool, string) {
	p := rs.peers.of(r.Slot)
	switch {
	case r.Slot == rs.self:
		return false, "this device does not take part in its own removal"
	case p == nil || !rs.circle.member(r.Slot):
		return false, fmt.Sprintf("device %d is not in the circle", r.Slot)
	case p.Due:
		if r.State != roster.Stolen {
			return false, fmt.Sprintf("%s was reported lost, and must not be removed as if it had only been silent", rs.circle.name(r.Slot))
		}
		return true, ""
	case p.accused():
		return false, fmt.Sprintf("%s was reported lost by too few", rs.circle.name(r.Slot))
	case r.State != roster.Silent:
		return false, fmt.Sprintf("nobody has reported %s lost", rs.circle.name(r.Slot))
	case p.State != Grace && p.State != Evicting:
		return false, fmt.Sprintf("%s is %v here, and was heard %s ago", rs.circle.name(r.Slot), p.State, span(sub(rs.now, p.Heard)))
	}
	if left := sub(p.deadline(rs.grace(slots)), rs.now); left > 0 {
		return false, fmt.Sprintf("the countdown for %s runs for %s more", rs.circle.name(r.Slot), span(left))
	}
	if !rs.circle.Settings.NoSpareAuto && !p.Confirmed && !rs.spare(slots) {
		return false, fmt.Sprintf("without %s no spare device would be left, and the settings say to ask first: remove", rs.circle.name(r.Slot))
	}
	return true, ""
}

// inBudget reports whether it is long enough since a device was last removed
// without a person's word.
func (rs removals) inBudget(slots []wire.Slot) (bool, string) {
	pause := rs.circle.Settings.Budget
	if !rs.spare(slots) {
		pause = rs.circle.Settings.BudgetNoSpare
	}
	if left := rs.budget.wait(rs.now, pause); left > 0 {
		return false, fmt.Sprintf("a device was removed not long ago; the next one without a person's agreement in %s", span(left))
	}
	return true, ""
}

// spare reports whether more devices than must sign would be left without
// those in slots.
func (rs removals) spare(slots []wire.Slot) bool { return rs.sound(slots) > rs.circle.Threshold }

// sound counts the devices that hold a share and are not doubted, but for
// those in slots.
func (rs removals) sound(but []wire.Slot) int {
	n := 1
	for _, p := range rs.peers {
		if rs.circle.member(p.Slot) && !slices.Contains(but, p.Slot) && (p.State == Live || p.State == Quiet || p.State == Vacation) {
			n++
		}
	}
	return n
}

func (rs removals) grace(slots []wire.Slot) uint64 {
	if rs.spare(slots) {
		return rs.circle.Settings.Grace
	}
	return rs.circle.Settings.GraceNoSpare
}

// deadline returns when the countdown for p alone ends, as things are now.
func (rs removals) deadline(p *peer) uint64 { return p.deadline(rs.grace([]wire.Slot{p.Slot})) }

// agree reports whether this device would take part in removing p for its
// silence.
func (rs removals) agree(p *peer) bool {
	ok, _ := rs.allowed(Removal{p.Slot, roster.Silent})
	return ok
}

// covered reports whether this device and those others that are alive and
// claim what is asked suffice to remove p.
func (rs removals) covered(p *peer, asked func(claim) bool) bool {
	n := 1
	for _, c := range p.Claims {
		if y := rs.peers.of(c.By); y != nil && y.State == Live && asked(c) {
			n++
		}
	}
	return n >= rs.circle.RedealQuorum()
}

// turn returns how long after the first this device proposes to remove p:
// devices begin one after the other, so that they do not all do so at once.
func (rs removals) turn(p *peer) uint64 {
	var rank uint64
	for _, d := range rs.circle.Devices {
		if d.Slot < rs.self && d.Slot != p.Slot {
			if y := rs.peers.of(d.Slot); y != nil && y.State == Live {
				rank++
			}
		}
	}
	return rank * min(30, rs.circle.Settings.Grace/8)
}

// obstacle says what keeps p from being removed, if anything does.
func (rs removals) obstacle(p *peer) string {
	leaves := p.removal()
	if ok, why := rs.allowed(leaves); !ok {
		return "should be removed, but " + why
	}
	if n := len(rs.able([]Removal{leaves})); n < rs.circle.RedealQuorum() {
		return fmt.Sprintf("should be removed, but it takes %d devices, and %s heard here and agree", rs.circle.RedealQuorum(), are(n))
	}
	if left := sub(p.NextTry, rs.now); left > 0 && p.Tries > 0 {
		return fmt.Sprintf("will be removed; the next attempt is in %s", span(left))
	}
	return "is being removed"
}

func are(n int) string {
	if n == 1 {
		return "only 1 is"
	}
	return fmt.Sprintf("only %d are", n)
}

// proposals is [Judge.Proposals].
func (rs removals) proposals() []Eviction {
	var e Eviction
	for _, lost := range []bool{true, false} {
		for i := range rs.peers {
			p := &rs.peers[i]
			if p.State != Evicting || p.Due != lost || rs.now < p.NextTry || !rs.circle.member(p.Slot) {
				continue
			}
			more := Eviction{Removed: append(slices.Clone(e.Removed), p.removal())}
			slices.SortFunc(more.Removed, func(a, b Removal) int { return int(a.Slot) - int(b.Slot) })
			more.Members = rs.able(more.Removed)
			if ok, _ := rs.allowed(more.Removed...); ok && len(more.Members) >= rs.circle.RedealQuorum() {
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
		p := rs.peers.of(r.Slot)
		if p.Due {
			e.Why += fmt.Sprintf("%s was reported lost", rs.circle.name(r.Slot))
		} else {
			e.Why += fmt.Sprintf("%s was not heard for %s", rs.circle.name(r.Slot), span(sub(rs.now, p.Heard)))
		}
	}
	return []Eviction{e}
}

// able returns this device and those that are alive and, as far as is known,
// agree to all of the removals.
func (rs removals) able(removed []Removal) (slots []wire.Slot) {
	for _, d := range rs.circle.Devices {
		if d.Slot == rs.self {
			slots = append(slots, d.Slot)
			continue
		}
		ok := rs.peers.of(d.Slot).State == Live
		for _, r := range removed {
			ok = ok && r.Slot != d.Slot && (r.State == roster.Stolen ||
				rs.peers.of(r.Slot).agrees(d.Slot))
		}
		if ok {
			slots = append(slots, d.Slot)
		}
	}
	return slots
}
