package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// hearPersons passes on to the judge what persons have said, each once.
func (c *core) hearPersons(r *openRequest) {
	if c.vigil.Judge == nil || r.change == nil || !r.open() || c.aboutUnknown(r) {
		return
	}
	slot := c.subject(r)
	for _, by := range c.present(r) {
		w := recovery.Word{ID: r.id, By: by}
		var err error
		switch r.change.Kind {
		case change.Lost, change.Replace:
			err = c.vigil.Judge.Lost(w, slot)
		case change.Freeze:
			err = c.vigil.Judge.Freeze(w)
		case change.Thaw:
			if yes, _ := c.vigil.Judge.Frozen(); yes {
				err = c.vigil.Judge.Thaw(w)
			}
		case change.Vacation:
			err = c.vigil.Judge.Vacation(w, slot, r.change.Until-min(r.change.Until, r.request.Created))
		case change.Veto:
			err = c.vigil.Judge.Veto(w, slot)
		case change.Remove:
			if c.silent(slot) {
				err = c.vigil.Judge.Confirm(w, slot)
			}
		}
		if err != nil {
			// It is heard again and again while the request is open.
			if why := err.Error(); why != r.trouble {
				r.trouble = why
				if ok, kept := c.peer(r.from()).words.say(c.now, maxReceived); ok {
					c.log.Warn("a person's word does not count", "request", r.id, "on", c.name(by), "err", err, "others", kept)
				}
			}
		}
	}
	c.vigil.SaveChanged(c.now)
}

// changeCircle acts on what the persons have agreed to.
func (c *core) changeCircle() {
	if c.circle == nil {
		return
	}
	// A device that is out changes nothing, but it wants to know that it is.
	in := c.circle.evicted == nil
	for _, r := range c.openByAge() {
		if r.change == nil || !r.open() || r.meta.Done {
			continue
		}
		c.hearPersons(r)
		if c.done(r) {
			c.conclude(r)
			continue
		}
		if !in || !r.change.ByRedeal() || c.inEffect(r) || !c.granted(r) {
			continue
		}
		switch {
		case c.redealing():
			r.idle = time.Time{} // whoever's turn it was has proposed
		case !c.pausing(r.notUntil) && c.responsible(r):
			c.proposeChange(r)
		}
	}
	if in {
		c.evict()
	}
}

// turnLife is how long the one whose turn it is to propose has for it: a member
// may be here and yet not be able to, with a full disk for instance.
const turnLife = 2 * attemptLife

// responsible reports whether it is this device's turn to propose what r asks
// for. The first turn has who asked, unless it goes, is away or locked; then
// those who are here and not locked, in the order of the record.
func (c *core) responsible(r *openRequest) bool {
	if r.idle.IsZero() || c.now.Before(r.idle) {
		r.idle = c.now
	}
	_, removed, _ := c.wanted(r)
	goes := func(s wire.Slot) bool {
		return slices.ContainsFunc(removed, func(x refresh.Removal) bool { return x.Slot == s })
	}
	order := []wire.Slot{r.from()}
	for _, d := range c.circle.record.Devices {
		if d.Slot != r.from() {
			order = append(order, d.Slot)
		}
	}
	var ahead time.Duration
	for _, s := range order {
		switch {
		case goes(s):
		case s == c.circle.slot:
			return c.now.Sub(r.idle) >= ahead*turnLife
		case c.online(s) && !c.peers[s].locked:
			ahead++
		}
	}
	return false
}

// healPatience is how long a change waits for members to say that their old
// shares are gone. Status goes on telling who has not.
const healPatience = 10 * time.Second

// healed reports whether the last re-deal is over: everybody who is here has
// destroyed the old shares, or has had long enough to.
func (c *core) healed() bool {
	a := c.attempt
	if a == nil {
		return true
	}
	if !a.machine.Settled() {
		return false
	}
	if c.now.Sub(a.started) >= healPatience {
		return true
	}
	for _, d := range c.circle.record.Devices {
		if d.Slot == c.circle.slot {
			if c.oldestShare() < c.circle.record.Epoch && len(a.proposal.Sleepers) == 0 {
				return false
			}
			continue
		}
		if p := c.peers[d.Slot]; c.online(d.Slot) && (!p.told || p.record != c.circle.hash || len(a.proposal.Sleepers) == 0 && p.oldest < c.circle.record.Epoch) {
			return false
		}
	}
	return true
}

// done reports whether a change has taken effect, with all that belongs to it.
func (c *core) done(r *openRequest) bool {
	return c.inEffect(r) && (!r.change.ByRedeal() || c.healed())
}

// conclude notes that a change of the circle took effect.
func (c *core) conclude(r *openRequest) {
	if r.change.Kind == change.Thaw {
		c.liftFence(c.circle.record.Devices, c.going()) // first: after a crash in between it is settled again
	}
	r.meta.Done = true
	r.meta.Closed = max(unix(c.now), 1)
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putMeta(tx, r) }); err != nil {
		c.log.Error("change not stored", "request", r.id, "err", err)
	}
	c.prune()
	c.log.Info("change took effect", "request", r.id, "kind", r.request.Kind)
}
