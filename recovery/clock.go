package recovery

// A clock is a judge's own time, in seconds since the judge was made. It passes
// as the lesser of two others does: the wall clock, and how long this device
// was awake.
type clock struct {
	Now       uint64 // the judge's own time
	Wall      uint64 // the last reading of the wall clock, Unix seconds
	AwakeOwed uint64 // awake time not counted yet, for the wall clock lags
	WallOwed  uint64 // the reverse
}

// tick takes the reading of the wall clock in Unix seconds and the seconds that
// this device was awake since the last tick, of which an hour counts at most.
func (c *clock) tick(wall, awake uint64) {
	c.AwakeOwed = add(c.AwakeOwed, min(awake, maxTick))
	c.WallOwed = add(c.WallOwed, sub(wall, c.Wall))
	c.Wall = wall
	step := min(c.AwakeOwed, c.WallOwed)
	c.Now = add(c.Now, step)
	// The two are read in whole seconds and seldom change together; a little
	// is carried over. More would let a wall clock that was set forward pay
	// for a time in which it stands.
	c.AwakeOwed, c.WallOwed = min(c.AwakeOwed-step, maxOwed), min(c.WallOwed-step, maxOwed)
}

// since returns how long ago t was, until how far ahead it is: 0 if it is not.
func (c *clock) since(t uint64) uint64 { return sub(c.Now, t) }
func (c *clock) until(t uint64) uint64 { return sub(t, c.Now) }

// after returns the time that comes so many seconds from now.
func (c *clock) after(seconds uint64) uint64 { return add(c.Now, seconds) }

// add and sub saturate: no reading of a clock and no sender makes time wrap.
func add(a, b uint64) uint64 {
	if a+b < a {
		return ^uint64(0)
	}
	return a + b
}

func sub(a, b uint64) uint64 { return a - min(a, b) }
