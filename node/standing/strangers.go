package standing

import (
	"math/bits"
	"strings"
	"time"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Strangers is what the link has seen since its last report of whoever it does
// not let in. All of it is of anybody's choosing.
type Strangers struct {
	Refused    []Stranger // showed a transport key that is not allowed, by peer id
	Unheard    int        // connections closed because nobody said who was there
	TurnedAway int        // connections for which there was no place
	From       []string   // IP addresses of the latter two that were busiest
}

// A Stranger is one peer id that was refused.
type Stranger struct {
	Peer  []byte // empty: many
	Addr  string // where it came from last, a multiaddr
	Count int
}

// CrowdedAfter is how many connections without a word within crowdFor are told
// in status: fewer are a port scan.
const (
	CrowdedAfter = 32
	CrowdFor     = 10 * time.Minute
)

// strangers counts what strangers do, since the start of this device.
type strangers struct {
	Refused, Unheard, TurnedAway uint64
	Last                         time.Time
	From                         string

	Crowd      uint64    // unheard and turned away, since
	CrowdSince time.Time // this time
	CrowdLast  time.Time
	CrowdFrom  []string

	Former map[wire.DeviceID]*formerCalls // of devices that are out; at most as many as there are
}

// formerCalls counts how often a device called that is no longer in the circle.
type formerCalls struct {
	Count uint64
	Last  time.Time
	Addr  string // empty if it was let in, to learn that it is out
}

// OnStrangers counts what the link has seen of whoever it does not let in.
func (me *Standing) OnStrangers(s Strangers) {
	k := &me.Strangers
	k.Last = me.Now
	for _, r := range s.Refused {
		count := uint64(max(r.Count, 0))
		if f, ok := me.FormerPeer(r.Peer); ok {
			me.FormerCalled(f, count, r.Addr)
			continue
		}
		k.Refused += count
		k.From = r.Addr
	}
	k.Unheard += uint64(max(s.Unheard, 0))
	k.TurnedAway += uint64(max(s.TurnedAway, 0))
	n := uint64(max(s.Unheard, 0) + max(s.TurnedAway, 0))
	if n == 0 {
		return
	}
	if me.Now.Sub(k.CrowdLast).Abs() > CrowdFor {
		k.Crowd, k.CrowdSince = 0, me.Now
	}
	before := k.Crowd
	k.Crowd, k.CrowdLast, k.CrowdFrom = k.Crowd+n, me.Now, s.From
	if before < CrowdedAfter && k.Crowd >= CrowdedAfter {
		me.Log.Warn("many connections say nothing", "count", k.Crowd, "from", strings.Join(s.From, " "))
	}
}

// FormerPeer returns the device that is out and had this transport key.
func (me *Standing) FormerPeer(peer []byte) (roster.Former, bool) {
	if me.Circle == nil || len(peer) == 0 {
		return roster.Former{}, false
	}
	for _, e := range me.Circle.Chain {
		for _, d := range e.Record.Devices {
			if string(d.Peer) != string(peer) {
				continue
			}
			return me.Circle.Record.IsFormer(d.Identity)
		}
	}
	return roster.Former{}, false
}

// FormerCalled takes note that a device that is out has called. It may do so as
// often as it likes: the log has a line for each doubling of the count.
func (me *Standing) FormerCalled(f roster.Former, count uint64, addr string) {
	if me.Strangers.Former == nil {
		me.Strangers.Former = make(map[wire.DeviceID]*formerCalls)
	}
	calls := me.Strangers.Former[f.Identity]
	if calls == nil {
		calls = new(formerCalls)
		me.Strangers.Former[f.Identity] = calls
	}
	before := calls.Count
	calls.Count += count
	calls.Last, calls.Addr = me.Now, addr
	if bits.Len64(before) != bits.Len64(calls.Count) {
		me.Log.Warn("a device that is out called", "device", f.Name, "state", f.State.String(), "count", calls.Count, "addr", addr)
	}
}
