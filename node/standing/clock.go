package standing

import (
	"time"

	"github.com/warifu/warifu/wire"
)

// Unix is a time in seconds, 0 for one before 1970.
func Unix(t time.Time) uint64 { return uint64(max(t.Unix(), 0)) }

// Latest is the later of two times.
func Latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// ClockTolerance is how far another device's clock may be off before the
// person is told.
const ClockTolerance = 2 * time.Minute

// NoteClock notes what the clock of a member says, in Unix seconds, and warns once if
// it is off.
func (me *Standing) NoteClock(from wire.Slot, wall uint64) {
	if wall > 1<<40 { // tens of thousands of years
		wall = 1 << 40
	}
	p := me.Peer(from)
	was := p.Skew.Abs() > ClockTolerance
	p.Skew = time.Unix(int64(wall), 0).Sub(me.Now)
	if now := p.Skew.Abs() > ClockTolerance; now && !was {
		if ok, _ := p.clocks.Say(me.Now, 1); ok {
			me.Log.Warn("clock of a device is off", "device", me.Name(from), "by", p.Skew.Round(time.Second))
		}
	}
}
