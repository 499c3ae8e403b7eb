package node

import (
	"fmt"
	"math/bits"
	"strings"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
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

// OnStrangers is for the link, which calls it once a second at most.
func (n *Node) OnStrangers(s Strangers) {
	n.post(func(c *core) {
		c.onStrangers(s)
	})
}

func (c *core) onStrangers(s Strangers) {
	k := &c.strangers
	k.last = c.now
	for _, r := range s.Refused {
		count := uint64(max(r.Count, 0))
		if f, ok := c.formerPeer(r.Peer); ok {
			c.formerCalled(f, count, r.Addr)
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
	if c.now.Sub(k.crowdLast).Abs() > crowdFor {
		k.crowd, k.crowdSince = 0, c.now
	}
	before := k.crowd
	k.crowd, k.crowdLast, k.crowdFrom = k.crowd+n, c.now, s.From
	if before < crowdedAfter && k.crowd >= crowdedAfter {
		c.log.Warn("many connections say nothing", "count", k.crowd, "from", strings.Join(s.From, " "))
	}
}

// formerPeer returns the device that is out and had this transport key.
func (c *core) formerPeer(peer []byte) (roster.Former, bool) {
	if c.circle == nil || len(peer) == 0 {
		return roster.Former{}, false
	}
	for _, e := range c.circle.chain {
		for _, d := range e.Record.Devices {
			if string(d.Peer) != string(peer) {
				continue
			}
			return c.circle.record.IsFormer(d.Identity)
		}
	}
	return roster.Former{}, false
}

// formerCalled takes note that a device that is out has called. It may do so as
// often as it likes: the log has a line for each doubling of the count.
func (c *core) formerCalled(f roster.Former, count uint64, addr string) {
	if c.strangers.former == nil {
		c.strangers.former = make(map[wire.DeviceID]*formerCalls)
	}
	calls := c.strangers.former[f.Identity]
	if calls == nil {
		calls = new(formerCalls)
		c.strangers.former[f.Identity] = calls
	}
	before := calls.count
	calls.count += count
	calls.last, calls.addr = c.now, addr
	if bits.Len64(before) != bits.Len64(calls.count) {
		c.log.Warn("a device that is out called", "device", f.Name, "state", f.State.String(), "count", calls.count, "addr", addr)
	}
}

// strangerWarnings says what of it needs the person.
func (c *core) strangerWarnings() (w []string) {
	k := &c.strangers
	if c.circle != nil {
		for _, f := range c.circle.record.Former {
			calls := k.former[f.Identity]
			if calls == nil || c.now.Sub(calls.last) > noticeFor {
				continue
			}
			was := map[roster.FormerState]string{roster.Stolen: "called lost", roster.Silent: "removed for its silence"}[f.State]
			if was == "" {
				continue // it left, and asks whether it may forget its shares
			}
			from := ""
			if calls.addr != "" {
				from = " from " + intent.Escape(calls.addr)
			}
			w = append(w, fmt.Sprintf("%s, which was %s in epoch %d, tried to connect %s, last %s ago%s: somebody runs it; it is out and can sign nothing",
				intent.Escape(f.Name), was, f.Epoch, times(calls.count), roughly(c.now.Sub(calls.last)), from))
		}
	}
	if k.crowd >= crowdedAfter && c.now.Sub(k.crowdLast).Abs() <= crowdFor {
		w = append(w, fmt.Sprintf("%d connections in %s said nothing or found no place, most of them from %s: places are kept for addresses of your devices, but one that comes from a new address may not get through; look for the program there",
			k.crowd, roughly(max(k.crowdLast.Sub(k.crowdSince), time.Second)), intent.Escape(strings.Join(k.crowdFrom, ", "))))
	}
	return w
}

func times(n uint64) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}

// viewStrangers is nil while there is nothing to tell.
func (c *core) viewStrangers() *api.Strangers {
	k := &c.strangers
	if k.refused+k.unheard+k.turnedAway == 0 {
		return nil
	}
	return &api.Strangers{
		Refused: k.refused, Unheard: k.unheard, TurnedAway: k.turnedAway,
		Last: k.last.UTC().Truncate(time.Second), From: intent.Escape(k.from),
	}
}
