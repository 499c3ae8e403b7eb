package desk

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/redeal"
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
		return vw.me.Names(a.Machine.Waiting()), "re-dealing: " + phaseWords(a.Machine.Phase())
	}
	if vw.ledger.InEffect(r) {
		return vw.holders(vw.me.Circle.Record.Epoch), "old shares are destroyed"
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
		reason = fmt.Sprintf("%d of %d persons have approved: approve on %s",
			len(vw.ledger.Present(r)), vw.me.Circle.Record.Threshold, standing.Either(vw.me.Names(ask)))
		if r.Change.Accuses() {
			reason += fmt.Sprintf(", or wait until nobody has heard %s for 24 hours", vw.ledger.SubjectName(r))
		}
		return vw.me.Names(ask), reason
	}
	if a := vw.redeals.Attempt; a != nil && !a.Machine.Settled() {
		return vw.me.Names(a.Machine.Waiting()), fmt.Sprintf("another re-deal is under way (%v): %s", a.Proposal.Kind, phaseWords(a.Machine.Phase()))
	}
	var away []wire.Slot
	for _, d := range vw.me.Circle.Record.Devices {
		if d.Slot != vw.me.Circle.Slot && !vw.me.Online(d.Slot) {
			away = append(away, d.Slot)
		}
	}
	switch {
	case r.Trouble != "":
		reason = "trying again: " + r.Trouble
	case len(away) > 0:
		reason = "starting; not connected: " + standing.List(vw.me.Names(away))
	default:
		reason = "starting"
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
	return fmt.Sprintf("the re-deal to epoch %d waits for %s, which was ready for it and said no more: the circle signs, but nobody comes in or goes before it is there; "+
		"if it is gone for good, move what the accounts hold to a new circle as long as enough devices are left to sign", a.Proposal.Epoch, who)
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

func phaseWords(p refresh.Phase) string {
	switch p {
	case refresh.Dealing:
		return "fresh shares are dealt"
	case refresh.Prepared:
		return "the fresh shares are tried"
	case refresh.Committed:
		return "everybody moves to the fresh shares"
	case refresh.Aborted:
		return "it is being given up"
	}
	return "old shares are destroyed"
}
