package node

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A device that slept through a re-deal knows the new epoch a while before it
// holds its share of it: until it has heard what was said, has opened its parts
// and could write them down, which takes long where the disk was full. Its person
// is there all the same. What he agrees to meanwhile stands, and is signed once
// the share has come.

// shareAwaited reports whether this device has no share of its epoch yet and the
// others hold it ready: it was a sleeper of the re-deal that made the epoch, none
// of the parts that were sealed to it is known to be garbage, and it has not taken
// them before, in a life that it was set back from.
func (rd *redeals) shareAwaited() bool {
	if rd.me.circle == nil || rd.me.circle.evicted != nil || rd.me.hasShare() || rd.redealing() {
		return false
	}
	change := rd.me.circle.record.Change
	if !slices.Contains(change.Sleepers, rd.me.circle.slot) || change.Attempt == rd.spent {
		return false
	}
	if w := rd.waking; w != nil && w.proposal.Attempt() == change.Attempt {
		return !slices.ContainsFunc(w.machine.Complaints(), func(x refresh.Complaint) bool { return x.By == rd.me.circle.slot })
	}
	return true
}

// awaitedWords says what this device waits for, or "".
func (rd *redeals) awaitedWords() string {
	if !rd.shareAwaited() {
		return ""
	}
	var from []wire.Slot
	for _, s := range rd.me.circle.record.Change.Members {
		if _, in := rd.me.circle.record.Device(s); in {
			from = append(from, s)
		}
	}
	return fmt.Sprintf("this device waits for its share of epoch %d, which %s hold ready", rd.me.circle.record.Epoch, list(rd.me.names(from)))
}
