// Package door is what a device lends to whoever connects before anybody knows who
// that is, and to all peers together: places, rates and memory, with a limit for
// each. Every device must open to strangers; none of them may keep its peers out.
package door

import (
	"net/netip"
	"slices"
	"sync"
)

// A crowd is a bounded number of places that strangers share, by address. When
// there is none left, a newcomer gets that of whoever has waited longest among
// those of the address that holds most: so an address that wants one place has
// it, however many the others would like to hold, and within one address
// whoever is quick is through before it is its turn to go.
type crowd struct {
	places int // in all
	each   int // for one address

	mu    sync.Mutex
	total int
	from  map[netip.Prefix][]*guest // oldest first
	count uint64                    // of guests so far
}

// A guest holds a place until it leaves or is shown out.
type guest struct {
	crowd *crowd
	at    netip.Prefix
	order uint64 // of arrival
	out   func() // shows it out; nil: it cannot be
	stays bool   // it is not shown out any more
	gone  bool
}

func newCrowd(places, each int) *crowd {
	return &crowd{places: places, each: each, from: make(map[netip.Prefix][]*guest)}
}

// enter gives a place to somebody from an address. It calls out, in the
// newcomer's goroutine and without a lock, on the guest who has to go for it.
// It returns nil if all places are taken by guests who cannot be shown out, and
// reports whether somebody went.
func (c *crowd) enter(at netip.Prefix, out func()) (g *guest, replaced bool) {
	c.mu.Lock()
	var old *guest
	switch {
	case len(c.from[at]) >= c.each:
		old = oldest(c.from[at])
	case c.total >= c.places:
		old = c.surplus(at)
	}
	full := len(c.from[at]) >= c.each || c.total >= c.places
	if full && old == nil {
		c.mu.Unlock()
		return nil, false
	}
	if old != nil {
		c.remove(old)
	}
	c.count++
	g = &guest{crowd: c, at: at, order: c.count, out: out}
	c.from[at] = append(c.from[at], g)
	c.total++
	c.mu.Unlock()
	if old != nil {
		old.out()
	}
	return g, old != nil
}

// surplus returns the guest who goes when somebody comes from at: the oldest of
// the address with most guests, which is at itself if no other has more. Of
// several such it is the oldest of all. The caller holds mu.
func (c *crowd) surplus(at netip.Prefix) (old *guest) {
	most := 0
	if o := oldest(c.from[at]); o != nil {
		old, most = o, len(c.from[at])
	}
	for p, list := range c.from {
		o := oldest(list)
		if o == nil || p == at || len(list) < most {
			continue
		}
		if len(list) > most || old.at != at && o.order < old.order {
			old, most = o, len(list)
		}
	}
	return old
}

// oldest returns the first of a list who may be shown out.
func oldest(list []*guest) *guest {
	i := slices.IndexFunc(list, func(g *guest) bool { return g.out != nil && !g.stays })
	if i < 0 {
		return nil
	}
	return list[i]
}

// remove takes g off the list. The caller holds mu.
func (c *crowd) remove(g *guest) {
	if g.gone {
		return
	}
	g.gone = true
	c.total--
	if rest := slices.DeleteFunc(c.from[g.at], func(o *guest) bool { return o == g }); len(rest) > 0 {
		c.from[g.at] = rest
	} else {
		delete(c.from, g.at)
	}
}

// leave frees the place, and reports whether g still had it.
func (g *guest) leave() bool {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	had := !g.gone
	g.crowd.remove(g)
	return had
}

// stay keeps the place for g until it leaves.
func (g *guest) stay() {
	g.crowd.mu.Lock()
	defer g.crowd.mu.Unlock()
	g.stays = true
}

// size returns how many guests there are, in all and from an address.
func (c *crowd) size(at netip.Prefix) (all, here int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total, len(c.from[at])
}

// household returns what counts as one address: an IPv4 address, or the 64 bits
// of an IPv6 address that a network gives to one link (RFC 4291, section
// 2.5.4), as whoever is there has all the others.
func household(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap().WithZone("")
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // of no IP address: all such are one
	}
	return p
}
