package p2p

import (
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/warifu/warifu/internal/p2p/door"
	"github.com/warifu/warifu/internal/p2p/rate"
)

// Strangers is what was seen since the last report of whoever is not allowed.
type Strangers = door.Strangers

// A strangerLog writes of strangers, with what was counted since the last line, as
// often as limits.strangerLog allows: anybody can cause a report a second. Reports
// follow one another, so that nothing guards it.
type strangerLog struct {
	log                          *slog.Logger
	limit                        *rate.Bucket
	refused, unheard, turnedAway int // not told yet
}

func newStrangerLog(log *slog.Logger, pause time.Duration) *strangerLog {
	return &strangerLog{log: log, limit: rate.NewBucket(rate.Limit{PerSecond: 1 / pause.Seconds(), Burst: 1}, time.Now())}
}

// take counts a report in, and writes a line if it is time for one.
func (g *strangerLog) take(s Strangers) {
	for _, r := range s.Refused {
		g.refused += r.Count
	}
	g.unheard += s.Unheard
	g.turnedAway += s.TurnedAway
	if !g.limit.Take(1, time.Now()) {
		return
	}
	addr := ""
	if len(s.Refused) > 0 {
		addr = s.Refused[0].Addr
	} else if len(s.From) > 0 {
		addr = s.From[0]
	}
	g.log.Info("stranger refused", "addr", addr, "refused", g.refused, "unheard", g.unheard, "turned_away", g.turnedAway)
	g.refused, g.unheard, g.turnedAway = 0, 0, 0
}

// knows reports whether a peer is known at ip: somebody has said so who knows
// it, or it was there.
func (l *Link) knows(ip netip.Addr) bool {
	return slices.ContainsFunc(l.everyRemote(), func(r *remote) bool { return r.book.lives(ip) })
}
