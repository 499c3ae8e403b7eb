package redeal

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// A device that slept through a re-deal knows the new epoch a while before it
// holds its share of it: until it has heard what was said, has opened its parts
// and could write them down, which takes long where the disk was full. Its person
// is there all the same. What he agrees to meanwhile stands, and is signed once
// the share has come.

// ShareAwaited reports whether this device has no share of its epoch yet and the
// others hold it ready: it was a sleeper of the re-deal that made the epoch, none
// of the parts that were sealed to it is known to be garbage, and it has not taken
// them before, in a life that it was set back from.
func (rd *Redeals) ShareAwaited() bool {
	if rd.me.Circle == nil || rd.me.Circle.Evicted != nil || rd.me.HasShare() || rd.Redealing() {
		return false
	}
	change := rd.me.Circle.Record.Change
	if !slices.Contains(change.Sleepers, rd.me.Circle.Slot) || change.Attempt == rd.Spent {
		return false
	}
	if w := rd.Waking; w != nil && w.Proposal.Attempt() == change.Attempt {
		return !slices.ContainsFunc(w.Machine.Complaints(), func(x refresh.Complaint) bool { return x.By == rd.me.Circle.Slot })
	}
	return true
}

// AwaitedWords says what this device waits for, or "".
func (rd *Redeals) AwaitedWords() string {
	if !rd.ShareAwaited() {
		return ""
	}
	var from []wire.Slot
	for _, s := range rd.me.Circle.Record.Change.Members {
		if _, in := rd.me.Circle.Record.Device(s); in {
			from = append(from, s)
		}
	}
	return fmt.Sprintf("this device waits for its share of epoch %d, which %s hold ready", rd.me.Circle.Record.Epoch, standing.List(rd.me.Names(from)))
}
