package node

import (
	"fmt"
	"time"
)

// misfitFor is how long a release that does not fit is told of after it was met
// last. The link meets it every minute or two.
const misfitFor = 10 * time.Minute

// A misfit is a protocol of which another device speaks other versions.
type misfit struct {
	protocol     string // its name without the version; empty: none
	ours, theirs int
	at           time.Time
}

// words says to a person which of two devices to update, or nothing if they fit.
func (m misfit) words(name string, now time.Time) string {
	if m.protocol == "" || now.Sub(m.at).Abs() > misfitFor {
		return ""
	}
	which := name
	if m.theirs > m.ours {
		which = "this device"
	}
	return fmt.Sprintf("%s runs another release of warifu, and the two cannot talk: it speaks version %d of %s, and this device version %d: update %s",
		name, m.theirs, m.protocol, m.ours, which)
}
