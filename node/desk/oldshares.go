package desk

import (
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Old shares are those of one epoch that is over which may still exist.
type oldShares struct {
	Key   int         // so many of them are the key: the threshold of that epoch
	Alive []wire.Slot // devices that may hold one
	Out   []wire.Slot // those of them that cannot be made to destroy theirs
}

// missing is how many more would be the key, for whoever has all that are out of
// reach; 0 or less if nobody needs more.
func (o oldShares) missing() int { return o.Key - len(o.Out) }

// worse reports whether o is more of a danger than p: first counts what is out of
// reach, then what may become so.
func (o oldShares) worse(p oldShares) bool {
	if lost, than := o.missing() <= 0, p.missing() <= 0; lost != than {
		return lost
	}
	return o.Key-len(o.Alive) < p.Key-len(p.Alive)
}

// OldShares looks for the epoch whose old shares are the greatest danger.
func (vw *Views) OldShares() oldShares {
	worst := oldShares{Key: vw.me.Circle.Record.Threshold}
	for _, e := range vw.me.Circle.Chain {
		if e.Record.Epoch >= vw.me.Circle.Record.Epoch {
			continue
		}
		o := oldShares{Key: e.Record.Threshold}
		for _, d := range e.Record.Devices {
			if out := vw.gone(d); out || vw.MayHold(d, e.Record.Epoch) {
				o.Alive = append(o.Alive, d.Slot)
				if out {
					o.Out = append(o.Out, d.Slot)
				}
			}
		}
		if len(o.Alive) > 0 && (len(worst.Alive) == 0 || o.worse(worst)) {
			worst = o
		}
	}
	return worst
}

// MayHold reports whether a device that is within reach may still have its share
// of an old epoch: it has not said that it destroyed the share.
func (vw *Views) MayHold(d roster.Device, epoch uint64) bool {
	if d.Identity == vw.me.Self.Public {
		return vw.me.OldestShare() <= epoch
	}
	p := vw.me.Peers[d.Slot]
	return p == nil || !p.Told || p.Oldest <= epoch
}

// gone reports whether nobody can see to it that what d held is destroyed: it is
// out of the circle, or there is a copy of it. This device sees to its own.
func (vw *Views) gone(d roster.Device) bool {
	if vw.judging.Vigil.Judge != nil && vw.judging.Vigil.Judge.Copied(d.Slot) {
		return true
	}
	if d.Identity == vw.me.Self.Public {
		return false
	}
	in, ok := vw.me.Circle.Record.Device(d.Slot)
	return !ok || in.Identity != d.Identity
}

// oldWarning says what to do about old shares that are out of reach, if they could
// be the key. They are if there are enough of them. If there are fewer, the others
// must not get out of reach before they are destroyed, which devices do by
// themselves as soon as they run and everybody has fresh ones.
func (vw *Views) oldWarning() []string {
	o := vw.OldShares()
	if o.missing() <= 0 {
		return []string{vw.say(say.OldSharesAreKey,
			len(o.Out), o.Key, standing.List(vw.me.Names(o.Out)))}
	}
	if len(o.Out) == 0 || len(o.Alive) < o.Key {
		return nil
	}
	var rest []wire.Slot
	for _, s := range o.Alive {
		if p := vw.me.Peers[s]; s == vw.me.Circle.Slot && vw.me.Config.Keeper.Locked() || s != vw.me.Circle.Slot && vw.within(s) && (!vw.me.Online(s) || p.Locked) {
			rest = append(rest, s)
		}
	}
	if len(rest) == 0 {
		return nil
	}
	return []string{vw.say(say.OldSharesAlive,
		len(o.Out), o.Key, standing.List(vw.me.Names(o.Out)), standing.List(vw.me.Names(rest)))}
}

// within reports whether the device in slot is in the circle, and there is no copy
// of it.
func (vw *Views) within(slot wire.Slot) bool {
	d, ok := vw.me.Circle.Record.Device(slot)
	return ok && !vw.gone(d)
}
