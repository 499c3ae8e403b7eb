package desk

import (
	"slices"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// ViewEpoch shows an epoch, with the names that its devices have now.
func (vw *Views) ViewEpoch(e roster.Entry) api.Epoch {
	rec := e.Record
	v := api.Epoch{
		Epoch: rec.Epoch, Record: rec.Hash().Hex(), Kind: rec.Change.Kind.String(), Threshold: rec.Threshold,
		Devices: vw.me.Names(rec.Slots()), Members: vw.me.Names(rec.Change.Members), Sleepers: vw.me.Names(rec.Change.Sleepers),
		Removed: vw.removedNames(rec), Added: vw.me.Names(rec.Change.Added),
	}
	for _, s := range e.Ready {
		v.Signers = append(v.Signers, vw.me.Name(s.Slot))
	}
	return v
}

func (vw *Views) removedNames(rec roster.Record) []string {
	out := []string{}
	for _, f := range rec.Former {
		if f.Epoch == rec.Epoch {
			out = append(out, vw.me.Name(f.Slot))
		}
	}
	return out
}

// Changed describes the newest epoch.
func (vw *Views) Changed() api.Changed {
	e := vw.ViewEpoch(vw.me.Circle.Head())
	if a := vw.redeals.Attempt; a != nil && a.Entered {
		e = vw.ViewEpoch(roster.Entry{Record: vw.me.Circle.Record})
	}
	old := vw.OldShares()
	return api.Changed{
		Epoch: e.Epoch, Kind: e.Kind, Members: e.Members, Sleepers: e.Sleepers, Removed: e.Removed, Added: e.Added,
		OldSharesAlive: len(old.Alive), OldSharesOn: vw.me.Names(old.Alive), OldSharesOut: len(old.Out), OldSharesKey: old.Key, Threshold: e.Threshold,
	}
}

// RedealWaiting says whom a change of the circle waits for.
func (vw *Views) RedealWaiting(r *ledger.Request) (names []string, reason string) {
	if a := vw.redeals.Attempt; a != nil && a.Request == r.ID && !a.Machine.Settled() {
		return vw.me.Names(a.Machine.Waiting()), vw.say(say.Redealing, vw.phase(a.Machine.Phase()))
	}
	if vw.ledger.InEffect(r) {
		return vw.holders(vw.me.Circle.Record.Epoch), vw.say(say.OldSharesDie)
	}
	if !vw.ledger.Granted(r) {
		var ask []wire.Slot
		_, removed, _ := vw.ledger.Wanted(r)
		for _, d := range vw.me.Circle.Record.Devices {
			goes := slices.ContainsFunc(removed, func(x refresh.Removal) bool { return x.Slot == d.Slot })
			if !goes && !ledger.Has(r.Approved, d.Slot) {
				ask = append(ask, d.Slot)
			}
		}
		reason = vw.say(say.PersonsApproved,
			len(vw.ledger.Present(r)), vw.me.Circle.Record.Threshold, standing.Either(vw.me.Names(ask)))
		if r.Change.Accuses() {
			reason = vw.say(say.OrWaitADay, reason, vw.ledger.SubjectName(r))
		}
		return vw.me.Names(ask), reason
	}
	if a := vw.redeals.Attempt; a != nil && !a.Machine.Settled() {
		return vw.me.Names(a.Machine.Waiting()), vw.say(say.OtherRedeal, a.Proposal.Kind, vw.phase(a.Machine.Phase()))
	}
	var away []wire.Slot
	for _, d := range vw.me.Circle.Record.Devices {
		if d.Slot != vw.me.Circle.Slot && !vw.me.Online(d.Slot) {
			away = append(away, d.Slot)
		}
	}
	switch {
	case r.Trouble != "":
		reason = vw.say(say.TryingAgain, r.Trouble)
	case len(away) > 0:
		reason = vw.say(say.StartingWithout, standing.List(vw.me.Names(away)))
	default:
		reason = vw.say(say.Starting)
	}
	return vw.me.Names(away), reason
}

// GoneWords says whom a re-deal waits for that this device cannot take back any
// more, or "". A member that was ready and fell silent before it committed may
// have committed, or may have voted against it: only its own word tells.
func (vw *Views) GoneWords() string {
	a := vw.redeals.Attempt
	if a == nil || a.Machine.Phase() != refresh.Committed || vw.me.Now.Sub(a.Started).Abs() < 2*redeal.AttemptLife {
		return ""
	}
	who := standing.List(vw.me.Names(a.Machine.Waiting()))
	return vw.say(say.RedealWaitsForGone, a.Proposal.Epoch, who)
}

// holders names the members that may still hold a share older than epoch.
func (vw *Views) holders(epoch uint64) (names []string) {
	for _, d := range vw.me.Circle.Record.Devices {
		if p := vw.me.Peers[d.Slot]; d.Slot != vw.me.Circle.Slot && (p == nil || !p.Told || p.Oldest < epoch) {
			names = append(names, vw.me.Name(d.Slot))
		}
	}
	return names
}

// phase says how far a re-deal is.
func (vw *Views) phase(p refresh.Phase) string {
	switch p {
	case refresh.Dealing:
		return vw.say(say.SharesAreDealt)
	case refresh.Prepared:
		return vw.say(say.SharesAreTried)
	case refresh.Committed:
		return vw.say(say.AllMove)
	case refresh.Aborted:
		return vw.say(say.GivingUp)
	}
	return vw.say(say.OldSharesDie)
}
