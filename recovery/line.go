package recovery

import (
	"slices"

	"github.com/warifu/warifu/wire"
)

// A line is this device's own end of the beats: which it has sent, whether it
// hears anybody, and whether anybody hears it.
type line struct {
	Seq  uint64 // of this device's latest beat
	Boot [8]byte

	Company uint64      // when any device was last heard
	EchoSeq uint64      // this device's latest beat that another has seen
	EchoAt  uint64      // when that was learnt
	Unheard bool        // the owner was told that nobody hears this device
	Doubts  []wire.Slot // who said so
}

// start makes the numbers of beats skip ahead if boot is not that of the last
// start, so that none is used twice. It reports whether it did.
func (l *line) start(boot [8]byte) bool {
	if l.Boot == boot {
		return false
	}
	l.Boot, l.Seq = boot, add(l.Seq, bootStride)
	return true
}

// next returns the number of the next beat.
func (l *line) next() uint64 {
	l.Seq = add(l.Seq, 1)
	return l.Seq
}

// company notes that a device was heard now. It returns the seconds since the
// one before, as time in which this device was online, or 0 if that is so long
// ago that it may not have been.
func (l *line) company(now, reach uint64) (online uint64) {
	gap := sub(now, l.Company)
	l.Company = now
	if gap > reach {
		return 0
	}
	return gap
}

// echo learns that another device has seen this device's beat seq. Forgotten
// says that this device does not remember it: its data was set back, or a copy
// of it runs elsewhere. Back says that the owner was told of silence that is
// over.
func (l *line) echo(seq, now uint64) (forgotten, back bool) {
	if seq > l.Seq {
		// The others take no beat that is not newer.
		if seq-l.Seq > maxEcho {
			return false, false
		}
		l.Seq, forgotten = seq, true
	}
	if seq <= l.EchoSeq {
		return forgotten, false
	}
	back = l.Unheard
	l.EchoSeq, l.EchoAt, l.Unheard = seq, now, false
	return forgotten, back
}

// silent reports, once, that nobody has heard this device for too long.
func (l *line) silent(now uint64) bool {
	if l.Unheard || sub(now, l.EchoAt) < Unheard {
		return false
	}
	l.Unheard = true
	return true
}

// doubt notes that a device has not heard this one for too long, and reports
// whether that is new.
func (l *line) doubt(by wire.Slot) bool {
	if slices.Contains(l.Doubts, by) {
		return false
	}
	l.Doubts = append(l.Doubts, by)
	return true
}

// trust ends the doubt of a device that has heard this one.
func (l *line) trust(by wire.Slot) {
	l.Doubts = drop(l.Doubts, func(s wire.Slot) bool { return s == by })
}
