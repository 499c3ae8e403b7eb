package keeper

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/warifu/warifu/wire"
)

// Tries counts wrong passphrases and says how long to wait before the next:
// five are free, then 30 s, 2 min, 10 min, and an hour from there on. It slows
// down a person at the keyboard. Somebody who has copied the files only meets
// the cost of Argon2id.
//
// The wait passes with the time that the machine has been on. A wall clock is set
// ahead by whoever sits at the keyboard, and one that was wrong by years would
// lock its person out for years. When the machine was started anew since the last
// failure, it counts from that start: nobody is kept longer than an hour in which
// the machine is on.
//
// [Guard] counts with it.
//
// The zero Tries is a fresh start. Its methods return new values.
type Tries struct {
	failures uint32
	last     int64 // of the last failure: milliseconds since the machine was started
}

// waits[i] follows failure number freeTries+i.
var waits = [...]time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

const (
	freeTries    = 5
	wallVersion  = 1 // with the wall clock's time of the last failure
	triesVersion = 2
	triesSize    = 1 + 4 + 8
)

// Failures returns the number of wrong passphrases since the last right one.
func (t Tries) Failures() int { return int(t.failures) }

// Failed returns t with one more failure when the machine has been on for up.
func (t Tries) Failed(up time.Duration) Tries {
	if t.failures < 1<<31-1 {
		t.failures++
	}
	t.last = max(up.Milliseconds(), 0)
	return t
}

// At returns t as it is when the machine has been on for up. If that is less
// than it was at the last failure, the machine was started since: at least as
// long ago as it has been on. The caller stores the result if it differs from t.
func (t Tries) At(up time.Duration) Tries {
	if t.failures > 0 && up.Milliseconds() < t.last {
		t.last = 0
	}
	return t
}

// Wait returns how long to wait before the next try when the machine has been on
// for up: 0 to one hour.
func (t Tries) Wait(up time.Duration) time.Duration {
	if t.failures < freeTries {
		return 0
	}
	wait := waits[min(int(t.failures)-freeTries, len(waits)-1)]
	past := max(up.Milliseconds()-t.At(up).last, 0)
	if past >= wait.Milliseconds() {
		return 0
	}
	return wait - time.Duration(past)*time.Millisecond
}

// Bytes returns the stored form.
func (t Tries) Bytes() []byte {
	b := make([]byte, 0, triesSize)
	b = append(b, triesVersion)
	b = binary.BigEndian.AppendUint32(b, t.failures)
	return binary.BigEndian.AppendUint64(b, uint64(t.last))
}

// ParseTries reads the stored form; nothing stored is the zero Tries. Of one with
// a wall clock's time, as it was stored before, the count is kept, and the wait
// begins again. The error wraps [wire.ErrMalformed], and comes with a value that
// asks for the longest wait from now, for a caller that goes on.
func ParseTries(b []byte, up time.Duration) (Tries, error) {
	if len(b) == 0 {
		return Tries{}, nil
	}
	if len(b) == triesSize && (b[0] == triesVersion || b[0] == wallVersion) {
		t := Tries{failures: binary.BigEndian.Uint32(b[1:]), last: int64(binary.BigEndian.Uint64(b[5:]))}
		if t.failures < 1<<31 && t.last >= 0 {
			if b[0] == wallVersion {
				t.last = max(up.Milliseconds(), 0)
			}
			return t, nil
		}
	}
	worst := Tries{failures: freeTries + uint32(len(waits)) - 1, last: max(up.Milliseconds(), 0)}
	return worst, fmt.Errorf("keeper: count of wrong passphrases: %w", wire.ErrMalformed)
}
