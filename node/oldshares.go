package node

import (
	"fmt"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Old shares are those of one epoch that is over which may still exist.
type oldShares struct {
	key   int         // so many of them are the key: the threshold of that epoch
	alive []wire.Slot // devices that may hold one
	out   []wire.Slot // those of them that cannot be made to destroy theirs
}

// missing is how many more would be the key, for whoever has all that are out of
// reach; 0 or less if nobody needs more.
func (o oldShares) missing() int { return o.key - len(o.out) }

// worse reports whether o is more of a danger than p: first counts what is out of
// reach, then what may become so.
func (o oldShares) worse(p oldShares) bool {
	if lost, than := o.missing() <= 0, p.missing() <= 0; lost != than {
		return lost
	}
	return o.key-len(o.alive) < p.key-len(p.alive)
}

// oldShares looks for the epoch whose old shares are the greatest danger.
func (vw *views) oldShares() oldShares {
	worst := oldShares{key: vw.me.circle.record.Threshold}
	for _, e := range vw.me.circle.chain {
		if e.Record.Epoch >= vw.me.circle.record.Epoch {
			continue
		}
		o := oldShares{key: e.Record.Threshold}
		for _, d := range e.Record.Devices {
			if out := vw.gone(d); out || vw.mayHold(d, e.Record.Epoch) {
				o.alive = append(o.alive, d.Slot)
				if out {
					o.out = append(o.out, d.Slot)
				}
			}
		}
		if len(o.alive) > 0 && (len(worst.alive) == 0 || o.worse(worst)) {
			worst = o
		}
	}
	return worst
}

// mayHold reports whether a device that is within reach may still have its share
// of an old epoch: it has not said that it destroyed the share.
func (vw *views) mayHold(d roster.Device, epoch uint64) bool {
	if d.Identity == vw.me.self.public {
		return vw.me.oldestShare() <= epoch
	}
	p := vw.me.peers[d.Slot]
	return p == nil || !p.told || p.oldest <= epoch
}

// gone reports whether nobody can see to it that what d held is destroyed: it is
// out of the circle, or there is a copy of it. This device sees to its own.
func (vw *views) gone(d roster.Device) bool {
	if vw.judging.vigil.Judge != nil && vw.judging.vigil.Judge.Copied(d.Slot) {
		return true
	}
	if d.Identity == vw.me.self.public {
		return false
	}
	in, ok := vw.me.circle.record.Device(d.Slot)
	return !ok || in.Identity != d.Identity
}

// oldWarning says what to do about old shares that are out of reach, if they could
// be the key. They are if there are enough of them. If there are fewer, the others
// must not get out of reach before they are destroyed, which devices do by
// themselves as soon as they run and everybody has fresh ones.
func (vw *views) oldWarning() []string {
	o := vw.oldShares()
	if o.missing() <= 0 {
		return []string{fmt.Sprintf("old shares possibly alive: %d of %d, on %s, out of the circle's reach: together they are the key; move what the accounts hold to a new circle",
			len(o.out), o.key, list(vw.me.names(o.out)))}
	}
	if len(o.out) == 0 || len(o.alive) < o.key {
		return nil
	}
	var rest []wire.Slot
	for _, s := range o.alive {
		if p := vw.me.peers[s]; s == vw.me.circle.slot && vw.me.cfg.Keeper.Locked() || s != vw.me.circle.slot && vw.within(s) && (!vw.me.online(s) || p.locked) {
			rest = append(rest, s)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("old shares possibly alive: %d of %d out of the circle's reach, on %s; start and unlock %s to have theirs destroyed",
		len(o.out), o.key, list(vw.me.names(o.out)), list(vw.me.names(rest)))}
}

// within reports whether the device in slot is in the circle, and there is no copy
// of it.
func (vw *views) within(slot wire.Slot) bool {
	d, ok := vw.me.circle.record.Device(slot)
	return ok && !vw.gone(d)
}
