package node

import (
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// oldShares returns the devices that may still hold a share of one epoch that
// is over, for the epoch of which most may: as many as the threshold of them
// would be the key.
func (c *core) oldShares() (most []wire.Slot) {
	now := c.circle.record
	for _, e := range c.circle.chain {
		if e.Record.Epoch >= now.Epoch {
			continue
		}
		var alive []wire.Slot
		for _, d := range e.Record.Devices {
			if c.mayHold(d, e.Record.Epoch) {
				alive = append(alive, d.Slot)
			}
		}
		if len(alive) > len(most) {
			most = alive
		}
	}
	return most
}

// mayHold reports whether a device may still have its share of an old epoch:
// it left and nobody knows, or there is a copy of it, or it has not said that
// it destroyed the share.
func (c *core) mayHold(d roster.Device, epoch uint64) bool {
	if c.gone(d) {
		return true
	}
	if d.Identity == c.self.public {
		return c.oldestShare() <= epoch
	}
	p := c.peers[d.Slot]
	return p == nil || !p.told || p.oldest <= epoch
}

// gone reports whether no device that is in the circle can destroy what d held.
func (c *core) gone(d roster.Device) bool {
	in, ok := c.circle.record.Device(d.Slot)
	return !ok || in.Identity != d.Identity || c.judge != nil && c.judge.Copied(d.Slot)
}

// oldWarning says what to do if the old shares that may exist could be the key,
// and some of them are out of the circle's reach. Those that are not are
// destroyed as soon as everybody has fresh ones.
func (c *core) oldWarning() []string {
	old, t := c.oldShares(), c.circle.record.Threshold
	var here []wire.Slot
	for _, s := range old {
		if d, ok := c.circle.record.Device(s); ok && !c.gone(d) {
			here = append(here, s)
		}
	}
	switch n := len(old) - len(here); {
	case len(old) < t || n == 0:
		return nil
	case n < t:
		return []string{fmt.Sprintf("old shares possibly alive: %d of %d, on %s: together they are the key; start and unlock %s to have theirs destroyed",
			len(old), t, list(c.names(old)), list(c.names(here)))}
	default:
		return []string{fmt.Sprintf("old shares possibly alive: %d of %d, on %s: together they are the key; move what the accounts hold to a new circle",
			len(old), t, list(c.names(old)))}
	}
}
