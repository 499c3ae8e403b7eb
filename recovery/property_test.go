package recovery_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func rng(seed uint64) *rand.Rand {
	var s [32]byte
	binary.LittleEndian.PutUint64(s[:], seed)
	return rand.New(rand.NewChaCha8(s))
}

// TestNeverEarly plays wall clocks that jump by up to ten years either way,
// machines that are suspended for a month, devices that come and go, restarts
// from what was stored, and others that are always for a removal. However it
// goes, this device agrees to a removal only if, by its own count of awake
// seconds, it has not heard the device for SUSPECT and GRACE; and the same run
// twice gives the same judge.
func TestNeverEarly(t *testing.T) {
	t.Parallel()
	agreed := 0
	for seed := range uint64(16) {
		a, n := neverEarly(t, seed)
		b, _ := neverEarly(t, seed)
		if !bytes.Equal(a, b) {
			t.Errorf("seed %d: two runs differ", seed)
		}
		agreed += n
	}
	if agreed == 0 {
		t.Error("no removal was ever agreed to: nothing was tested")
	}
}

func neverEarly(t *testing.T, seed uint64) (end []byte, agreed int) {
	r := rng(seed)
	l := newLab(t, 2, 3)
	set := l.rec.Settings
	var silent uint64 // awake seconds since 3 was heard
	l.hear(2, 3)
	for i := range 1800 {
		awake := r.Uint64N(hour)
		wall := awake
		switch r.IntN(12) {
		case 0: // suspended
			wall += r.Uint64N(30 * day)
		case 1: // set wrong
			l.wall = start + r.Uint64N(20*365*day) - 10*365*day
		case 2: // stands still
			wall = 0
		case 3: // a monotonic clock that runs on while suspended
			awake = 30 * day
		}
		l.wall += wall
		l.Tick(l.wall, awake)
		silent += min(awake, recovery.MaxTick)
		if r.IntN(3) > 0 {
			l.hear(2)
		}
		if r.IntN(800) == 0 {
			l.hear(3)
			silent = 0
		}
		if i%50 == 0 {
			l.suspected(2, 3, true)
		}
		if r.IntN(100) == 0 {
			j, err := recovery.ParseJudge(l.Bytes(), l.rec, [8]byte{byte(i)})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			l.Judge = j
		}
		ok, _ := l.MayEvict(recovery.Removal{Slot: 3, State: roster.Silent})
		if !ok {
			continue
		}
		agreed++
		if silent < set.Suspect+set.GraceNoSpare {
			t.Fatalf("seed %d, step %d: agreed after %d seconds of %d", seed, i, silent, set.Suspect+set.GraceNoSpare)
		}
	}
	return l.Bytes(), agreed
}

// TestSuspended: a machine that wakes after a month, and ticks at once, knows
// nothing yet.
func TestSuspended(t *testing.T) {
	t.Parallel()
	for name, awake := range map[string]uint64{"monotonic stops": 1, "monotonic runs on": 30 * day} {
		l := newLab(t, 2, 3)
		l.hear(2, 3)
		l.wall += 30 * day
		l.Tick(l.wall, awake)
		if v, _ := l.View(3); v.State != recovery.Live {
			t.Errorf("%s: %v after waking", name, v.State)
		}
	}
}

// TestClocksOutOfStep: two clocks that show whole seconds and never change at
// the same time are as good as one.
func TestClocksOutOfStep(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	for range 2 * 2 * day / 60 {
		l.Tick(l.wall, 60)
		l.wall += 60
		l.Tick(l.wall, 0)
	}
	l.want(3, recovery.Quiet)
}

// TestWallClockOwesNothing: a clock that jumped forward does not pay for the
// time in which it stands.
func TestWallClockOwesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	l.wall += 10 * 365 * day
	l.Tick(l.wall, 0)
	for range 100 {
		l.Tick(l.wall, hour)
	}
	l.want(3, recovery.Live)
}

// TestPartition: three judges, of which one hears the device that the two
// others do not. It says no, and without it there is no quorum.
func TestPartition(t *testing.T) {
	t.Parallel()
	rec := record(3, 4)
	judges := map[wire.Slot]*recovery.Judge{}
	for _, s := range []wire.Slot{1, 2, 3} {
		j, err := recovery.New(rec, s, [8]byte{byte(s)}, start)
		if err != nil {
			t.Fatal(err)
		}
		judges[s] = j
	}
	seq := uint64(0)
	cut := func(from, to wire.Slot) bool { return from == 4 && to != 3 }
	for h := range uint64(60 * 24) {
		for _, j := range judges {
			j.Tick(start+(h+1)*hour, hour)
		}
		if h%3 != 0 {
			continue
		}
		beats := map[wire.Slot]recovery.Beat{}
		for s, j := range judges {
			beats[s] = recovery.SignBeat(j.NextBeat(true, true, 0), signer(s))
		}
		seq++
		beats[4] = recovery.SignBeat(recovery.Beat{Version: recovery.Version, Circle: rec.Circle, Slot: 4, Seq: seq, Record: rec.Hash(), Holds: true}, signer(4))
		for to, j := range judges {
			for from, b := range beats {
				if from == to || cut(from, to) {
					continue
				}
				if _, err := j.Heard(b); err != nil {
					t.Fatal(err)
				}
				if from == 4 {
					continue
				}
				for _, s := range judges[from].Suspicions() {
					if err := j.Suspected(recovery.SignSuspicion(s, signer(from))); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if ok, _ := judges[3].MayEvict(silent(4)...); ok {
			t.Fatalf("hour %d: the device that hears it agrees", h)
		}
		for s, j := range judges {
			if p := j.Proposals(); p != nil {
				t.Fatalf("hour %d: device %d proposes %+v", h, s, p)
			}
		}
	}
	for _, s := range []wire.Slot{1, 2} {
		if v, _ := judges[s].View(4); v.State != recovery.Suspect {
			t.Errorf("device %d: %v", s, v.State)
		}
	}
}
