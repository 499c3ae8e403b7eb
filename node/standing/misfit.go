package standing

import (
	"fmt"
	"time"
)

// misfitFor is how long a release that does not fit is told of after it was met
// last. The link meets it every minute or two.
const misfitFor = 10 * time.Minute

// A Misfit is a protocol of which another device speaks other versions.
type Misfit struct {
	Protocol     string // its name without the version; empty: none
	Ours, Theirs int
	At           time.Time
}

// Words says to a person which of two devices to update, or nothing if they fit.
func (m Misfit) Words(name string, now time.Time) string {
	if m.Protocol == "" || now.Sub(m.At).Abs() > misfitFor {
		return ""
	}
	which := name
	if m.Theirs > m.Ours {
		which = "this device"
	}
	return fmt.Sprintf("%s runs another release of warifu, and the two cannot talk: it speaks version %d of %s, and this device version %d: update %s",
		name, m.Theirs, m.Protocol, m.Ours, which)
}
