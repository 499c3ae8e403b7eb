package desk

import (
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// redealWarnings lists what the newest re-deal has shown about devices, and for
// whom old shares are kept since.
func (vw *Views) redealWarnings() (w []string) {
	for _, a := range []*redeal.Attempt{vw.redeals.Attempt, vw.redeals.Waking} {
		if a == nil {
			continue
		}
		for _, x := range a.Machine.Evidence() {
			w = append(w, vw.say(say.ProofKept, vw.me.Name(x.Slot), x.What))
		}
		if a != vw.redeals.Waking && !a.Machine.Settled() {
			continue // who complains in one that fails is named with it
		}
		for _, x := range a.Machine.Complaints() {
			w = append(w, vw.say(say.ShareDoesNotFit, vw.me.Name(x.By), vw.me.Name(x.Against)))
		}
	}
	if a := vw.redeals.Attempt; a != nil && a.Machine.Settled() && vw.me.OldestShare() < vw.me.Circle.Record.Epoch {
		var asleep, without []wire.Slot
		for _, s := range a.Machine.Waiting() {
			if vw.me.Online(s) && vw.me.Without(s) {
				without = append(without, s)
			} else {
				asleep = append(asleep, s)
			}
		}
		if len(asleep) > 0 {
			w = append(w, vw.say(say.OldSharesForSleeper, standing.List(vw.me.Names(asleep))))
		}
		if len(without) > 0 {
			w = append(w, vw.say(say.OldSharesForPending, standing.List(vw.me.Names(without))))
		}
	}
	return w
}
