package node

import (
	"time"
)

// longestPause is longer than any pause between two tries.
const longestPause = 10 * time.Minute

// pausing reports whether it is too early for the next try of something. A clock
// that was far ahead when the pause began, and was set right since, must not make
// it last for years.
func (me *standing) pausing(until time.Time) bool {
	left := until.Sub(me.now)
	return left > 0 && left <= longestPause
}
