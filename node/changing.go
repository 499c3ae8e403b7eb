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

// A changes has the circle become what its persons have agreed to, and what its devices
// decide by themselves; it keeps up with what others have changed.
type changes struct {
	me      *standing
	judging *judging
	drive   *drive
	remains *remains
	ledger  *ledger
	redeals *redeals

	evictAt   time.Time // not before: the next removal of a silent device
	skips     uint64    // re-deals refused because their number was too high, see topNumber
	skippedAt time.Time // the last time
	grudges   grudges
}

// hearPersons passes on to the judge what persons have said, each once.
func (cg *changes) hearPersons(r *openRequest) {
	if cg.judging.vigil.Judge == nil || r.change == nil || !r.open() || cg.ledger.aboutUnknown(r) {
		return
	}
	slot := cg.ledger.subject(r)
	for _, by := range cg.ledger.present(r) {
		w := recovery.Word{ID: r.id, By: by}
		var err error
		switch r.change.Kind {
		case change.Lost, change.Replace:
			err = cg.judging.vigil.Judge.Lost(w, slot)
		case change.Freeze:
			err = cg.judging.vigil.Judge.Freeze(w)
		case change.Thaw:
			if yes, _ := cg.judging.vigil.Judge.Frozen(); yes {
				err = cg.judging.vigil.Judge.Thaw(w)
			}
		case change.Vacation:
			err = cg.judging.vigil.Judge.Vacation(w, slot, r.change.Until-min(r.change.Until, r.request.Created))
		case change.Veto:
			err = cg.judging.vigil.Judge.Veto(w, slot)
		case change.Remove:
			if cg.judging.silent(slot) {
				err = cg.judging.vigil.Judge.Confirm(w, slot)
			}
		}
		if err != nil {
			// It is heard again and again while the request is open.
			if why := err.Error(); why != r.trouble {
				r.trouble = why
				if ok, kept := cg.me.peer(r.from()).words.say(cg.me.now, maxReceived); ok {
					cg.me.log.Warn("a person's word does not count", "request", r.id, "on", cg.me.name(by), "err", err, "others", kept)
				}
			}
		}
	}
	cg.judging.vigil.SaveChanged(cg.me.now)
}

// changeCircle acts on what the persons have agreed to.
func (cg *changes) changeCircle() {
	if cg.me.circle == nil {
		return
	}
	// A device that is out changes nothing, but it wants to know that it is.
	in := cg.me.circle.evicted == nil
	for _, r := range cg.ledger.openByAge() {
		if r.change == nil || !r.open() || r.meta.Done {
			continue
		}
		cg.hearPersons(r)
		if cg.done(r) {
			cg.conclude(r)
			continue
		}
		if !in || !r.change.ByRedeal() || cg.ledger.inEffect(r) || !cg.ledger.granted(r) {
			continue
		}
		switch {
		case cg.redeals.redealing():
			r.idle = time.Time{} // whoever's turn it was has proposed
		case !cg.me.pausing(r.notUntil) && cg.responsible(r):
			cg.proposeChange(r)
		}
	}
	if in {
		cg.evict()
	}
}

// turnLife is how long the one whose turn it is to propose has for it: a member
// may be here and yet not be able to, with a full disk for instance.
const turnLife = 2 * attemptLife

// responsible reports whether it is this device's turn to propose what r asks
// for. The first turn has who asked, unless it goes, is away or locked; then
// those who are here and not locked, in the order of the record.
func (cg *changes) responsible(r *openRequest) bool {
	if r.idle.IsZero() || cg.me.now.Before(r.idle) {
		r.idle = cg.me.now
	}
	_, removed, _ := cg.ledger.wanted(r)
	goes := func(s wire.Slot) bool {
		return slices.ContainsFunc(removed, func(x refresh.Removal) bool { return x.Slot == s })
	}
	order := []wire.Slot{r.from()}
	for _, d := range cg.me.circle.record.Devices {
		if d.Slot != r.from() {
			order = append(order, d.Slot)
		}
	}
	var ahead time.Duration
	for _, s := range order {
		switch {
		case goes(s):
		case s == cg.me.circle.slot:
			return cg.me.now.Sub(r.idle) >= ahead*turnLife
		case cg.me.online(s) && !cg.me.peers[s].locked:
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
func (cg *changes) healed() bool {
	a := cg.redeals.attempt
	if a == nil {
		return true
	}
	if !a.machine.Settled() {
		return false
	}
	if cg.me.now.Sub(a.started) >= healPatience {
		return true
	}
	for _, d := range cg.me.circle.record.Devices {
		if d.Slot == cg.me.circle.slot {
			if cg.me.oldestShare() < cg.me.circle.record.Epoch && len(a.proposal.Sleepers) == 0 {
				return false
			}
			continue
		}
		if p := cg.me.peers[d.Slot]; cg.me.online(d.Slot) && (!p.told || p.record != cg.me.circle.hash || len(a.proposal.Sleepers) == 0 && p.oldest < cg.me.circle.record.Epoch) {
			return false
		}
	}
	return true
}

// done reports whether a change has taken effect, with all that belongs to it.
func (cg *changes) done(r *openRequest) bool {
	return cg.ledger.inEffect(r) && (!r.change.ByRedeal() || cg.healed())
}

// conclude notes that a change of the circle took effect.
func (cg *changes) conclude(r *openRequest) {
	if r.change.Kind == change.Thaw {
		cg.remains.liftFence(cg.me.circle.record.Devices, cg.redeals.going()) // first: after a crash in between it is settled again
	}
	r.meta.Done = true
	r.meta.Closed = max(unix(cg.me.now), 1)
	if err := cg.me.cfg.Journal.Update(func(tx journal.Tx) error { return putMeta(tx, r) }); err != nil {
		cg.me.log.Error("change not stored", "request", r.id, "err", err)
	}
	cg.ledger.prune()
	cg.me.log.Info("change took effect", "request", r.id, "kind", r.request.Kind)
}
