package recovery

import "github.com/warifu/warifu/roster"

// Periods in seconds that a circle cannot set.
const (
	hour = 3600
	day  = 24 * hour

	// MaxVacation is the longest that a device may be announced away.
	MaxVacation = 90 * day

	// Objection is how much longer a countdown takes after each of at most
	// two objections.
	Objection = 30 * day

	// Alone is how long nobody may have heard an accused device until the
	// word of one person alone removes it. It is also how long an accuser
	// waits to take the word back alone, and how long a device whose freeze
	// was thawed cannot freeze again alone.
	Alone = 24 * hour

	// Unheard is how long this device waits for a sign that the others hear
	// it before it tells its owner.
	Unheard = 24 * hour
)

const (
	maxVetoes = 2

	// maxTick is the most that one Tick counts for. A longer pause is one in
	// which this device did not run, whatever its clocks say.
	maxTick = hour

	// maxOwed bounds what one of two clocks that advance in whole seconds
	// may be ahead of the other without losing it.
	maxOwed = 60

	// bootStride is how far the sequence of beats skips ahead at each start.
	// The judge is durable less often than beats leave; a number that was
	// used is not used again if no more than these are lost.
	bootStride = 1 << 20

	// maxEcho bounds how far another device's word may move the sequence.
	maxEcho = 1 << 40

	maxWords   = 64 // of persons, remembered so that each counts once
	maxNotices = 48
	maxFormer  = 64 // as many as a record remembers

	maxBeat      = 512
	maxSuspicion = 256
	maxJudge     = 128 << 10
)

// backoff is how long a device waits before it proposes again after so many
// attempts that were aborted.
func backoff(tries uint64, s roster.Settings) uint64 {
	wait := uint64(6 * hour)
	switch tries {
	case 1:
		wait = 10 * 60
	case 2:
		wait = hour
	}
	// A circle whose every step takes seconds does not wait for hours here.
	return min(wait, s.Grace)
}

// reach is the longest pause between two beats, from whichever devices, in
// which this device counts as having been online.
func reach(s roster.Settings) uint64 { return max(s.Quiet/4, 60) }
