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
func (c *core) shareAwaited() bool {
	if c.circle == nil || c.circle.evicted != nil || c.hasShare() || c.redealing() {
		return false
	}
	change := c.circle.record.Change
	if !slices.Contains(change.Sleepers, c.circle.slot) || change.Attempt == c.spent {
		return false
	}
	if w := c.waking; w != nil && w.proposal.Attempt() == change.Attempt {
		return !slices.ContainsFunc(w.machine.Complaints(), func(x refresh.Complaint) bool { return x.By == c.circle.slot })
	}
	return true
}

// awaitedWords says what this device waits for, or "".
func (c *core) awaitedWords() string {
	if !c.shareAwaited() {
		return ""
	}
	var from []wire.Slot
	for _, s := range c.circle.record.Change.Members {
		if _, in := c.circle.record.Device(s); in {
			from = append(from, s)
		}
	}
	return fmt.Sprintf("this device waits for its share of epoch %d, which %s hold ready", c.circle.record.Epoch, list(c.names(from)))
}
