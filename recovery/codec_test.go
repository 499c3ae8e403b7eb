package recovery_test

import (
	"bytes"
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// busy returns a judge with something in each of its lists.
func busy(tb testing.TB) *lab {
	l := newLab(tb, 3, 5)
	l.hear(2, 3, 4, 5)
	_, err := l.Heard(l.beat(2, func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 1, Seq: 1}, {Slot: 3, Seq: 1}} }))
	l.ok(err)
	l.run(8*day, 2, 3)
	l.suspected(2, 5, true)
	l.suspected(3, 5, false)
	l.suspected(3, 1, false)
	l.Tick(l.wall, 0)
	l.ok(l.Veto(l.says(2), 5))
	l.ok(l.Freeze(l.says(3)))
	for _, s := range []wire.Slot{1, 2, 3} {
		l.ok(l.Thaw(l.says(s)))
	}
	l.ok(l.Freeze(l.says(3)))
	l.ok(l.Lost(l.says(2), 4))
	l.ok(l.Thaw(l.says(3)))
	return l
}

func TestJudgeSurvives(t *testing.T) {
	t.Parallel()
	l := busy(t)
	b := l.Bytes()
	j, err := recovery.ParseJudge(b, l.rec, [8]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(j.Bytes(), b) {
		t.Error("a judge is not what it was")
	}
	// Both go on in the same way.
	for _, x := range []*recovery.Judge{l.Judge, j} {
		x.Tick(l.wall+hour, hour)
		if err := x.Lost(recovery.Word{By: 3}, 4); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(j.Bytes(), l.Bytes()) {
		t.Error("two judges that were the same are not after the same")
	}
}

// TestBeatNumbersAreNotReused after a start from what was stored too long ago.
func TestBeatNumbersAreNotReused(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	stored := l.Bytes()
	var last uint64
	for range 1000 {
		last = l.NextBeat(true, true, 0).Seq
	}
	j, err := recovery.ParseJudge(stored, l.rec, [8]byte{2})
	if err != nil {
		t.Fatal(err)
	}
	if seq := j.NextBeat(true, true, 0).Seq; seq <= last {
		t.Errorf("beat %d after beat %d", seq, last)
	}
}

// TestJudgeOfAnOlderEpoch: a crash between the record and the judge.
func TestJudgeOfAnOlderEpoch(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	toEvicting(l)
	stored := l.Bytes()
	l.rec = next(l.rec, roster.Silent, []wire.Slot{3})
	l.ok(l.SetRecord(l.rec))
	j, err := recovery.ParseJudge(stored, l.rec, [8]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(j.Bytes(), l.Bytes()) {
		t.Error("the judge did not catch up")
	}
}

func TestJudgeRefuses(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	other := l.rec
	other.Circle = wire.CircleID{5}
	if _, err := recovery.ParseJudge(l.Bytes(), other, [8]byte{1}); err == nil {
		t.Error("another circle")
	}
	if err := l.SetRecord(other); err == nil {
		t.Error("a record of another circle")
	}
	gone := next(l.rec, roster.Silent, []wire.Slot{1})
	if _, err := recovery.ParseJudge(l.Bytes(), gone, [8]byte{1}); err == nil {
		t.Error("a circle without this device")
	}
	if _, err := recovery.New(gone, 1, [8]byte{1}, start); err == nil {
		t.Error("a new judge without its device")
	}
	old := l.rec
	l.ok(l.SetRecord(next(l.rec, 0, nil)))
	if err := l.SetRecord(old); err == nil {
		t.Error("an older epoch")
	}
	for _, b := range [][]byte{nil, {0x80}, l.Bytes()[1:], append(l.Bytes(), 0), make([]byte, 1<<20)} {
		if _, err := recovery.ParseJudge(b, old, [8]byte{1}); err == nil {
			t.Errorf("%d bytes", len(b))
		}
	}
}

// TestBeatRefused has a row for each check of a beat.
func TestBeatRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	good := l.beat(2)
	for name, change := range map[string]func(*recovery.Beat){
		"circle":       func(b *recovery.Beat) { b.Circle = wire.CircleID{9} },
		"stranger":     func(b *recovery.Beat) { b.Slot = 4 },
		"own":          func(b *recovery.Beat) { b.Slot = 1 },
		"other-signer": func(b *recovery.Beat) { b.Slot = 3 },
	} {
		b := good
		change(&b)
		if news, err := l.Heard(recovery.SignBeat(b, signer(2))); err == nil || news {
			t.Errorf("%s: news %v, err %v", name, news, err)
		}
	}
	b := good
	b.Holds = false
	if _, err := l.Heard(b); err == nil {
		t.Error("a beat that was changed after it was signed")
	}
	for name, change := range map[string]func(*recovery.Beat){
		"version":     func(b *recovery.Beat) { b.Version = 2 },
		"slot":        func(b *recovery.Beat) { b.Slot = 0 },
		"number":      func(b *recovery.Beat) { b.Seq = 0 },
		"seen-order":  func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 3, Seq: 1}, {Slot: 1, Seq: 1}} },
		"seen-itself": func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 2, Seq: 1}} },
		"seen-never":  func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 3}} },
		"seen-empty":  func(b *recovery.Beat) { b.Seen = []recovery.Seen{} },
		"seen-many":   func(b *recovery.Beat) { b.Seen = make([]recovery.Seen, 10) },
	} {
		b := good
		change(&b)
		if _, err := recovery.ParseBeat(b.Bytes()); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
}

