package node

import (
	"fmt"

	"github.com/warifu/warifu/wire"
)

// redealWarnings lists what the newest re-deal has shown about devices, and for
// whom old shares are kept since.
func (vw *views) redealWarnings() (w []string) {
	for _, a := range []*attempt{vw.redeals.attempt, vw.redeals.waking} {
		if a == nil {
			continue
		}
		for _, x := range a.machine.Evidence() {
			w = append(w, fmt.Sprintf("%s %s: the proof is kept; decide which devices to trust", vw.me.name(x.Slot), x.What))
		}
		if a != vw.redeals.waking && !a.machine.Settled() {
			continue // who complains in one that fails is named with it
		}
		for _, x := range a.machine.Complaints() {
			w = append(w, fmt.Sprintf("%s says that the share that %s dealt to it does not fit, and has none: one of the two is wrong; \"warifu refresh\" deals anew",
				vw.me.name(x.By), vw.me.name(x.Against)))
		}
	}
	if a := vw.redeals.attempt; a != nil && a.machine.Settled() && vw.me.oldestShare() < vw.me.circle.record.Epoch {
		var asleep, without []wire.Slot
		for _, s := range a.machine.Waiting() {
			if vw.me.online(s) && vw.me.without(s) {
				without = append(without, s)
			} else {
				asleep = append(asleep, s)
			}
		}
		if len(asleep) > 0 {
			w = append(w, "old shares are kept until "+list(vw.me.names(asleep))+" wakes up")
		}
		if len(without) > 0 {
			w = append(w, "old shares are kept until "+list(vw.me.names(without))+" has a share of this epoch: \"warifu refresh\" deals it one")
		}
	}
	return w
}
