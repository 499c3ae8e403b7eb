package standing_test

import (
	"testing"
	"time"

	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/node/standing/standingtest"
)

// TestWhoIsHeard: a connection is no word. A device that says nothing is there for a few
// heartbeats if nobody asks, for a moment if somebody does, and again with its next word.
func TestWhoIsHeard(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3).InCircle(2)
	start := b.Now
	speaks := func() { b.Heard(map[string]time.Time{"\x02": b.Now}) }
	beats := standing.MissedBeats * (b.Config.Timings.Beat + b.Config.Timings.IdleTick)
	b.Now = start.Add(beats - 1)
	if !b.Hears(2) {
		t.Error("it is said to be away although nobody asked it")
	}
	b.Now = start.Add(beats)
	if b.Hears(2) || !b.Online(2) {
		t.Error("who says nothing is there, or its connection is not")
	}
	if speaks(); !b.Hears(2) || b.Hears(3) {
		t.Error("who speaks is not there, or who does not is")
	}

	if b.Peer(3).Online = false; b.Ping() || len(b.Sent()) != 0 {
		t.Error("a device that has just spoken is asked, or one that is not connected")
	}
	b.Now = b.Now.Add(standing.PingAfter)
	if out := func() []standingtest.Parcel { b.Ping(); return b.Sent() }(); len(out) != 1 || out[0].To != 2 {
		t.Errorf("asked: %+v", out)
	}
	if !b.Ping() || len(b.Sent()) != 0 || !b.Hears(2) {
		t.Error("it has no moment to answer, or is asked twice")
	}
	if b.Now = b.Now.Add(standing.PingPatience); b.Ping() || b.Hears(2) {
		t.Error("it does not answer and is there")
	}
	if speaks(); !b.Hears(2) {
		t.Error("it answers and is not there")
	}
}
