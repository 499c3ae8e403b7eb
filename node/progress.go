package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Epochs implements [api.Healing].
func (n *Desk) Epochs(ctx context.Context) (out []api.Epoch, err error) {
	err = n.look(ctx, func(c *core) error {
		if c.circle == nil {
			return c.ready()
		}
		if err := c.circle.chain.Verify(); err != nil {
			return fmt.Errorf("node: the chain does not verify: %w", err)
		}
		for _, e := range c.circle.chain {
			v := c.viewEpoch(e)
			v.Since = c.sinceOf(v.Epoch)
			out = append(out, v)
		}
		return nil
	})
	return out, err
}

func (c *core) viewEpoch(e roster.Entry) api.Epoch {
	rec := e.Record
	v := api.Epoch{
		Epoch: rec.Epoch, Record: rec.Hash().Hex(), Kind: rec.Change.Kind.String(), Threshold: rec.Threshold,
		Devices: c.names(rec.Slots()), Members: c.names(rec.Change.Members), Sleepers: c.names(rec.Change.Sleepers),
		Removed: c.removedNames(rec), Added: c.names(rec.Change.Added),
	}
	for _, s := range e.Ready {
		v.Signers = append(v.Signers, c.name(s.Slot))
	}
	return v
}

func (c *core) removedNames(rec roster.Record) []string {
	out := []string{}
	for _, f := range rec.Former {
		if f.Epoch == rec.Epoch {
			out = append(out, c.name(f.Slot))
		}
	}
	return out
}

// changed describes the newest epoch.
func (c *core) changed() api.Changed {
	e := c.viewEpoch(c.circle.head())
	if a := c.attempt; a != nil && a.entered {
		e = c.viewEpoch(roster.Entry{Record: c.circle.record})
	}
	old := c.oldShares()
	return api.Changed{
		Epoch: e.Epoch, Kind: e.Kind, Members: e.Members, Sleepers: e.Sleepers, Removed: e.Removed, Added: e.Added,
		OldSharesAlive: len(old.alive), OldSharesOn: c.names(old.alive), OldSharesOut: len(old.out), OldSharesKey: old.key, Threshold: e.Threshold,
	}
}

// redealWaiting says whom a change of the circle waits for.
func (c *core) redealWaiting(r *openRequest) (names []string, reason string) {
	if a := c.attempt; a != nil && a.request == r.id && !a.machine.Settled() {
		return c.names(a.machine.Waiting()), "re-dealing: " + phaseWords(a.machine.Phase())
	}
	if c.inEffect(r) {
		return c.holders(c.circle.record.Epoch), "old shares are destroyed"
	}
	if !c.granted(r) {
		var ask []wire.Slot
		_, removed, _ := c.wanted(r)
		for _, d := range c.circle.record.Devices {
			goes := slices.ContainsFunc(removed, func(x refresh.Removal) bool { return x.Slot == d.Slot })
			if !goes && !has(r.approved, d.Slot) {
				ask = append(ask, d.Slot)
			}
		}
		reason = fmt.Sprintf("%d of %d persons have approved: approve on %s",
			len(c.present(r)), c.circle.record.Threshold, either(c.names(ask)))
		if r.change.Accuses() {
			reason += fmt.Sprintf(", or wait until nobody has heard %s for 24 hours", c.subjectName(r))
		}
		return c.names(ask), reason
	}
	if a := c.attempt; a != nil && !a.machine.Settled() {
		return c.names(a.machine.Waiting()), fmt.Sprintf("another re-deal is under way (%v): %s", a.proposal.Kind, phaseWords(a.machine.Phase()))
	}
	var away []wire.Slot
	for _, d := range c.circle.record.Devices {
		if d.Slot != c.circle.slot && !c.online(d.Slot) {
			away = append(away, d.Slot)
		}
	}
	switch {
	case r.trouble != "":
		reason = "trying again: " + r.trouble
	case len(away) > 0:
		reason = "starting; not connected: " + list(c.names(away))
	default:
		reason = "starting"
	}
	return c.names(away), reason
}

// goneWords says whom a re-deal waits for that this device cannot take back any
// more, or "". A member that was ready and fell silent before it committed may
// have committed, or may have voted against it: only its own word tells.
func (c *core) goneWords() string {
	a := c.attempt
	if a == nil || a.machine.Phase() != refresh.Committed || c.now.Sub(a.started).Abs() < 2*attemptLife {
		return ""
	}
	who := list(c.names(a.machine.Waiting()))
	return fmt.Sprintf("the re-deal to epoch %d waits for %s, which was ready for it and said no more: the circle signs, but nobody comes in or goes before it is there; "+
		"if it is gone for good, move what the accounts hold to a new circle as long as enough devices are left to sign", a.proposal.Epoch, who)
}

// holders names the members that may still hold a share older than epoch.
func (c *core) holders(epoch uint64) (names []string) {
	for _, d := range c.circle.record.Devices {
		if p := c.peers[d.Slot]; d.Slot != c.circle.slot && (p == nil || !p.told || p.oldest < epoch) {
			names = append(names, c.name(d.Slot))
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
