package desk

import (
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
			s.Warnings = append(s.Warnings, vw.say(say.HeldBack, d.Name, v.Load))
		}
	}
}

// faultWarnings names those who did what no honest device does.
func (vw *Views) faultWarnings() (w []string) {
	for _, slot := range standing.SortedSlots(vw.me.Peers) {
		p := vw.me.Peers[slot]
		if _, in := vw.me.Circle.Record.Device(slot); in && p.Faults > 0 && vw.me.Now.Sub(p.FaultAt).Abs() < faultFor {
			w = append(w, vw.say(say.SendsForgeries, vw.me.Name(slot)))
		}
	}
	return w
}
