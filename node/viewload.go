package node

import (
	"fmt"
	"math"
	"time"

	"github.com/warifu/warifu/node/api"
)

// faultFor is how long status tells of a fault.
const faultFor = time.Hour

// viewLoads adds to a status what the other devices cost this one, by their peer
// ids.
func (vw *views) viewLoads(s *api.Status, loads map[string]load) {
	if vw.me.circle == nil {
		return
	}
	for i, d := range vw.me.circle.record.Devices {
		l := loads[string(d.Peer)]
		v := &s.Devices[i]
		v.Load, v.HeldBack = int(math.Round(100*l.share)), l.held
		if l.held {
			s.Warnings = append(s.Warnings, fmt.Sprintf(
				"%s takes %d %% of this device's time and is held back; if it is not catching up after a long absence, look what it is doing: it may be compromised", d.Name, v.Load))
		}
	}
}

// faultWarnings names those who did what no honest device does.
func (vw *views) faultWarnings() (w []string) {
	for _, slot := range sortedSlots(vw.me.peers) {
		p := vw.me.peers[slot]
		if _, in := vw.me.circle.record.Device(slot); in && p.faults > 0 && vw.me.now.Sub(p.faultAt).Abs() < faultFor {
			w = append(w, vw.me.name(slot)+" sends what others did not sign, in their name: it may be compromised; `warifu lost` takes it out")
		}
	}
	return w
}

// A load is what a device costs.
type load struct {
	share float64 // of the loop's time, lately
	held  bool    // it takes more than its budget and has to wait
}
