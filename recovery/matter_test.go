package recovery_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// current returns in words what still matters about the others.
func (l *lab) current() (out []string) {
	for _, n := range l.Current(0) {
		if n.Step != recovery.StepUnheard { // nobody echoes the lab
			out = append(out, l.Words(n))
		}
	}
	return out
}

// wantCurrent checks that exactly these still matter, each by a part of it.
func (l *lab) wantCurrent(parts ...string) {
	l.Helper()
	got := l.current()
	if len(got) != len(parts) {
		l.Fatalf("what matters: %q, want %q", got, parts)
	}
	for i, p := range parts {
		if !strings.Contains(got[i], p) {
			l.Errorf("what matters: %q, want %q", got[i], p)
		}
	}
}

// TestSettledNoticesAreGone goes through what can become of a notice.
func TestSettledNoticesAreGone(t *testing.T) {
	t.Parallel()
	removed := func(l *lab, state roster.FormerState) {
		l.rec = next(l.rec, state, []wire.Slot{3})
		l.ok(l.SetRecord(l.rec))
	}
	for name, run := range map[string]func(l *lab){
		"silence": func(l *lab) {
			toSuspect(l)
			l.wantCurrent("tablet has not been heard for 7 days")
			l.run(day, 2)
			l.wantCurrent("tablet has not been heard for 8 days")
			l.suspected(2, 3, false)
			l.Tick(l.wall, 0)
			l.wantCurrent("tablet will be removed in 14 days")
			l.run(12*day, 2)
			l.wantCurrent("tablet will be removed in 2 days") // not the three of its notice
			l.run(3*day, 2)
			l.wantCurrent("tablet is to be removed now")
			l.suspected(2, 3, true)
			l.Tick(l.wall, 0)
			l.wantCurrent("tablet is being removed")
			l.Aborted(3)
			l.wantCurrent("The next attempt is in 10 minutes")
			l.run(9*minute, 2)
			l.wantCurrent("The next attempt is in 1 minute")
			removed(l, roster.Silent)
			l.wantCurrent("tablet was removed")
			l.hear(3)
			l.wantCurrent("tablet was removed", "is there again")
		},
		"back": func(l *lab) {
			toEvicting(l)
			l.Aborted(3)
			l.hear(3)
			l.wantCurrent("tablet is back")
			toGrace(l)
			l.wantCurrent("tablet will be removed")
		},
		"accused, then removed": func(l *lab) {
			l.ok(l.Lost(l.says(1), 3))
			l.wantCurrent("On phone somebody said that tablet is lost")
			l.ok(l.Lost(l.says(2), 3))
			l.wantCurrent("On phone somebody said that tablet is lost", "On laptop somebody", "is being removed")
			removed(l, roster.Stolen)
			l.wantCurrent("tablet was removed")
			l.hear(3)
			l.wantCurrent("tablet was removed", "Stolen device online")
		},
		"disputed, then thawed": func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Lost(l.says(3), 2))
			l.wantCurrent("tablet is lost", "laptop is lost", "each say that the other is lost")
			l.ok(l.Thaw(l.says(1)))
			l.ok(l.Thaw(l.says(2)))
			l.wantCurrent("The circle is thawed")
			l.ok(l.Freeze(l.says(2)))
			l.wantCurrent("The circle is thawed", "laptop was used to freeze the circle again")
			l.run(day, 2, 3)
			l.wantCurrent("The circle is thawed")
			l.ok(l.Freeze(l.says(1)))
			l.wantCurrent("The circle was frozen on phone")
		},
		"vacation and veto": func(l *lab) {
			l.hear(2, 3)
			l.ok(l.Vacation(l.says(2), 3, 10*day))
			l.run(4*day, 2)
			l.wantCurrent("tablet will be away for 6 days")
			l.run(6*day, 2)
			l.wantCurrent("tablet is no longer announced as away")
			l.hear(3)
			toGrace(l)
			l.ok(l.Veto(l.says(2), 3))
			l.wantCurrent("no longer announced", "will be removed in 44 days", "somebody objected")
			l.run(44*day, 2)
			l.suspected(2, 3, true)
			l.Tick(l.wall, 0)
			l.wantCurrent("no longer announced", "somebody objected", "is being removed now")
			l.ok(l.Veto(l.says(2), 3))
			l.wantCurrent("no longer announced", "will be removed in 30 days", "somebody objected")
			l.hear(3)
			l.wantCurrent("no longer announced", "tablet is back")
		},
		"doubted and unheard": func(l *lab) {
			seen := func(seq uint64) { _, err := l.Heard(l.beat(2, sees(1, seq))); l.ok(err) }
			own := l.NextBeat(true, true, 0).Seq
			seen(own)
			l.run(day, 2)
			l.suspected(2, 1, false)
			l.wantCurrent("laptop has not heard this device")
			if n := l.Current(0); len(n) != 2 || n[0].Step != recovery.StepUnheard {
				l.Errorf("what matters: %+v", n)
			}
			l.run(10*day, 2, 3)
			if n := l.Current(l.wall); len(n) != 2 {
				l.Errorf("what matters after ten days: %+v", n)
			}
			seen(l.NextBeat(true, true, 0).Seq)
			l.wantCurrent("hear this one again")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(newLab(t, 2, 3))
		})
	}
}

func sees(slot wire.Slot, seq uint64) func(*recovery.Beat) {
	return func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: slot, Seq: seq}} }
}

// TestCopyIsToldOnceADay: two copies that both beat say so with each of their
// beats.
func TestCopyIsToldOnceADay(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	turn := func() {
		for _, boot := range []byte{7, 8} {
			_, err := l.Heard(l.beat(2, func(b *recovery.Beat) { b.Boot = [8]byte{boot} }))
			l.ok(err)
		}
	}
	turn()
	if l.Copied(2) || l.current() != nil {
		t.Fatalf("one restart is a copy: %q", l.current())
	}
	for range 100 {
		turn()
	}
	l.wantCurrent("laptop seems to run twice")
	if !l.Copied(2) || l.Copied(3) || l.Copied(1) {
		t.Errorf("copied: %v %v %v", l.Copied(1), l.Copied(2), l.Copied(3))
	}
	told := func() int { return strings.Count(l.steps(), "18@2") }
	if n := told(); n != 1 {
		t.Errorf("%d notices on one day", n)
	}
	l.run(day, 3)
	turn()
	if n := told(); n != 2 {
		t.Errorf("%d notices on two days", n)
	}
	l.wantCurrent("laptop seems to run twice")
	l.rec = next(l.rec, roster.Stolen, []wire.Slot{2})
	l.ok(l.SetRecord(l.rec))
	l.wantCurrent("laptop was removed")
}

// TestOldNoticesAreNotCurrent: what is over for long is not told for ever.
func TestOldNoticesAreNotCurrent(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	l.ok(l.Freeze(l.says(2)))
	l.ok(l.Thaw(l.says(1)))
	l.ok(l.Thaw(l.says(3)))
	l.wantCurrent("The circle is thawed")
	l.run(3*day, 2, 3)
	thawed := func(since uint64) bool {
		return slices.ContainsFunc(l.Current(since), func(n recovery.Notice) bool { return n.Step == recovery.StepThawed })
	}
	if thawed(l.wall - 2*day) {
		t.Error("it is told after three days")
	}
	if !thawed(l.wall - 3*day) {
		t.Error("it is not told within three days")
	}
}
