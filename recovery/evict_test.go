package recovery_test

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func silent(slots ...wire.Slot) (out []recovery.Removal) {
	for _, s := range slots {
		out = append(out, recovery.Removal{Slot: s, State: roster.Silent})
	}
	return out
}

func stolen(slots ...wire.Slot) (out []recovery.Removal) {
	for _, s := range slots {
		out = append(out, recovery.Removal{Slot: s, State: roster.Stolen})
	}
	return out
}

// TestMayEvict has a row for each reason to say no, in a circle of 3 of 5 in
// which 4 and 5 fall silent and 2 and 3 are heard.
func TestMayEvict(t *testing.T) {
	t.Parallel()
	both := func(l *lab) { // both of them are in GRACE, and their countdown is over
		l.hear(2, 3, 4, 5)
		l.run(7*day, 2, 3)
		for _, s := range []wire.Slot{4, 5} {
			l.suspected(2, s, true)
			l.suspected(3, s, true)
		}
		l.run(14*day+hour, 2, 3)
	}
	for _, tc := range []struct {
		name    string
		do      func(l *lab)
		removed []recovery.Removal
		want    string // empty if it may
	}{
		{"one", both, silent(4), ""},
		{"nobody", both, nil, "not in order"},
		{"twice", both, silent(4, 4), "not in order"},
		{"two-at-once", both, silent(4, 5), "one device at a time"},
		{"two-at-once-one-confirmed", func(l *lab) { both(l); l.ok(l.Confirm(l.says(1), 4)) }, silent(4, 5), ""},
		{"three", both, silent(3, 4, 5), "nobody is removed"},
		{"this-device", both, silent(1), "its own removal"},
		{"stranger", both, silent(9), "not in the circle"},
		{"live", both, silent(3), "tablet is live here"},
		{"heard-within-grace", func(l *lab) { both(l); l.hear(4) }, silent(4), "desktop is live here"},
		{"as-stolen", both, stolen(4), "nobody has reported"},
		{"lost-by-too-few", func(l *lab) { both(l); l.ok(l.Lost(l.says(2), 4)) }, stolen(4), "too few"},
		{"lost", func(l *lab) { lose(l, 4, 1, 2, 3) }, stolen(4), ""},
		{"lost-as-silent", func(l *lab) { lose(l, 4, 1, 2, 3) }, silent(4), "as if it had only been silent"},
		{"two-lost-at-once", func(l *lab) { lose(l, 4, 1, 2, 3); lose(l, 5, 1, 2, 3) }, stolen(4, 5), ""},
		{"lost-and-aborted", func(l *lab) { lose(l, 4, 1, 2, 3); l.Aborted(4) }, stolen(4), ""},
		{"budget", func(l *lab) { both(l); remove(l, 4) }, silent(5), "a device was removed not long ago"},
		{"budget-with-a-person", func(l *lab) { both(l); remove(l, 4); l.ok(l.Confirm(l.says(1), 5)) }, silent(5), ""},
		{"budget-after-a-while", func(l *lab) { both(l); remove(l, 4); l.run(90*day, 2, 3) }, silent(5), ""},
		{"budget-is-longer-without-spare", func(l *lab) { both(l); remove(l, 4); l.run(90*day-hour, 2, 3) }, silent(5), "not long ago"},
		{"removal-with-a-person-needs-no-budget", func(l *lab) {
			both(l)
			l.ok(l.Confirm(l.says(1), 4))
			remove(l, 4)
		}, silent(5), ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 5)
			l.hear(2, 3, 4, 5)
			tc.do(l)
			ok, why := l.MayEvict(tc.removed...)
			if ok != (tc.want == "") || !strings.Contains(why, tc.want) {
				t.Errorf("got %v (%s), want %q", ok, why, tc.want)
			}
		})
	}
}

func lose(l *lab, about wire.Slot, by ...wire.Slot) {
	l.Helper()
	for _, b := range by {
		l.ok(l.Lost(l.says(b), about))
	}
}

func remove(l *lab, slot wire.Slot) {
	l.Helper()
	l.rec = next(l.rec, roster.Silent, []wire.Slot{slot})
	l.ok(l.SetRecord(l.rec))
}

