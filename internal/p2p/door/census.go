package door

import (
	"cmp"
	"maps"
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

// A Census counts strangers and hands out a report now and then.
type Census struct {
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

// NewCensus returns a census that gives each report to hand, in a goroutine that
// spawn begins, with at least every between two.
func NewCensus(every time.Duration, spawn func(func()) bool, hand func(Strangers)) *Census {
	return &Census{every: every, spawn: spawn, hand: hand, refused: make(map[peer.ID]*Stranger), busy: make(map[string]int)}
}

// Refuse counts somebody whose key is not allowed.
func (c *Census) Refuse(id peer.ID, addr string) {
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

// Unheard counts a connection that ended before anybody knew whose it was.
func (c *Census) Unheard(addr string, turnedAway bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if turnedAway {
		c.s.TurnedAway++
	} else {
		c.s.Unheard++
	}
	ip := addr
	if a, err := ma.NewMultiaddr(addr); err == nil && IPOf(a).IsValid() {
		ip = IPOf(a).String()
	}
	if _, ok := c.busy[ip]; ok || len(c.busy) < maxStrangers {
		c.busy[ip]++
	}
	c.report()
}

// report sees to it that a report is made soon. The caller holds mu.
func (c *Census) report() {
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
func (c *Census) deliver() {
	c.hand(c.take())
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = false
	if c.s.Unheard+c.s.TurnedAway+len(c.refused) > 0 {
		c.report()
	}
}

// take returns what was counted and begins to count anew.
func (c *Census) take() Strangers {
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
