package desk

import (
	"fmt"
	"math"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/inbox"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
)

// faultFor is how long status tells of a fault.
const faultFor = time.Hour

// viewLoads adds to a status what the other devices cost this one, by their peer
// ids.
func (vw *Views) viewLoads(s *api.Status, loads map[string]inbox.Load) {
	if vw.me.Circle == nil {
		return
	}
	for i, d := range vw.me.Circle.Record.Devices {
		l := loads[string(d.Peer)]
		v := &s.Devices[i]
		v.Load, v.HeldBack = int(math.Round(100*l.Share)), l.Held
		if l.Held {
			s.Warnings = append(s.Warnings, fmt.Sprintf(
				"%s takes %d %% of this device's time and is held back; if it is not catching up after a long absence, look what it is doing: it may be compromised", d.Name, v.Load))
		}
	}
}

// faultWarnings names those who did what no honest device does.
func (vw *Views) faultWarnings() (w []string) {
	for _, slot := range standing.SortedSlots(vw.me.Peers) {
		p := vw.me.Peers[slot]
		if _, in := vw.me.Circle.Record.Device(slot); in && p.Faults > 0 && vw.me.Now.Sub(p.FaultAt).Abs() < faultFor {
			w = append(w, vw.me.Name(slot)+" sends what others did not sign, in their name: it may be compromised; `"+vw.do(say.Lost)+"` takes it out")
		}
	}
	return w
}
