package recovery_test

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/recovery"
)

// last returns the latest notice in words.
func (l *lab) last() string {
	n := l.Notices(0)
	if len(n) == 0 {
		return ""
	}
	return l.Words(n[len(n)-1])
}

func (l *lab) wantLast(part string) {
	l.Helper()
	if got := l.last(); !strings.Contains(got, part) {
		l.Errorf("the latest notice is %q, want %q", got, part)
	}
}

// TestNobodyHearsThisDevice: its beats come back in nobody's for 24 hours.
func TestNobodyHearsThisDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	seen := func(seq uint64) func(*recovery.Beat) {
		return func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 1, Seq: seq}} }
	}
	own := l.NextBeat(true, true, 0).Seq
	_, err := l.Heard(l.beat(2, seen(own)))
	l.ok(err)
	l.run(day-1, 3)
	_, err = l.Heard(l.beat(2, seen(own))) // the same once more
	l.ok(err)
	if got := l.last(); got != "" {
		t.Errorf("noticed %q", got)
	}
	l.run(1, 3)
	l.wantLast("do not hear this one")
	own = l.NextBeat(true, true, 0).Seq
	_, err = l.Heard(l.beat(2, seen(own)))
	l.ok(err)
	l.wantLast("hear this one again")
}

func TestDoubted(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	l.suspected(2, 1, false)
	l.wantLast("laptop has not heard this device for 7 days")
	l.suspected(2, 1, false)
	if n := len(l.Notices(0)); n != 1 {
		t.Errorf("%d notices, want one", n)
	}
}

// TestCopies: a device whose disk was copied beats with two boots in turn, and
// one that was set back is told numbers that it does not remember.
func TestCopies(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	boot := func(n byte) func(*recovery.Beat) { return func(b *recovery.Beat) { b.Boot = [8]byte{n} } }
	for _, n := range []byte{1, 2, 3, 4} { // restarts are no copies
		_, err := l.Heard(l.beat(2, boot(n)))
		l.ok(err)
	}
	if got := l.last(); got != "" {
		t.Errorf("noticed %q", got)
	}
	_, err := l.Heard(l.beat(2, boot(3)))
	l.ok(err)
	l.wantLast("laptop seems to run twice")

	for _, seen := range []uint64{1 << 50, 500} { // the first is nonsense
		_, err = l.Heard(l.beat(2, func(b *recovery.Beat) { b.Boot, b.Seen = [8]byte{3}, []recovery.Seen{{Slot: 1, Seq: seen}} }))
		l.ok(err)
	}
	l.wantLast("set back, or a copy of it")
	if seq := l.NextBeat(true, true, 0).Seq; seq != 501 {
		t.Errorf("next beat %d, want 501", seq)
	}
}

// TestReplayedBeat: what was heard already is not news.
func TestReplayedBeat(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	b := l.beat(3)
	if news, err := l.Heard(b); err != nil || !news {
		t.Fatal(news, err)
	}
	l.run(3*day, 2)
	if news, err := l.Heard(b); err != nil || news {
		t.Error("a recording is news")
	}
	l.want(3, recovery.Quiet)
}

func TestNoticesAreNumberedAndBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	for range 60 {
		l.ok(l.Freeze(l.says(2)))
		l.ok(l.Thaw(l.says(1)))
		l.ok(l.Thaw(l.says(3)))
		l.run(day, 2, 3)
	}
	n := l.Notices(0)
	if len(n) != recovery.MaxNotices {
		t.Errorf("%d notices are kept", len(n))
	}
	for i := range n[1:] {
		if n[i+1].N != n[i].N+1 {
			t.Errorf("notice %d after %d", n[i+1].N, n[i].N)
		}
	}
	if got := l.Notices(n[40].N); len(got) != len(n)-41 || got[0].N != n[41].N {
		t.Errorf("%d notices after the 41st", len(got))
	}
}
