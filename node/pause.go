package node

import (
	"time"
)

// backOff delays the next attempt: 1, 2, 4 … up to 32 seconds, or 8 minutes
// between re-deals, for each of which every device works and writes.
func (c *core) backOff(r *openRequest) {
	most := 5
	if r.change != nil {
		most = 9
	}
	r.notUntil = c.now.Add(time.Second << min(r.attempts, most))
}

// longestPause is longer than any pause between two tries.
const longestPause = 10 * time.Minute

// pausing reports whether it is too early for the next try of something. A clock
// that was far ahead when the pause began, and was set right since, must not make
// it last for years.
func (c *core) pausing(until time.Time) bool {
	left := until.Sub(c.now)
	return left > 0 && left <= longestPause
}
