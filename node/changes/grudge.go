package changes

import (
	"cmp"
	"slices"
	"time"

	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// One member can make a re-deal fail: by refusing, by silence, by dealing
// garbage. It must not make every re-deal fail. So a device remembers for a while
// who it was that the last attempts died of, and leaves it out of the next that
// it proposes, as far as the quorum allows: it becomes a sleeper, which stays in
// the circle, has no vote, and finds its fresh share with the others.
//
// What is remembered is what this device saw itself. Nobody's accusation counts:
// a dealer that another device complains of only deals no more, and who
// complains twice is the one that is left out. It is kept in memory, for half a
// day at most and until a re-deal succeeds, so that a device that had a bad
// minute is asked again.

// A grudge is what this device holds against another.
type grudge struct {
	times     int
	last      time.Time
	why       string
	complains int  // of dealers, of whom at least one was honest or replaced
	dealt     bool // somebody complained of its dealing
}

// GrudgeFor is longer than the longest pause between two attempts to remove a
// silent device.
const GrudgeFor = 12 * time.Hour

// Grudges are those of this device, by slot.
type Grudges map[wire.Slot]*grudge

// of returns what is held against slot, to be added to.
func (g Grudges) of(slot wire.Slot, now time.Time) *grudge {
	x := g[slot]
	if x == nil || x.over(now) {
		x = &grudge{last: now}
		g[slot] = x
	}
	return x
}

func (g *grudge) over(now time.Time) bool { return now.Sub(g.last).Abs() >= GrudgeFor }

// held reports whether something is still held against slot.
func (g Grudges) held(slot wire.Slot, now time.Time) bool {
	x := g[slot]
	return x != nil && x.times > 0 && !x.over(now)
}

// against is what is held against slot, or nothing.
func (g Grudges) against(slot wire.Slot, now time.Time) grudge {
	if g.held(slot, now) {
		return *g[slot]
	}
	return grudge{}
}

// doubt ranks a dealer behind others if something is held against it, or somebody
// complained of its dealing.
func (g Grudges) doubt(slot wire.Slot, now time.Time) int {
	if x := g[slot]; g.held(slot, now) || x != nil && x.dealt && !x.over(now) {
		return 1
	}
	return 0
}

// Blame notes that an attempt died of slot.
func (cg *Changes) Blame(slot wire.Slot, why string) {
	g := cg.Grudges.of(slot, cg.me.Now)
	g.times, g.last, g.why = g.times+1, cg.me.Now, why
	cg.me.Log.Warn("left out of the next re-deal, if possible", "device", cg.me.Name(slot), "why", why)
}

// blameFor finds out whom an attempt died of. Whoever votes against one that has
// hardly begun has refused it. Later, time ran out for all alike, and it was those
// for whom all waited. What a device can be proved or was seen to have done wrong
// comes first.
func (cg *Changes) blameFor(a *redeal.Attempt) {
	self := cg.redeals.CircleSlot(a)
	proven := false
	suspects := a.Machine.Suspects()
	for _, slot := range standing.SortedSlots(suspects) {
		if slot != self {
			cg.Blame(slot, suspects[slot])
			proven = true
		}
	}
	for _, x := range a.Machine.Complaints() {
		switch {
		case x.By == self:
			cg.Blame(x.Against, "sealed a share that does not fit")
		case x.Against == self || cg.Grudges.of(x.By, cg.me.Now).complains > 0:
			cg.Blame(x.By, "complains of what "+cg.me.Name(x.Against)+" dealt")
		default:
			cg.Grudges.of(x.By, cg.me.Now).complains++
			cg.Grudges.of(x.Against, cg.me.Now).dealt = true
		}
		proven = true
	}
	if proven {
		return
	}
	// They lie, or a dealer dealt two things and managed to hide it: those who
	// gave up because of it did nothing.
	if apart := a.Machine.Apart(); len(apart) > 0 {
		for _, s := range apart {
			if s != self {
				cg.Blame(s, "was ready for something else")
			}
		}
		return
	}
	late := a.Doomed.Sub(a.Started).Abs() >= redeal.AttemptLost
	if late && len(a.Missing) > 0 {
		for _, s := range a.Missing {
			cg.Blame(s, "did not take part")
		}
		return
	}
	// Those who heard of the refusal before this device did vote against it, too.
	// If it was the wrong one who was heard first, the next attempt shows it.
	if len(a.Against) > 0 {
		cg.Blame(a.Against[0], "voted against it")
	}
}

// leaveOut makes sleepers of those among the members of a proposal who say nothing
// or whom this device holds something against, the latest first, as long as enough
// are left.
func (cg *Changes) leaveOut(p *refresh.Proposal, head roster.Record, enough int) {
	bad := slices.DeleteFunc(slices.Clone(p.Members), func(s wire.Slot) bool {
		return s == cg.me.Circle.Slot || cg.me.Hears(s) && !cg.Grudges.held(s, cg.me.Now)
	})
	slices.SortFunc(bad, func(x, y wire.Slot) int {
		gx, gy := cg.Grudges.against(x, cg.me.Now), cg.Grudges.against(y, cg.me.Now)
		return cmp.Or(cg.me.Unheard(y)-cg.me.Unheard(x), gy.last.Compare(gx.last), gy.times-gx.times, cmp.Compare(x, y))
	})
	for _, s := range bad {
		rest := slices.DeleteFunc(slices.Clone(p.Members), func(x wire.Slot) bool { return x == s })
		if len(rest) < enough || len(cg.mayDeal(rest)) < head.Threshold {
			continue
		}
		p.Members, p.Sleepers = rest, append(p.Sleepers, s)
	}
	slices.Sort(p.Sleepers)
}

// mayDeal lists those of the given devices that hold a share, with those of
// whose dealing somebody complained at the end.
func (cg *Changes) mayDeal(slots []wire.Slot) (out []wire.Slot) {
	for _, s := range slots {
		if pr := cg.me.Peers[s]; s == cg.me.Circle.Slot && cg.me.HasShare() || pr != nil && pr.Share {
			out = append(out, s)
		}
	}
	slices.SortStableFunc(out, func(x, y wire.Slot) int { return cg.Grudges.doubt(x, cg.me.Now) - cg.Grudges.doubt(y, cg.me.Now) })
	return out
}

// WhyDied says for the person what the last attempts died of.
func (cg *Changes) WhyDied() []string {
	var why []string
	for _, s := range standing.SortedSlots(cg.Grudges) {
		if cg.Grudges.held(s, cg.me.Now) {
			why = append(why, cg.me.Name(s)+" "+cg.Grudges[s].why)
		}
	}
	return why
}
