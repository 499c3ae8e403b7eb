package recovery

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/wire"
)

// A Step is what a notice is about. Values are stored.
type Step uint8

const (
	StepSuspect  Step = 1  // Slot was not heard for Seconds
	StepGrace    Step = 2  // Slot is removed in Seconds
	StepBack     Step = 3  // Slot is heard again
	StepEvicting Step = 4  // Slot is being removed
	StepRemoved  Step = 5  // Slot was removed
	StepAborted  Step = 6  // an attempt failed, the next comes in Seconds
	StepVeto     Step = 7  // By objected; Seconds more
	StepVacation Step = 8  // By announced that Slot is away for Seconds
	StepHome     Step = 9  // the vacation of Slot is over
	StepFrozen   Step = 10 // By reported Slot lost, or froze all if that is 0
	StepDisputed Step = 11 // Slot and By accuse each other
	StepThawed   Step = 12 // the freeze is over
	StepMuted    Step = 13 // like StepFrozen, but By was thawed lately and is alone
	StepUnheard  Step = 14 // nobody hears this device
	StepDoubted  Step = 15 // By has not heard this device for Seconds
	StepReturned Step = 16 // Slot, removed for its silence, is there again
	StepAlarm    Step = 17 // Slot, which was stolen, is online
	StepCopied   Step = 18 // Slot runs twice, or was set back
)

// A Notice is something that the owner should see, on every device.
type Notice struct {
	_ struct{} `cbor:",toarray"`

	N        uint64 // 1, 2, 3 and so on
	Step     Step
	Slot, By wire.Slot // 0 where the step does not name a device
	Seconds  uint64
	At       uint64 // by this device's clock, Unix seconds
}

// A board is the list of notices.
type board struct {
	Notices []Notice // oldest first
	Noticed uint64   // number of the latest
}

// post adds a notice at so many Unix seconds by this device's clock. The latest
// 48 are kept.
func (b *board) post(n Notice, wall uint64) {
	b.Noticed++
	n.N, n.At = b.Noticed, wall
	b.Notices = append(b.Notices, n)
	if more := len(b.Notices) - maxNotices; more > 0 {
		b.Notices = slices.Delete(b.Notices, 0, more)
	}
}

// after returns the notices with numbers above n, oldest first.
func (b *board) after(n uint64) []Notice {
	i, _ := slices.BinarySearchFunc(b.Notices, n+1, func(n Notice, want uint64) int {
		if n.N < want {
			return -1
		}
		return 1
	})
	return slices.Clone(b.Notices[i:])
}

// copied reports whether a device was noticed to run twice.
func (b *board) copied(slot wire.Slot) bool {
	return slices.ContainsFunc(b.Notices, func(n Notice) bool { return n.Step == StepCopied && n.Slot == slot })
}

// copiedToday is copied within a day before now, in Unix seconds.
func (b *board) copiedToday(slot wire.Slot, now uint64) bool {
	return slices.ContainsFunc(b.Notices, func(n Notice) bool {
		return n.Step == StepCopied && n.Slot == slot && sub(now, n.At) < day
	})
}

func (j *Judge) notify(n Notice) {
	j.st.board.post(n, j.st.Wall)
	j.changed()
}

// Notices returns the notices with numbers above after, oldest first. The
// latest 48 are kept.
func (j *Judge) Notices(after uint64) []Notice { return j.st.board.after(after) }

// Words returns a notice as a sentence for the owner.
func (j *Judge) Words(n Notice) string {
	slot, by := j.circle.name(n.Slot), j.circle.name(n.By)
	switch n.Step {
	case StepSuspect:
		return fmt.Sprintf("%s has not been heard for %s. If that is as it should be, say so: vacation or veto.", slot, span(n.Seconds))
	case StepGrace:
		if n.Seconds == 0 {
			return fmt.Sprintf("%s is to be removed now, once enough devices agree. Switch it on, or object: veto.", slot)
		}
		return fmt.Sprintf("%s will be removed in %s unless it is heard before. Switch it on, or object: veto.", slot, span(n.Seconds))
	case StepBack:
		if n.Slot == j.st.Self {
			return "Your other devices hear this one again."
		}
		return fmt.Sprintf("%s is back.", slot)
	case StepEvicting:
		return fmt.Sprintf("%s is being removed now.", slot)
	case StepRemoved:
		return fmt.Sprintf("%s was removed. The share that it held is of no use any more.", slot)
	case StepAborted:
		if n.Seconds == 0 {
			return fmt.Sprintf("Removing %s did not succeed, and nothing has changed. The next attempt is due.", slot)
		}
		return fmt.Sprintf("Removing %s did not succeed, and nothing has changed. The next attempt is in %s.", slot, span(n.Seconds))
	case StepVeto:
		return fmt.Sprintf("On %s somebody objected to the removal of %s. It waits for %s more.", by, slot, span(n.Seconds))
	case StepVacation:
		if n.Seconds == 0 {
			return fmt.Sprintf("On %s somebody said that %s is no longer away.", by, slot)
		}
		return fmt.Sprintf("On %s somebody said that %s will be away for %s.", by, slot, span(n.Seconds))
	case StepHome:
		return fmt.Sprintf("%s is no longer announced as away.", slot)
	case StepFrozen:
		if n.Slot == 0 {
			return fmt.Sprintf("The circle was frozen on %s. Nothing is signed until it is thawed.", by)
		}
		return fmt.Sprintf("On %s somebody said that %s is lost. Nothing is signed until it is removed or the circle is thawed.", by, slot)
	case StepMuted:
		return fmt.Sprintf("%s was used to freeze the circle again, shortly after it was thawed. It counts if a second device joins.", by)
	case StepDisputed:
		return fmt.Sprintf("%s and %s each say that the other is lost. Nothing is signed until %d devices agree on one.", slot, by, j.circle.Threshold)
	case StepThawed:
		return "The circle is thawed."
	case StepUnheard:
		return "Your other devices do not hear this one. It may be cut off; if it stays so, they will remove it."
	case StepDoubted:
		return fmt.Sprintf("%s has not heard this device for %s.", by, span(n.Seconds))
	case StepReturned:
		return fmt.Sprintf("%s, which was removed for its silence, is there again. It holds nothing of use; to have it back, make it a new device.", slot)
	case StepAlarm:
		return fmt.Sprintf("Stolen device online: %s. It can sign nothing.", slot)
	case StepCopied:
		if n.Slot == j.st.Self {
			return "This device's data was set back, or a copy of it runs elsewhere. If you do not know why, say on another device that this one is lost."
		}
		return fmt.Sprintf("%s seems to run twice: somebody may have copied its disk. If it was not you, say that %s is lost.", slot, slot)
	}
	return fmt.Sprintf("Step %d for %s.", n.Step, slot)
}

// span returns a period in the largest unit that shows it, rounded down but for
// what is short of a whole unit by no more than a word takes on its way: three
// days should not be called two.
func span(seconds uint64) string {
	for _, u := range []struct {
		size uint64
		name string
	}{{day, "day"}, {hour, "hour"}, {60, "minute"}} {
		if n := (seconds + u.size/60) / u.size; n >= 2 || seconds == u.size {
			return plural(n, u.name)
		}
	}
	return plural(seconds, "second")
}

func plural(n uint64, unit string) string {
	if n == 1 {
		return "1 " + unit
	}
	return fmt.Sprintf("%d %ss", n, unit)
}
