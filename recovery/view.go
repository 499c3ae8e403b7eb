package recovery

import (
	"fmt"

	"github.com/warifu/warifu/wire"
)

// A View is what a judge thinks of one device, for a person to see. Periods
// are in seconds of this device's own time.
type View struct {
	State  State
	For    uint64 // in this state for so long
	Silent uint64 // not heard for so long; 0 for this device itself
	Left   uint64 // until what Words says comes, 0 if nothing does
	Words  string // empty for a device that is live
}

// View returns what this device thinks of the one in slot, and false if it
// knows of none.
func (j *Judge) View(slot wire.Slot) (View, bool) {
	if slot == j.st.Self {
		return j.viewSelf(), true
	}
	p := j.st.Peers.of(slot)
	if p == nil {
		return View{}, false
	}
	v := View{State: p.State, For: j.st.clock.since(p.Since), Silent: j.st.clock.since(p.Heard)}
	switch p.State {
	case Quiet:
		v.Words = fmt.Sprintf("not heard for %s", span(v.Silent))
	case Suspect:
		v.Words = fmt.Sprintf("not heard for %s; waiting for other devices to find the same", span(v.Silent))
	case Grace:
		v.Left = j.st.clock.until(j.removals().deadline(p))
		v.Words = fmt.Sprintf("will be removed in %s unless it is heard before", span(v.Left))
		if v.Left == 0 {
			v.Words = j.removals().obstacle(p)
		}
	case Vacation:
		v.Left = j.st.clock.until(p.Until)
		v.Words = fmt.Sprintf("announced away for %s more", span(v.Left))
	case Frozen:
		v.Words = fmt.Sprintf("reported lost on %s", j.circle.names(j.st.freeze.accusers(slot)))
		if p.Due {
			v.Left = j.st.clock.until(p.NextTry)
			v.Words += fmt.Sprintf("; the next attempt to remove it is in %s", span(v.Left))
		}
	case Disputed:
		v.Words = fmt.Sprintf("reported lost on %s, and reports the same of it", j.circle.names(j.st.freeze.accusers(slot)))
	case Evicting:
		v.Words = j.removals().obstacle(p)
	case Evicted:
		v.Words = "removed for its silence"
		if j.circle.left(slot) {
			v.Words = "left the circle"
		}
	case Stolen:
		v.Words = "removed as lost"
	case Pending:
		v.Words = "alive, and without a share of the current epoch"
	}
	return v, true
}

func (j *Judge) viewSelf() View {
	by := j.st.freeze.accusers(j.st.Self)
	if len(by) == 0 {
		return View{State: Live}
	}
	v := View{State: Frozen, Words: "this device was reported lost on " + j.circle.names(by)}
	if j.st.freeze.mutual(j.st.Self) {
		v.State = Disputed
	}
	return v
}
