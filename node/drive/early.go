package drive

import (
	"bytes"
	"slices"
	"time"

	"github.com/warifu/warifu/wire"
)

// An earlyFrame came before its session: the initiator's word reaches the
// devices of a session at different times.
type earlyFrame struct {
	Frame wire.Frame
	peer  []byte // transport id of the sender, which the session maps to a slot
	at    time.Time
}

// Bounds of the frames that are kept for sessions that do not exist yet. Only
// first-round frames can honestly be early, and those are small.
const (
	maxEarly          = 128
	maxEarlyPerDevice = 12
	maxEarlyBody      = 1 << 10
)

// earlyFrames are those frames, the oldest first.
type earlyFrames []earlyFrame

// Keep keeps a frame of a peer, for as long as hold.
func (e *earlyFrames) Keep(now time.Time, hold time.Duration, f wire.Frame, peer []byte) {
	if len(f.Body) > maxEarlyBody {
		return
	}
	kept := slices.DeleteFunc(*e, func(x earlyFrame) bool { return now.Sub(x.at) >= hold })
	first, n := -1, 0
	for i, x := range kept {
		if bytes.Equal(x.peer, peer) {
			if n++; first < 0 {
				first = i
			}
		}
	}
	switch {
	case n >= maxEarlyPerDevice:
		kept = slices.Delete(kept, first, first+1)
	case len(kept) >= maxEarly:
		kept = slices.Delete(kept, 0, 1)
	}
	f.Body = bytes.Clone(f.Body)
	*e = append(kept, earlyFrame{Frame: f, peer: peer, at: now})
}

// take removes and returns the frames of a session.
func (e *earlyFrames) take(id wire.SessionID) (out []earlyFrame) {
	*e = slices.DeleteFunc(*e, func(x earlyFrame) bool {
		mine := x.Frame.Session == id
		if mine {
			out = append(out, x)
		}
		return mine
	})
	return out
}