// TestQuorumBeyondThreshold: where two halves could sign, more must take part
// than sign.
func TestQuorumBeyondThreshold(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 4)
	l.hear(2, 3, 4)
	lose(l, 3, 1, 2)
	lose(l, 4, 1, 2)
	if ok, why := l.MayEvict(stolen(3, 4)...); ok || !strings.Contains(why, "a removal takes 3") {
		t.Errorf("got %v (%s)", ok, why)
	}
	if ok, why := l.MayEvict(stolen(4)...); !ok {
		t.Error(why)
	}
}

func TestProposals(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 5)
	l.hear(2, 3, 4, 5)
	lose(l, 4, 1, 2, 3)
	lose(l, 5, 1, 2, 3)
	p := l.Proposals()
	if len(p) != 1 || len(p[0].Removed) != 2 || len(p[0].Members) != 3 {
		t.Fatalf("proposals %+v, want one of both", p)
	}
	if want := "desktop was reported lost; server was reported lost"; p[0].Why != want {
		t.Errorf("why: %q, want %q", p[0].Why, want)
	}
	// Without the quorum nothing is proposed, and the view says so.
	l.run(3 * day)
	if p := l.Proposals(); p != nil {
		t.Errorf("proposals %+v with nobody there", p)
	}
	if v, _ := l.View(4); !strings.Contains(v.Words, "takes 3 devices, and only 1 is") {
		t.Errorf("view: %s", v.Words)
	}
	l.hear(2, 3)
	if l.Proposals() == nil {
		t.Error("no proposal with the quorum back")
	}
	// Attempts that fail come less and less often.
	for _, wait := range []uint64{10 * minute, hour, 6 * hour, 6 * hour} {
		l.Aborted(4, 5)
		l.Tick(l.wall, 0)
		if p := l.Proposals(); p != nil {
			t.Errorf("proposals %+v at once", p)
		}
		l.run(wait-1, 2, 3)
		if p := l.Proposals(); p != nil {
			t.Errorf("proposals %+v too early", p)
		}
		l.run(1, 2, 3)
		if l.Proposals() == nil {
			t.Errorf("no proposal after %d seconds", wait)
		}
	}
}

// TestStranded: with too few devices left nobody is removed, whatever is said.
func TestStranded(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 3)
	l.hear(2, 3)
	lose(l, 3, 1, 2)
	l.run(2*day, 2)
	if p := l.Proposals(); p != nil {
		t.Errorf("proposals %+v", p)
	}
	if n := l.Spare(); n != -1 {
		t.Errorf("spare %d, want -1", n)
	}
	if v, _ := l.View(3); !strings.Contains(v.Words, "nothing is deleted") {
		t.Errorf("view: %s", v.Words)
	}
}

// TestSpareNeedsNoQuestion: the setting to ask is about the last spare device.
func TestSpareNeedsNoQuestion(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 5, func(s *roster.Settings) { s.NoSpareAuto = false })
	l.hear(2, 3, 4, 5)
	l.run(7*day, 2, 3, 4)
	l.suspected(2, 5, true)
	l.suspected(3, 5, true)
	l.Tick(l.wall, 0)
	l.run(7*day, 2, 3, 4)
	if ok, why := l.MayEvict(silent(5)...); !ok {
		t.Error(why)
	}
}

// TestProposersTakeTurns: the first device proposes at once, the next half a
// minute later, so that there is one attempt and not several.
func TestProposersTakeTurns(t *testing.T) {
	t.Parallel()
	rec := record(2, 3)
	j, err := recovery.New(rec, 2, [8]byte{2}, start)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{TB: t, Judge: j, rec: rec, self: 2, wall: start, seq: map[wire.Slot]uint64{}}
	l.hear(1, 3)
	lose(l, 3, 1, 2)
	if p := l.Proposals(); p != nil {
		t.Errorf("proposals %+v at once", p)
	}
	l.run(30, 1)
	if l.Proposals() == nil {
		t.Error("no proposal after half a minute")
	}
}
