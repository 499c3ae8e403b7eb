package keeper_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/wire"
)

var noon = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

func failed(n int, at time.Time) (t keeper.Tries) {
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
		if got := tr.Wait(noon.Add(wait - time.Millisecond)); got != time.Millisecond {
			t.Errorf("after %d, just before the end: %v", n, got)
		}
		if got := tr.Wait(noon.Add(wait)); got != 0 {
			t.Errorf("after %d, at the end: %v", n, got)
		}
	}
}

// TestTriesClockSetBack: never shorter, and not for years either.
func TestTriesClockSetBack(t *testing.T) {
	t.Parallel()
	tr := failed(6, noon)
	for _, back := range []time.Duration{time.Millisecond, time.Minute, 24 * time.Hour, 10 * 365 * 24 * time.Hour, 80 * 365 * 24 * time.Hour} {
		now := noon.Add(-back)
		if got := tr.Wait(now); got != 2*time.Minute {
			t.Errorf("set back by %v: %v, want the whole wait", back, got)
		}
		seen := tr.At(now)
		if got := seen.Wait(now.Add(90 * time.Second)); got != 30*time.Second {
			t.Errorf("set back by %v, 90 s later: %v", back, got)
		}
		if seen.Failures() != 6 {
			t.Error("the count was lost")
		}
	}
	if tr.At(noon.Add(time.Second)) != tr {
		t.Error("At changes what it need not")
	}
	if (keeper.Tries{}).At(time.Unix(-5, 0)) != (keeper.Tries{}) {
		t.Error("At makes something of nothing")
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
	for _, b := range [][]byte{{1}, {2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, bytes.Repeat([]byte{0xff}, 13), make([]byte, 14)} {
		got, err := keeper.ParseTries(b, noon)
		if !errors.Is(err, wire.ErrMalformed) || got.Wait(noon) != time.Hour {
			t.Errorf("%x: %v, waits %v", b, err, got.Wait(noon))
		}
	}
}

func FuzzTries(f *testing.F) {
	f.Add([]byte{}, int64(0))
	f.Add(failed(7, noon).Bytes(), noon.UnixMilli())
	f.Add(bytes.Repeat([]byte{0x7f}, 13), int64(-1))
	f.Fuzz(func(t *testing.T, b []byte, ms int64) {
		now := time.UnixMilli(ms % (1 << 52))
		tr, err := keeper.ParseTries(b, now)
		if err == nil && len(b) > 0 && !bytes.Equal(tr.Bytes(), b) {
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
		if back := tr.Wait(now.Add(-time.Hour)); back < wait {
			t.Errorf("an hour back shortens %v to %v", wait, back)
		}
	})
}
