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
	p := j.peer(slot)
	if p == nil {
		return View{}, false
	}
	now := j.st.Clock
	v := View{State: p.State, For: sub(now, p.Since), Silent: sub(now, p.Heard)}
	switch p.State {
	case Quiet:
		v.Words = fmt.Sprintf("not heard for %s", span(v.Silent))
	case Suspect:
		v.Words = fmt.Sprintf("not heard for %s; waiting for other devices to find the same", span(v.Silent))
	case Grace:
		v.Left = sub(j.deadline(p), now)
		v.Words = fmt.Sprintf("will be removed in %s unless it is heard before", span(v.Left))
		if v.Left == 0 {
			v.Words = j.removing(p)
		}
	case Vacation:
		v.Left = sub(p.Until, now)
		v.Words = fmt.Sprintf("announced away for %s more", span(v.Left))
	case Frozen:
		v.Words = fmt.Sprintf("reported lost on %s", j.names(j.accusers(slot)))
		if p.Due {
			v.Left = sub(p.NextTry, now)
			v.Words += fmt.Sprintf("; the next attempt to remove it is in %s", span(v.Left))
		}
	case Disputed:
		v.Words = fmt.Sprintf("reported lost on %s, and reports the same of it", j.names(j.accusers(slot)))
	case Evicting:
		v.Words = j.removing(p)
	case Evicted:
		v.Words = "removed for its silence"
		if j.left(slot) {
			v.Words = "left the circle"
		}
	case Stolen:
		v.Words = "removed as lost"
	case Pending:
		v.Words = "alive, and without a share of the current epoch"
	}
	return v, true
}

// removing says what keeps p from being removed, if anything does.
func (j *Judge) removing(p *peer) string {
	r := j.removal(p)
	if ok, why := j.MayEvict(r); !ok {
		return "should be removed, but " + why
	}
	if n := len(j.able([]Removal{r})); n < j.rec.Quorum() {
		return fmt.Sprintf("should be removed, but it takes %d devices, and %s heard here and agree", j.rec.Quorum(), are(n))
	}
	if left := sub(p.NextTry, j.st.Clock); left > 0 && p.Tries > 0 {
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

// Spare returns how many devices more than must sign hold a share and are not
// doubted, this one included. At 0 the loss of one more stops the circle; below
// 0 the circle is stranded: nothing is deleted, nobody is removed, and only
// devices that come back can help.
func (j *Judge) Spare() int { return j.sound(nil) - j.rec.Threshold }

func (j *Judge) viewSelf() View {
	by := j.accusers(j.st.Self)
	if len(by) == 0 {
		return View{State: Live}
	}
	v := View{State: Frozen, Words: "this device was reported lost on " + j.names(by)}
	for _, d := range by {
		for _, c := range j.accusers(d) {
			if c == j.st.Self {
				v.State = Disputed
			}
		}
	}
	return v
}
