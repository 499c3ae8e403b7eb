package node

import (
	"time"

	"github.com/warifu/warifu/wire"
)

func unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// clockTolerance is how far another device's clock may be off before the
// person is told.
const clockTolerance = 2 * time.Minute

func (me *standing) noteClock(from wire.Slot, wall uint64) {
	if wall > 1<<40 { // tens of thousands of years
		wall = 1 << 40
	}
	p := me.peer(from)
	was := p.skew.Abs() > clockTolerance
	p.skew = time.Unix(int64(wall), 0).Sub(me.now)
	if now := p.skew.Abs() > clockTolerance; now && !was {
		if ok, _ := p.clocks.say(me.now, 1); ok {
			me.log.Warn("clock of a device is off", "device", me.name(from), "by", p.skew.Round(time.Second))
		}
	}
}
