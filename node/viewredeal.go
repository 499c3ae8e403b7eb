package node

import (
	"fmt"

	"github.com/warifu/warifu/wire"
)

// redealWarnings lists what the newest re-deal has shown about devices, and for
// whom old shares are kept since.
func (c *core) redealWarnings() (w []string) {
	for _, a := range []*attempt{c.attempt, c.waking} {
		if a == nil {
			continue
		}
		for _, x := range a.machine.Evidence() {
			w = append(w, fmt.Sprintf("%s %s: the proof is kept; decide which devices to trust", c.name(x.Slot), x.What))
		}
		if a != c.waking && !a.machine.Settled() {
			continue // who complains in one that fails is named with it
		}
		for _, x := range a.machine.Complaints() {
			w = append(w, fmt.Sprintf("%s says that the share that %s dealt to it does not fit, and has none: one of the two is wrong; \"warifu refresh\" deals anew",
				c.name(x.By), c.name(x.Against)))
		}
	}
	if a := c.attempt; a != nil && a.machine.Settled() && c.oldestShare() < c.circle.record.Epoch {
		var asleep, without []wire.Slot
		for _, s := range a.machine.Waiting() {
			if c.online(s) && c.without(s) {
				without = append(without, s)
			} else {
				asleep = append(asleep, s)
			}
		}
		if len(asleep) > 0 {
			w = append(w, "old shares are kept until "+list(c.names(asleep))+" wakes up")
		}
		if len(without) > 0 {
			w = append(w, "old shares are kept until "+list(c.names(without))+" has a share of this epoch: \"warifu refresh\" deals it one")
		}
	}
	return w
}