func TestSuspicionRefused(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	good := recovery.Suspicion{Version: recovery.Version, Circle: l.rec.Circle, Record: l.rec.Hash(), By: 2, About: 3, Silent: 7 * day}
	for name, change := range map[string]func(*recovery.Suspicion){
		"circle":       func(s *recovery.Suspicion) { s.Circle = wire.CircleID{9} },
		"stranger":     func(s *recovery.Suspicion) { s.By = 4 },
		"own":          func(s *recovery.Suspicion) { s.By = 1 },
		"other-signer": func(s *recovery.Suspicion) { s.By, s.About = 3, 2 },
		"too-early":    func(s *recovery.Suspicion) { s.Silent-- },
		"of-stranger":  func(s *recovery.Suspicion) { s.About = 9 },
	} {
		s := good
		change(&s)
		if err := l.Suspected(recovery.SignSuspicion(s, signer(2))); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	for name, change := range map[string]func(*recovery.Suspicion){
		"version": func(s *recovery.Suspicion) { s.Version = 2 },
		"nobody":  func(s *recovery.Suspicion) { s.By = 0 },
		"nothing": func(s *recovery.Suspicion) { s.About = 0 },
		"itself":  func(s *recovery.Suspicion) { s.About = 2 },
	} {
		s := good
		change(&s)
		if _, err := recovery.ParseSuspicion(s.Bytes()); err == nil {
			t.Errorf("%s: parsed", name)
		}
	}
	// An older statement does not replace a newer one.
	toGrace(l)
	old := good
	old.Last, old.Agree, old.Beat = 1, true, 1
	l.suspected(2, 3, false)
	l.ok(l.Suspected(recovery.SignSuspicion(old, signer(2))))
	l.run(14*day, 2)
	l.want(3, recovery.Grace)
}

func FuzzParseBeat(f *testing.F) {
	l := newLab(f, 2, 3)
	f.Add(l.beat(2).Bytes())
	f.Add(l.beat(3, func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 1, Seq: 1}} }).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := recovery.ParseBeat(b)
		if err != nil {
			return
		}
		if !bytes.Equal(v.Bytes(), b) {
			t.Error("two encodings of one beat")
		}
	})
}

func FuzzParseSuspicion(f *testing.F) {
	f.Add(recovery.Suspicion{Version: recovery.Version, By: 1, About: 2}.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := recovery.ParseSuspicion(b)
		if err != nil {
			return
		}
		if !bytes.Equal(v.Bytes(), b) {
			t.Error("two encodings of one suspicion")
		}
	})
}

// FuzzParseJudge also lets the judge go on: no state that is accepted makes it
// panic.
func FuzzParseJudge(f *testing.F) {
	l := busy(f)
	f.Add(l.Bytes())
	fresh := newLab(f, 3, 5)
	f.Add(fresh.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := recovery.ParseJudge(b, l.rec, [8]byte{1})
		if err != nil {
			return
		}
		again, err := recovery.ParseJudge(j.Bytes(), l.rec, [8]byte{1})
		if err != nil || !bytes.Equal(again.Bytes(), j.Bytes()) {
			t.Fatalf("not what it was: %v", err)
		}
		for i := range uint64(3) {
			j.Tick(start+(i+20)*day, hour)
			j.Heard(l.beat(2))
			j.Lost(recovery.Word{By: 2}, 4)
			j.Thaw(recovery.Word{By: 3})
			j.Aborted(2, 3, 4, 5)
			j.Proposals()
			j.Suspicions()
			j.Frozen()
			j.Spare()
			for s := range wire.Slot(6) {
				j.View(s)
			}
			for _, n := range j.Notices(0) {
				j.Words(n)
			}
		}
		if err := j.SetRecord(next(l.rec, roster.Silent, []wire.Slot{5})); err != nil {
			t.Fatal(err)
		}
	})
}
