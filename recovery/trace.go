package recovery

import (
	"slices"

	"github.com/warifu/warifu/wire"
)

// A trace is what was heard of one device, and when.
type trace struct {
	Heard  uint64 // its last beat, or when silence began to count
	Online uint64 // seconds since then in which this device heard others
	Rumour uint64 // when anybody was last known to have heard it
	Seq    uint64
	Boot   [8]byte
	Before [8]byte // the boot before, zero if none
	Seen   []Seen
}

// newTrace returns that of a device that counts as heard now.
func newTrace(now uint64) trace { return trace{Heard: now, Rumour: now} }

// renew lets silence count from now.
func (t *trace) renew(now uint64) { t.Heard, t.Online = now, 0 }

// started notes the boot of a beat. It reports whether that is the one before
// the last: one device never goes back to it.
func (t *trace) started(boot [8]byte) (twice bool) {
	if boot == t.Boot {
		return false
	}
	twice = t.Seq > 0 && t.Before == boot && t.Before != ([8]byte{})
	t.Before, t.Boot = t.Boot, boot
	return twice
}

// known returns what is left of the trace of a device that is no member any
// more: enough to tell its new beats from old ones.
func (t *trace) known() trace { return trace{Seq: t.Seq, Boot: t.Boot, Before: t.Before} }

// sees notes whom the device hears.
func (t *trace) sees(seen []Seen) { t.Seen = slices.Clone(seen) }

// seenOf returns the number of the latest beat of slot that the device is known
// to have.
func (t *trace) seenOf(slot wire.Slot) uint64 {
	for _, s := range t.Seen {
		if s.Slot == slot {
			return s.Seq
		}
	}
	return 0
}
