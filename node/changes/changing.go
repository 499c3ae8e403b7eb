package changes

import (
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Changes has the circle become what its persons have agreed to, and what its devices
// decide by themselves; it keeps up with what others have changed.
type Changes struct {
	me      *standing.Standing
	judging *judging.Judging
	drive   *drive.Drive
	remains *redeal.Remains
	ledger  *ledger.Ledger
	redeals *redeal.Redeals

	evictAt   time.Time // not before: the next removal of a silent device
	skips     uint64    // re-deals refused because their number was too high, see topNumber
	skippedAt time.Time // the last time
	Grudges   Grudges
}

// New makes one that holds nothing against anybody.
func New(me *standing.Standing, j *judging.Judging, d *drive.Drive, rm *redeal.Remains, l *ledger.Ledger, rd *redeal.Redeals) *Changes {
	return &Changes{me: me, judging: j, drive: d, remains: rm, ledger: l, redeals: rd, Grudges: Grudges{}}
}

// hearPersons passes on to the judge what persons have said, each once.
func (cg *Changes) hearPersons(r *ledger.Request) {
	if cg.judging.Vigil.Judge == nil || r.Change == nil || !r.Open() || cg.ledger.AboutUnknown(r) {
		return
	}
	slot := cg.ledger.Subject(r)
	for _, by := range cg.ledger.Present(r) {
		w := recovery.Word{ID: r.ID, By: by}
		var err error
		switch r.Change.Kind {
		case change.Lost, change.Replace:
			err = cg.judging.Vigil.Judge.Lost(w, slot)
		case change.Freeze:
			err = cg.judging.Vigil.Judge.Freeze(w)
		case change.Thaw:
			if yes, _ := cg.judging.Vigil.Judge.Frozen(); yes {
				err = cg.judging.Vigil.Judge.Thaw(w)
			}
		case change.Vacation:
			err = cg.judging.Vigil.Judge.Vacation(w, slot, r.Change.Until-min(r.Change.Until, r.Request.Created))
		case change.Veto:
			err = cg.judging.Vigil.Judge.Veto(w, slot)
		case change.Remove:
			if cg.judging.Silent(slot) {
				err = cg.judging.Vigil.Judge.Confirm(w, slot)
			}
		}
		if err != nil {
			// It is heard again and again while the request is open.
			if why := err.Error(); why != r.Trouble {
				r.Trouble = why
				if ok, kept := cg.me.Peer(r.From()).Words.Say(cg.me.Now, ledger.MaxReceived); ok {
					cg.me.Log.Warn("a person's word does not count", "request", r.ID, "on", cg.me.Name(by), "err", err, "others", kept)
				}
			}
		}
	}
	cg.judging.Vigil.SaveChanged(cg.me.Now)
}

// ChangeCircle acts on what the persons have agreed to.
func (cg *Changes) ChangeCircle() {
	if cg.me.Circle == nil {
		return
	}
	// A device that is out changes nothing, but it wants to know that it is.
	in := cg.me.Circle.Evicted == nil
	for _, r := range cg.ledger.OpenByAge() {
		if r.Change == nil || !r.Open() || r.Meta.Done {
			continue
		}
		cg.hearPersons(r)
		if cg.done(r) {
			cg.conclude(r)
			continue
		}
		if !in || !r.Change.ByRedeal() || cg.ledger.InEffect(r) || !cg.ledger.Granted(r) {
			continue
		}
		switch {
		case cg.redeals.Redealing():
			r.Idle = time.Time{} // whoever's turn it was has proposed
		case !cg.me.Pausing(r.NotUntil) && cg.responsible(r):
			cg.proposeChange(r)
		}
	}
	if in {
		cg.evict()
	}
}

// TurnLife is how long the one whose turn it is to propose has for it: a member
// may be here and yet not be able to, with a full disk for instance.
const TurnLife = 2 * redeal.AttemptLife

// responsible reports whether it is this device's turn to propose what r asks
// for. The first turn has who asked, unless it goes, is away or locked; then
// those who are here and not locked, in the order of the record.
func (cg *Changes) responsible(r *ledger.Request) bool {
	if r.Idle.IsZero() || cg.me.Now.Before(r.Idle) {
		r.Idle = cg.me.Now
	}
	_, removed, _ := cg.ledger.Wanted(r)
	goes := func(s wire.Slot) bool {
		return slices.ContainsFunc(removed, func(x refresh.Removal) bool { return x.Slot == s })
	}
	order := []wire.Slot{r.From()}
	for _, d := range cg.me.Circle.Record.Devices {
		if d.Slot != r.From() {
			order = append(order, d.Slot)
		}
	}
	var ahead time.Duration
	for _, s := range order {
		switch {
		case goes(s):
		case s == cg.me.Circle.Slot:
			return cg.me.Now.Sub(r.Idle) >= ahead*TurnLife
		case cg.me.Online(s) && !cg.me.Peers[s].Locked:
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
func (cg *Changes) healed() bool {
	a := cg.redeals.Attempt
	if a == nil {
		return true
	}
	if !a.Machine.Settled() {
		return false
	}
	if cg.me.Now.Sub(a.Started) >= healPatience {
		return true
	}
	for _, d := range cg.me.Circle.Record.Devices {
		if d.Slot == cg.me.Circle.Slot {
			if cg.me.OldestShare() < cg.me.Circle.Record.Epoch && len(a.Proposal.Sleepers) == 0 {
				return false
			}
			continue
		}
		if p := cg.me.Peers[d.Slot]; cg.me.Online(d.Slot) && (!p.Told || p.Record != cg.me.Circle.Hash || len(a.Proposal.Sleepers) == 0 && p.Oldest < cg.me.Circle.Record.Epoch) {
			return false
		}
	}
	return true
}

// done reports whether a change has taken effect, with all that belongs to it.
func (cg *Changes) done(r *ledger.Request) bool {
	return cg.ledger.InEffect(r) && (!r.Change.ByRedeal() || cg.healed())
}

// conclude notes that a change of the circle took effect.
func (cg *Changes) conclude(r *ledger.Request) {
	if r.Change.Kind == change.Thaw {
		cg.remains.LiftFence(cg.me.Circle.Record.Devices, cg.redeals.Going()) // first: after a crash in between it is settled again
	}
	r.Meta.Done = true
	r.Meta.Closed = max(standing.Unix(cg.me.Now), 1)
	if err := cg.me.Config.Journal.Update(func(tx journal.Tx) error { return ledger.PutMeta(tx, r) }); err != nil {
		cg.me.Log.Error("change not stored", "request", r.ID, "err", err)
	}
	cg.ledger.Prune()
	cg.me.Log.Info("change took effect", "request", r.ID, "kind", r.Request.Kind)
}
