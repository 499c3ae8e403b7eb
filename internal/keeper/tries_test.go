package keeper_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/wire"
)

// noon is how long the machine has been on.
const noon = 12 * time.Hour

func failed(n int, at time.Duration) (t keeper.Tries) {
	for range n {
		t = t.Failed(at)
	}
	return t
}

func TestTriesWait(t *testing.T) {
	t.Parallel()
	want := map[int]time.Duration{
		0: 0, 1: 0, 4: 0,
		5: 30 * time.Second, 6: 2 * time.Minute, 7: 10 * time.Minute,
		8: time.Hour, 9: time.Hour, 500: time.Hour,
	}
	for n, wait := range want {
		tr := failed(n, noon)
		if got := tr.Wait(noon); got != wait {
			t.Errorf("after %d: %v, want %v", n, got, wait)
		}
		if tr.Failures() != n {
			t.Errorf("%d failures, want %d", tr.Failures(), n)
		}
		if wait == 0 {
			continue
		}
		if got := tr.Wait(noon + wait - time.Millisecond); got != time.Millisecond {
			t.Errorf("after %d, just before the end: %v", n, got)
		}
		if got := tr.Wait(noon + wait); got != 0 {
			t.Errorf("after %d, at the end: %v", n, got)
		}
	}
}

// TestTriesAfterARestart: a machine that was started anew has waited for as long as
// it has been on. The wait is neither skipped nor does it last for ever.
func TestTriesAfterARestart(t *testing.T) {
	t.Parallel()
	tr := failed(6, noon)
	for on, want := range map[time.Duration]time.Duration{
		0:                2 * time.Minute,
		90 * time.Second: 30 * time.Second,
		2 * time.Minute:  0,
		noon - 1:         0,
		-time.Hour:       2 * time.Minute, // no machine says so
	} {
		if got := tr.Wait(on); got != want {
			t.Errorf("on for %v: %v, want %v", on, got, want)
		}
		if seen := tr.At(on); seen.Wait(on) != want || seen.Failures() != 6 {
			t.Errorf("on for %v: %v, want %v", on, seen.Wait(on), want)
		}
	}
	// Seen once, it is counted from that start: later on, past what the machine's
	// time was at the failure, it is not counted from there again.
	if got := tr.At(time.Second).Wait(noon + time.Second); got != 0 {
		t.Errorf("half a day later: %v", got)
	}
	if tr.At(noon+time.Second) != tr {
		t.Error("At changes what it need not")
	}
	if (keeper.Tries{}).At(-5) != (keeper.Tries{}) {
		t.Error("At makes something of nothing")
	}
}

// TestTriesOfTheWallClock reads what was stored with a time that its person could
// set: the count is kept, and the wait begins again.
func TestTriesOfTheWallClock(t *testing.T) {
	t.Parallel()
	for _, last := range []uint64{0, 1_800_000_000_000, 1 << 62} {
		old := binary.BigEndian.AppendUint64([]byte{1, 0, 0, 0, 6}, last)
		tr, err := keeper.ParseTries(old, noon)
		if err != nil || tr.Failures() != 6 || tr.Wait(noon) != 2*time.Minute || tr.Wait(noon+2*time.Minute) != 0 {
			t.Errorf("last at %d: %+v, %v", last, tr, err)
		}
		if again, err := keeper.ParseTries(tr.Bytes(), noon+time.Second); err != nil || again != tr {
			t.Errorf("stored again: %+v, %v", again, err)
		}
	}
}

func TestTriesStored(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 5, 100} {
		tr := failed(n, noon)
		got, err := keeper.ParseTries(tr.Bytes(), noon)
		if err != nil || got != tr {
			t.Errorf("%d failures: %+v, %v", n, got, err)
		}
	}
	if got, err := keeper.ParseTries(nil, noon); err != nil || got != (keeper.Tries{}) {
		t.Errorf("nothing stored: %+v, %v", got, err)
	}
	for _, b := range [][]byte{{1}, {3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{0xff}, 13), make([]byte, 14)} {
		got, err := keeper.ParseTries(b, noon)
		if !errors.Is(err, wire.ErrMalformed) || got.Wait(noon) != time.Hour {
			t.Errorf("%x: %v, waits %v", b, err, got.Wait(noon))
		}
	}
}

func FuzzTries(f *testing.F) {
	f.Add([]byte{}, int64(0))
	f.Add(failed(7, noon).Bytes(), noon.Milliseconds())
	f.Add(bytes.Repeat([]byte{0x7f}, 13), int64(-1))
	f.Fuzz(func(t *testing.T, b []byte, ms int64) {
		now := time.Duration(ms%(1<<40)) * time.Millisecond
		tr, err := keeper.ParseTries(b, now)
		if err == nil && len(b) > 0 && b[0] != 1 && !bytes.Equal(tr.Bytes(), b) {
			t.Errorf("%x comes back as %x", b, tr.Bytes())
		}
		wait := tr.Wait(now)
		if wait < 0 || wait > time.Hour {
			t.Errorf("waits %v", wait)
		}
		if tr.At(now).Wait(now) != wait {
			t.Error("At changes the wait")
		}
		next := tr.At(now).Failed(now)
		if next.Wait(now) < wait {
			t.Errorf("one more failure shortens %v to %v", wait, next.Wait(now))
		}
		if next.Failures() < tr.Failures() {
			t.Error("the count went back")
		}
	})
}
