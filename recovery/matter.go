package recovery

import (
	"slices"

	"github.com/warifu/warifu/wire"
)

// Current returns the notices whose matter has not ended, oldest first: not that
// a device is suspected which is back, nor that the circle is frozen which was
// thawed. What only happened, such as that a device came back, is told if it
// did since then, in Unix seconds. Of what was noticed several times only the
// latest stays. Periods count from now.
func (j *Judge) Current(since uint64) []Notice {
	return j.st.board.current(func(n Notice) bool { return j.lasts(n) && (n.At >= since || !happened(n)) }, j.counted)
}

// current returns the latest notice of each topic that is, oldest first, as told.
func (b *board) current(is func(Notice) bool, told func(Notice) Notice) []Notice {
	var out []Notice
	seen := map[topic]bool{}
	for _, n := range slices.Backward(b.Notices) {
		// A matter that has moved on is told as it is now.
		t := topicOf(n)
		if !seen[t] && is(n) {
			seen[t] = true
			out = append(out, told(n))
		}
	}
	slices.Reverse(out)
	return out
}

// A topic is what notices can be about that replace each other.
type topic struct {
	step     Step
	slot, by wire.Slot
}

func topicOf(n Notice) topic {
	switch n.Step {
	case StepSuspect, StepGrace, StepBack, StepEvicting, StepRemoved, StepAborted, StepUnheard:
		return topic{StepSuspect, n.Slot, 0}
	case StepVacation, StepHome:
		return topic{StepVacation, n.Slot, 0}
	case StepDisputed: // both say the same
		return topic{StepDisputed, min(n.Slot, n.By), max(n.Slot, n.By)}
	case StepFrozen, StepMuted:
		return topic{StepFrozen, n.Slot, n.By}
	case StepThawed, StepCopied:
		return topic{n.Step, n.Slot, 0}
	}
	return topic{n.Step, n.Slot, n.By}
}

// happened reports whether n tells of something that was over at once.
func happened(n Notice) bool {
	switch n.Step {
	case StepBack, StepRemoved, StepReturned, StepAlarm, StepHome, StepThawed, StepCopied:
		return true
	}
	return n.Step == StepVacation && n.Seconds == 0
}

// lasts reports whether what n says is still so.
func (j *Judge) lasts(n Notice) bool {
	p := j.st.Peers.of(n.Slot)
	is := func(states ...State) bool { return p != nil && slices.Contains(states, p.State) }
	gone := n.Slot != j.st.Self && !j.circle.member(n.Slot)
	switch n.Step {
	case StepSuspect:
		return is(Suspect)
	case StepGrace:
		return is(Grace)
	case StepEvicting:
		return is(Evicting)
	case StepAborted:
		return p != nil && !gone && p.Tries > 0
	case StepBack:
		return n.Slot == j.st.Self && !j.st.Unheard || is(Live, Pending, Vacation)
	case StepRemoved, StepReturned, StepAlarm:
		return gone
	case StepVeto:
		return p != nil && !gone && p.Vetoes > 0
	case StepVacation:
		return is(Vacation) || n.Seconds == 0 && !gone
	case StepHome, StepCopied:
		return !gone
	case StepFrozen, StepMuted:
		return j.st.freeze.stands(n.By, n.Slot, n.Step == StepMuted)
	case StepDisputed:
		return is(Disputed)
	case StepThawed:
		frozen, _ := j.Frozen()
		return !frozen
	case StepUnheard:
		return j.st.Unheard
	case StepDoubted:
		return slices.Contains(j.st.Doubts, n.By)
	}
	return true
}

// counted returns n with its period as it is now.
func (j *Judge) counted(n Notice) Notice {
	p := j.st.Peers.of(n.Slot)
	switch {
	case p == nil:
	case n.Step == StepSuspect:
		n.Seconds = j.st.clock.since(p.Heard)
	case n.Step == StepGrace:
		n.Seconds = j.st.clock.until(j.removals().deadline(p))
	case n.Step == StepAborted:
		n.Seconds = j.st.clock.until(p.NextTry)
	case n.Step == StepVacation && n.Seconds > 0:
		n.Seconds = j.st.clock.until(p.Until)
	}
	return n
}

// noteCopy tells the owner of a device that runs twice, once a day for as long
// as it does.
func (j *Judge) noteCopy(slot wire.Slot) {
	if !j.st.board.copiedToday(slot, j.st.Wall) {
		j.notify(Notice{Step: StepCopied, Slot: slot})
	}
}

// Copied reports whether the device in slot was noticed to run twice, or to
// have been set back: there may be a copy of all that it held until then.
func (j *Judge) Copied(slot wire.Slot) bool { return j.st.board.copied(slot) }
