package recovery

import (
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
func (j *Judge) MayEvict(removed ...Removal) (bool, string) { return j.removals().allowed(removed...) }

// Proposals returns what this device should propose now: at most one re-deal,
// which removes all devices that can be removed together, for each re-deal
// leaves another sharing behind that must die. It is empty while an aborted
// attempt is too recent.
func (j *Judge) Proposals() []Eviction { return j.removals().proposals() }

// Spare returns how many devices more than must sign hold a share and are not
// doubted, this one included. At 0 the loss of one more stops the circle; below
// 0 the circle is stranded: nothing is deleted, nobody is removed, and only
// devices that come back can help.
func (j *Judge) Spare() int { return j.removals().sound(nil) - j.circle.Threshold }

// Aborted says that an attempt to remove these devices has failed, whoever
// proposed it. The next waits: 10 minutes, then an hour, then 6 hours.
func (j *Judge) Aborted(slots ...wire.Slot) {
	for _, slot := range slots {
		p := j.st.Peers.of(slot)
		if p == nil || p.State != Evicting {
			continue
		}
		p.failed(j.st.Now, j.circle.Settings)
		if p.Due {
			j.enter(p, Frozen)
		} else {
			j.enter(p, Grace)
		}
		j.notify(Notice{Step: StepAborted, Slot: slot, Seconds: j.st.clock.until(p.NextTry)})
	}
}
