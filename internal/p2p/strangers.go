package p2p

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Strangers is what was seen since the last report of whoever is not allowed.
type Strangers struct {
	// Refused are those who showed a key that is not allowed: at most
	// maxStrangers peer ids, and one entry without a peer id for all further
	// ones.
	Refused []Stranger

	// Unheard counts connections that were closed because they did not say
	// whose they were, in time or before another needed the place, and
	// TurnedAway those for which there was no place, or which came from an
	// address that had made too many of late.
	Unheard, TurnedAway int

	// From holds the IP addresses of the latter two that were busiest, the
	// busiest first, at most maxBusiest.
	From []string
}

// A Stranger is one peer id that was refused.
type Stranger struct {
	Peer  []byte
	Addr  string // where it came from last, a multiaddr
	Count int
}

const (
	// maxStrangers bounds the peer ids, and the addresses, that are told
	// apart in one report: whoever wants to can have many.
	maxStrangers = 64
	maxBusiest   = 3
)

// A census counts strangers and hands out a report now and then.
type census struct {
	every time.Duration     // between two reports
	spawn func(func()) bool // runs it, unless the link does not run
	hand  func(Strangers)

	mu      sync.Mutex
	refused map[peer.ID]*Stranger
	busy    map[string]int // by IP address
	s       Strangers
	due     bool // a report is on its way
	last    time.Time
}

func newCensus(every time.Duration, spawn func(func()) bool, hand func(Strangers)) *census {
	return &census{every: every, spawn: spawn, hand: hand, refused: make(map[peer.ID]*Stranger), busy: make(map[string]int)}
}

// refuse counts somebody whose key is not allowed.
func (c *census) refuse(id peer.ID, addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.refused[id] == nil && len(c.refused) >= maxStrangers {
		id = ""
	}
	s := c.refused[id]
	if s == nil {
		s = &Stranger{Peer: []byte(id)}
		c.refused[id] = s
	}
	s.Addr = addr
	s.Count++
	c.report()
}

// unheard counts a connection that ended before anybody knew whose it was.
func (c *census) unheard(addr string, turnedAway bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if turnedAway {
		c.s.TurnedAway++
	} else {
		c.s.Unheard++
	}
	ip := addr
	if a, err := ma.NewMultiaddr(addr); err == nil && ipOf(a).IsValid() {
		ip = ipOf(a).String()
	}
	if _, ok := c.busy[ip]; ok || len(c.busy) < maxStrangers {
		c.busy[ip]++
	}
	c.report()
}

// report sees to it that a report is made soon. The caller holds mu.
func (c *census) report() {
	if c.due {
		return
	}
	c.due = true
	wait := max(0, c.every-time.Since(c.last))
	time.AfterFunc(wait, func() {
		if !c.spawn(c.deliver) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.due = false
		}
	})
}

// deliver makes a report. The next is not begun before this one is over.
func (c *census) deliver() {
	c.hand(c.take())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = false
	if c.s.Unheard+c.s.TurnedAway+len(c.refused) > 0 {
		c.report()
	}
}

// take returns what was counted and begins to count anew.
func (c *census) take() Strangers {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.s
	for _, id := range slices.Sorted(maps.Keys(c.refused)) {
		s.Refused = append(s.Refused, *c.refused[id])
	}
	ips := slices.Sorted(maps.Keys(c.busy))
	slices.SortStableFunc(ips, func(a, b string) int { return cmp.Compare(c.busy[b], c.busy[a]) })
	s.From = ips[:min(len(ips), maxBusiest)]
	c.s, c.last = Strangers{}, time.Now()
	clear(c.refused)
	clear(c.busy)
	return s
}

// tell hands a report on, and writes of it in the log, with what was counted
// since the last line, as often as limits.strangerLog allows: anybody can cause
// a report a second.
func (l *Link) tell(s Strangers) {
	refused := 0
	for _, r := range s.Refused {
		refused += r.Count
	}
	l.untold.refused += refused
	l.untold.unheard += s.Unheard
	l.untold.turnedAway += s.TurnedAway
	if l.strangerLog.take(1, time.Now()) {
		addr := ""
		if len(s.Refused) > 0 {
			addr = s.Refused[0].Addr
		} else if len(s.From) > 0 {
			addr = s.From[0]
		}
		u := l.untold
		l.cfg.Log.Info("stranger refused", "addr", addr, "refused", u.refused, "unheard", u.unheard, "turned_away", u.turnedAway)
		l.untold = untold{}
	}
	l.cfg.OnStrangers(s)
}

// untold is what was counted since the last line of the log. Reports follow one
// another, so that nothing guards it.
type untold struct{ refused, unheard, turnedAway int }

// knows reports whether a peer is known at ip: somebody has said so who knows
// it, or it was there.
func (l *Link) knows(ip netip.Addr) bool {
	return slices.ContainsFunc(l.everyRemote(), func(r *remote) bool { return r.lives(ip) })
}

// lives reports whether the peer is known at ip. What a beacon said does not
// count, as anybody can say where a beacon comes from.
func (r *remote) lives(ip netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := func(a ma.Multiaddr) bool { return ipOf(a) == ip }
	return slices.Contains(r.met, ip) || slices.ContainsFunc(r.fixed, at) || slices.ContainsFunc(r.told, at)
}

// meetAt takes note that the peer was met at an address.
func (r *remote) meetAt(a ma.Multiaddr) {
	ip := ipOf(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.met = slices.DeleteFunc(r.met, func(o netip.Addr) bool { return o == ip })
	r.met = slices.Insert(r.met, 0, ip)
	r.met = r.met[:min(len(r.met), maxLearnedAddrs)]
}
