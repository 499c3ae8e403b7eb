package standing

import "time"

// An allowance bounds what another device can have this one do for it: so much at
// once, and then so much in a second.
type allowance struct {
	used int
	at   time.Time
}

// Drain lets time pass.
func (a *allowance) Drain(now time.Time, perSecond int) {
	passed := min(now.Sub(a.at).Abs(), 24*time.Hour)
	if freed := int(passed.Seconds() * float64(perSecond)); freed > 0 {
		a.used, a.at = max(a.used-freed, 0), now
	}
}

// Add uses n more up, and reports whether no more than most is used then. If it is
// more, nothing is used up.
func (a *allowance) Add(n, most int) bool {
	if a.used+n > most {
		return false
	}
	a.used += n
	return true
}
