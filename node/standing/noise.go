package standing

import "time"

// A Noise bounds how often the log says one thing that another device can make
// it say at will, so that nobody fills this device's disk with it.
type Noise struct {
	since time.Time // of the period that runs
	said  int       // lines in it
	kept  int       // that were not written, since the last one that was
}

// noisePeriod is the period in which as many lines are written as are allowed.
const noisePeriod = time.Minute

// Say reports whether one of most lines in a period may be written at the time
// now, and how many were not since the last.
func (n *Noise) Say(now time.Time, most int) (ok bool, kept int) {
	if now.Sub(n.since).Abs() >= noisePeriod {
		n.since, n.said = now, 0
	}
	if n.said >= most {
		n.kept++
		return false, 0
	}
	n.said++
	kept, n.kept = n.kept, 0
	return true, kept
}

// MaxRefusals is how many refused messages of one device are written of in a
// minute.
const MaxRefusals = 10
