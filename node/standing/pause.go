package standing

import (
	"time"
)

// LongestPause is longer than any pause between two tries.
const LongestPause = 10 * time.Minute

// Pausing reports whether it is too early for the next try of something. A clock
// that was far ahead when the pause began, and was set right since, must not make
// it last for years.
func (me *Standing) Pausing(until time.Time) bool {
	left := until.Sub(me.Now)
	return left > 0 && left <= LongestPause
}
