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
// A try is counted before it is made, so that killing the process does not win
// free ones:
//
//	t, err := keeper.ParseTries(stored)
//	if t = t.At(now); t.Wait(now) > 0 { refuse }
//	store(t.Failed(now).Bytes()); k.Unlock(passphrase); store(nil) on success
//
// The zero Tries is a fresh start. Its methods return new values.
type Tries struct {
	failures uint32
	last     int64 // Unix time of the last failure in milliseconds
}

// waits[i] follows failure number freeTries+i.
var waits = [...]time.Duration{30 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}

const (
	freeTries    = 5
	triesVersion = 1
	triesSize    = 1 + 4 + 8
)

// Failures returns the number of wrong passphrases since the last right one.
func (t Tries) Failures() int { return int(t.failures) }

// Failed returns t with one more failure at the time now.
func (t Tries) Failed(now time.Time) Tries {
	if t.failures < 1<<31-1 {
		t.failures++
	}
	t.last = now.UnixMilli()
	return t
}

// At returns t as it is at the time now. If the clock was set back, the whole
// wait begins again from now: it never gets shorter, and a clock that was
// wrong by years does not lock a person out for years. The caller stores the
// result if it differs from t.
func (t Tries) At(now time.Time) Tries {
	if ms := now.UnixMilli(); t.failures > 0 && ms < t.last {
		t.last = ms
	}
	return t
}

// Wait returns how long to wait at the time now before the next try, 0 to one
// hour.
func (t Tries) Wait(now time.Time) time.Duration {
	if t.failures < freeTries {
		return 0
	}
	wait := waits[min(int(t.failures)-freeTries, len(waits)-1)]
	past := now.UnixMilli() - t.At(now).last
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

// ParseTries reads the stored form; nothing stored is the zero Tries. The
// error wraps [wire.ErrMalformed], and comes with a value that asks for the
// longest wait from now, for a caller that goes on.
func ParseTries(b []byte, now time.Time) (Tries, error) {
	if len(b) == 0 {
		return Tries{}, nil
	}
	if len(b) == triesSize && b[0] == triesVersion {
		t := Tries{failures: binary.BigEndian.Uint32(b[1:]), last: int64(binary.BigEndian.Uint64(b[5:]))}
		if t.failures < 1<<31 && t.last >= 0 {
			return t, nil
		}
	}
	worst := Tries{failures: freeTries + uint32(len(waits)) - 1, last: now.UnixMilli()}
	return worst, fmt.Errorf("keeper: count of wrong passphrases: %w", wire.ErrMalformed)
}
