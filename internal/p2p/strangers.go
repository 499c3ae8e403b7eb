package p2p

import (
	"net/netip"
	"slices"
	"time"

	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/door"
)

// Strangers is what was seen since the last report of whoever is not allowed.
type Strangers = door.Strangers

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
	if l.strangerLog.Take(1, time.Now()) {
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
	at := func(a ma.Multiaddr) bool { return door.IPOf(a) == ip }
	return slices.Contains(r.met, ip) || slices.ContainsFunc(r.fixed, at) || slices.ContainsFunc(r.told, at)
}

// meetAt takes note that the peer was met at an address.
func (r *remote) meetAt(a ma.Multiaddr) {
	ip := door.IPOf(a)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.met = slices.DeleteFunc(r.met, func(o netip.Addr) bool { return o == ip })
	r.met = slices.Insert(r.met, 0, ip)
	r.met = r.met[:min(len(r.met), maxLearnedAddrs)]
}
