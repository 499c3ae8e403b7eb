package node

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

// crowdedAfter is how many connections without a word within crowdFor are told
// in status: fewer are a port scan.
const (
	crowdedAfter = 32
	crowdFor     = 10 * time.Minute
)

// strangers counts what strangers do, since the start of this device.
type strangers struct {
	refused, unheard, turnedAway uint64
	last                         time.Time
	from                         string

	crowd      uint64    // unheard and turned away, since
	crowdSince time.Time // this time
	crowdLast  time.Time
	crowdFrom  []string

	former map[wire.DeviceID]*formerCalls // of devices that are out; at most as many as there are
}

// formerCalls counts how often a device called that is no longer in the circle.
type formerCalls struct {
	count uint64
	last  time.Time
	addr  string // empty if it was let in, to learn that it is out
}

func (me *standing) onStrangers(s Strangers) {
	k := &me.strangers
	k.last = me.now
	for _, r := range s.Refused {
		count := uint64(max(r.Count, 0))
		if f, ok := me.formerPeer(r.Peer); ok {
			me.formerCalled(f, count, r.Addr)
			continue
		}
		k.refused += count
		k.from = r.Addr
	}
	k.unheard += uint64(max(s.Unheard, 0))
	k.turnedAway += uint64(max(s.TurnedAway, 0))
	n := uint64(max(s.Unheard, 0) + max(s.TurnedAway, 0))
	if n == 0 {
		return
	}
	if me.now.Sub(k.crowdLast).Abs() > crowdFor {
		k.crowd, k.crowdSince = 0, me.now
	}
	before := k.crowd
	k.crowd, k.crowdLast, k.crowdFrom = k.crowd+n, me.now, s.From
	if before < crowdedAfter && k.crowd >= crowdedAfter {
		me.log.Warn("many connections say nothing", "count", k.crowd, "from", strings.Join(s.From, " "))
	}
}

// formerPeer returns the device that is out and had this transport key.
func (me *standing) formerPeer(peer []byte) (roster.Former, bool) {
	if me.circle == nil || len(peer) == 0 {
		return roster.Former{}, false
	}
	for _, e := range me.circle.chain {
		for _, d := range e.Record.Devices {
			if string(d.Peer) != string(peer) {
				continue
			}
			return me.circle.record.IsFormer(d.Identity)
		}
	}
	return roster.Former{}, false
}

// formerCalled takes note that a device that is out has called. It may do so as
// often as it likes: the log has a line for each doubling of the count.
func (me *standing) formerCalled(f roster.Former, count uint64, addr string) {
	if me.strangers.former == nil {
		me.strangers.former = make(map[wire.DeviceID]*formerCalls)
	}
	calls := me.strangers.former[f.Identity]
	if calls == nil {
		calls = new(formerCalls)
		me.strangers.former[f.Identity] = calls
	}
	before := calls.count
	calls.count += count
	calls.last, calls.addr = me.now, addr
	if bits.Len64(before) != bits.Len64(calls.count) {
		me.log.Warn("a device that is out called", "device", f.Name, "state", f.State.String(), "count", calls.count, "addr", addr)
	}
}
