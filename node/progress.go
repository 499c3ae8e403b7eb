package node

import (
	"fmt"
	"slices"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

func (vw *views) viewEpoch(e roster.Entry) api.Epoch {
	rec := e.Record
	v := api.Epoch{
		Epoch: rec.Epoch, Record: rec.Hash().Hex(), Kind: rec.Change.Kind.String(), Threshold: rec.Threshold,
		Devices: vw.me.names(rec.Slots()), Members: vw.me.names(rec.Change.Members), Sleepers: vw.me.names(rec.Change.Sleepers),
		Removed: vw.removedNames(rec), Added: vw.me.names(rec.Change.Added),
	}
	for _, s := range e.Ready {
		v.Signers = append(v.Signers, vw.me.name(s.Slot))
	}
	return v
}

func (vw *views) removedNames(rec roster.Record) []string {
	out := []string{}
	for _, f := range rec.Former {
		if f.Epoch == rec.Epoch {
			out = append(out, vw.me.name(f.Slot))
		}
	}
	return out
}

// changed describes the newest epoch.
func (vw *views) changed() api.Changed {
	e := vw.viewEpoch(vw.me.circle.head())
	if a := vw.redeals.attempt; a != nil && a.entered {
		e = vw.viewEpoch(roster.Entry{Record: vw.me.circle.record})
	}
	old := vw.oldShares()
	return api.Changed{
		Epoch: e.Epoch, Kind: e.Kind, Members: e.Members, Sleepers: e.Sleepers, Removed: e.Removed, Added: e.Added,
		OldSharesAlive: len(old.alive), OldSharesOn: vw.me.names(old.alive), OldSharesOut: len(old.out), OldSharesKey: old.key, Threshold: e.Threshold,
	}
}

// redealWaiting says whom a change of the circle waits for.
func (vw *views) redealWaiting(r *openRequest) (names []string, reason string) {
	if a := vw.redeals.attempt; a != nil && a.request == r.id && !a.machine.Settled() {
		return vw.me.names(a.machine.Waiting()), "re-dealing: " + phaseWords(a.machine.Phase())
	}
	if vw.ledger.inEffect(r) {
		return vw.holders(vw.me.circle.record.Epoch), "old shares are destroyed"
	}
	if !vw.ledger.granted(r) {
		var ask []wire.Slot
		_, removed, _ := vw.ledger.wanted(r)
		for _, d := range vw.me.circle.record.Devices {
			goes := slices.ContainsFunc(removed, func(x refresh.Removal) bool { return x.Slot == d.Slot })
			if !goes && !has(r.approved, d.Slot) {
				ask = append(ask, d.Slot)
			}
		}
		reason = fmt.Sprintf("%d of %d persons have approved: approve on %s",
			len(vw.ledger.present(r)), vw.me.circle.record.Threshold, either(vw.me.names(ask)))
		if r.change.Accuses() {
			reason += fmt.Sprintf(", or wait until nobody has heard %s for 24 hours", vw.ledger.subjectName(r))
		}
		return vw.me.names(ask), reason
	}
	if a := vw.redeals.attempt; a != nil && !a.machine.Settled() {
		return vw.me.names(a.machine.Waiting()), fmt.Sprintf("another re-deal is under way (%v): %s", a.proposal.Kind, phaseWords(a.machine.Phase()))
	}
	var away []wire.Slot
	for _, d := range vw.me.circle.record.Devices {
		if d.Slot != vw.me.circle.slot && !vw.me.online(d.Slot) {
			away = append(away, d.Slot)
		}
	}
	switch {
	case r.trouble != "":
		reason = "trying again: " + r.trouble
	case len(away) > 0:
		reason = "starting; not connected: " + list(vw.me.names(away))
	default:
		reason = "starting"
	}
	return vw.me.names(away), reason
}

// goneWords says whom a re-deal waits for that this device cannot take back any
// more, or "". A member that was ready and fell silent before it committed may
// have committed, or may have voted against it: only its own word tells.
func (vw *views) goneWords() string {
	a := vw.redeals.attempt
	if a == nil || a.machine.Phase() != refresh.Committed || vw.me.now.Sub(a.started).Abs() < 2*attemptLife {
		return ""
	}
	who := list(vw.me.names(a.machine.Waiting()))
	return fmt.Sprintf("the re-deal to epoch %d waits for %s, which was ready for it and said no more: the circle signs, but nobody comes in or goes before it is there; "+
		"if it is gone for good, move what the accounts hold to a new circle as long as enough devices are left to sign", a.proposal.Epoch, who)
}

// holders names the members that may still hold a share older than epoch.
func (vw *views) holders(epoch uint64) (names []string) {
	for _, d := range vw.me.circle.record.Devices {
		if p := vw.me.peers[d.Slot]; d.Slot != vw.me.circle.slot && (p == nil || !p.told || p.oldest < epoch) {
			names = append(names, vw.me.name(d.Slot))
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
