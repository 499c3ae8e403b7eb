package recovery_test

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// The device in slot 3 falls silent in all of these; 2 is heard. With 2 of 3,
// no spare device remains without it.

// toSuspect brings device 3 to SUSPECT.
func toSuspect(l *lab) {
	l.Helper()
	l.hear(2, 3)
	l.run(7*day, 2)
	l.want(3, recovery.Suspect)
}

// toGrace brings it to GRACE, with the countdown just begun.
func toGrace(l *lab) {
	l.Helper()
	toSuspect(l)
	l.suspected(2, 3, false)
	l.Tick(l.wall, 0)
	l.want(3, recovery.Grace)
}

// toEvicting brings it to EVICTING.
func toEvicting(l *lab) {
	l.Helper()
	toGrace(l)
	l.run(14*day, 2)
	l.suspected(2, 3, true)
	l.Tick(l.wall, 0)
	l.want(3, recovery.Evicting)
}

func TestSilentDeviceIsRemoved(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	l.hear(2, 3)
	l.run(2*day-1, 2)
	l.want(3, recovery.Live)
	l.run(1, 2)
	l.want(3, recovery.Quiet)
	l.run(5*day-1, 2)
	l.want(3, recovery.Quiet)
	l.run(1, 2)
	l.want(3, recovery.Suspect)
	l.run(30*day, 2)
	l.want(3, recovery.Suspect) // one device alone is no quorum
	l.suspected(2, 3, false)
	l.Tick(l.wall, 0)
	l.want(3, recovery.Grace)
	l.suspected(2, 3, true)
	l.run(14*day-1, 2)
	l.want(3, recovery.Grace)
	l.run(1, 2)
	l.want(3, recovery.Evicting)
	p := l.Proposals()
	if len(p) != 1 || len(p[0].Removed) != 1 || p[0].Removed[0] != (recovery.Removal{Slot: 3, State: roster.Silent}) || len(p[0].Members) != 2 {
		t.Fatalf("proposals %+v", p)
	}
	l.rec = next(l.rec, roster.Silent, []wire.Slot{3})
	l.ok(l.SetRecord(l.rec))
	l.want(3, recovery.Evicted)
	if got, want := l.steps(), "14@1 1@3 2@3 2@3 2@3 4@3 5@3 "; got != want {
		t.Errorf("noticed %s, want %s", got, want)
	}
	var left []uint64
	for _, n := range l.Notices(0) {
		if n.Step == recovery.StepGrace {
			left = append(left, n.Seconds/day)
		}
	}
	if len(left) != 3 || left[0] != 14 || left[1] != 3 || left[2] != 1 {
		t.Errorf("countdown told at %v days", left)
	}
}

// TestTransitions has a row for each way between states that silence, beats
// and words about silent devices take, and for each guard on the way.
func TestTransitions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		set  func(*roster.Settings)
		do   func(l *lab)
		want recovery.State
	}{
		{"beat-ends-quiet", nil, func(l *lab) { l.run(3*day, 2); l.want(3, recovery.Quiet); l.hear(3) }, recovery.Live},
		{"beat-ends-suspect", nil, func(l *lab) { toSuspect(l); l.hear(3) }, recovery.Live},
		{"beat-ends-grace", nil, func(l *lab) { toGrace(l); l.hear(3) }, recovery.Live},
		{"beat-ends-evicting", nil, func(l *lab) { toEvicting(l); l.hear(3) }, recovery.Live},
		{"beat-that-knows-an-old-record-ends-nothing", nil, func(l *lab) {
			l.rec = next(l.rec, 0, nil)
			l.ok(l.SetRecord(l.rec))
			toSuspect(l)
			_, err := l.Heard(l.beat(3, func(b *recovery.Beat) { b.Epoch = 0 }))
			l.ok(err)
		}, recovery.Suspect},
		{"beat-of-another-record-ends-nothing", nil, func(l *lab) {
			toSuspect(l)
			_, err := l.Heard(l.beat(3, func(b *recovery.Beat) { b.Record = wire.Hash{7} }))
			l.ok(err)
		}, recovery.Suspect},
		{"beat-of-a-newer-epoch-counts", nil, func(l *lab) {
			toSuspect(l)
			_, err := l.Heard(l.beat(3, func(b *recovery.Beat) { b.Epoch, b.Record = 5, wire.Hash{7} }))
			l.ok(err)
		}, recovery.Live},
		{"beat-without-share-is-pending", nil, func(l *lab) {
			_, err := l.Heard(l.beat(3, func(b *recovery.Beat) { b.Holds = false }))
			l.ok(err)
		}, recovery.Pending},
		{"share-ends-pending", nil, func(l *lab) {
			_, err := l.Heard(l.beat(3, func(b *recovery.Beat) { b.Holds = false }))
			l.ok(err)
			l.hear(3)
		}, recovery.Live},
		{"pending-falls-quiet", nil, func(l *lab) {
			_, err := l.Heard(l.beat(3, func(b *recovery.Beat) { b.Holds = false }))
			l.ok(err)
			l.run(2*day, 2)
		}, recovery.Quiet},
		{"sleeper-is-pending", nil, func(l *lab) {
			l.hear(3)
			l.rec = next(l.rec, 0, nil, 3)
			l.ok(l.SetRecord(l.rec))
		}, recovery.Pending},
		{"nobody-heard-no-suspicion", nil, func(l *lab) { l.hear(2, 3); l.run(60 * day) }, recovery.Quiet},
		{"heard-too-seldom-no-suspicion", nil, func(l *lab) {
			for range 60 {
				l.run(day)
				l.hear(2)
			}
		}, recovery.Quiet},
		{"claim-of-a-frozen-device-does-not-count", nil, func(l *lab) {
			toSuspect(l)
			l.ok(l.Lost(l.says(1), 2))
			l.suspected(2, 3, true)
			l.run(hour, 2)
		}, recovery.Suspect},
		{"claim-older-than-what-its-device-has-heard", nil, func(l *lab) {
			toSuspect(l)
			_, err := l.Heard(l.beat(2, func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 3, Seq: l.seq[3] + 1}} }))
			l.ok(err)
			l.suspected(2, 3, true)
			l.run(hour)
		}, recovery.Suspect},
		{"veto-takes-an-agreement-back", func(s *roster.Settings) { s.NoSpareAuto = false }, func(l *lab) {
			toGrace(l)
			l.suspected(2, 3, true)
			l.ok(l.Confirm(l.says(1), 3))
			l.ok(l.Veto(l.says(2), 3))
			l.run(60*day, 2)
		}, recovery.Grace},
		{"claim-withdrawn-by-a-beat", nil, func(l *lab) {
			toSuspect(l)
			l.suspected(2, 3, true)
			_, err := l.Heard(l.beat(2, func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 3, Seq: l.seq[3] + 1}} }))
			l.ok(err)
			l.run(hour)
		}, recovery.Suspect},
		{"claim-about-another-epoch-does-not-count", nil, func(l *lab) {
			toSuspect(l)
			old := l.rec
			l.rec = next(l.rec, 0, nil)
			l.ok(l.SetRecord(l.rec))
			now := l.rec
			l.rec = old
			l.suspected(2, 3, true)
			l.rec = now
			l.run(hour, 2)
		}, recovery.Suspect},
		{"claims-die-with-their-epoch", nil, func(l *lab) {
			l.hear(2, 3)
			l.run(6*day, 2)
			l.suspected(2, 3, true)
			l.rec = next(l.rec, 0, nil)
			l.ok(l.SetRecord(l.rec))
			l.run(day, 2)
		}, recovery.Suspect},
		{"other-does-not-agree", nil, func(l *lab) { toGrace(l); l.run(20*day, 2) }, recovery.Grace},
		{"other-no-longer-agrees", nil, func(l *lab) {
			toGrace(l)
			l.suspected(2, 3, true)
			l.run(day, 2)
			l.suspected(2, 3, false)
			l.run(20*day, 2)
		}, recovery.Grace},
		{"countdown-is-longer-without-spare", nil, func(l *lab) { toGrace(l); l.suspected(2, 3, true); l.run(13*day, 2) }, recovery.Grace},
		{"veto-prolongs", nil, func(l *lab) {
			toGrace(l)
			l.ok(l.Veto(l.says(2), 3))
			l.suspected(2, 3, true)
			if v, _ := l.View(3); v.Left != 44*day {
				l.Errorf("%d seconds are left, want 44 days", v.Left)
			}
			l.run(44*day-1, 2)
		}, recovery.Grace},
		{"veto-prolongs-by-30-days", nil, func(l *lab) {
			toGrace(l)
			l.ok(l.Veto(l.says(2), 3))
			l.suspected(2, 3, true)
			l.run(44*day, 2)
		}, recovery.Evicting},
		{"veto-in-suspect-prolongs-what-comes", nil, func(l *lab) {
			toSuspect(l)
			l.ok(l.Veto(l.says(2), 3))
			l.suspected(2, 3, true)
			l.run(44*day-hour, 2)
		}, recovery.Grace},
		{"two-vetoes", nil, func(l *lab) {
			toGrace(l)
			l.ok(l.Veto(l.says(2), 3))
			l.ok(l.Veto(l.says(1), 3))
			l.suspected(2, 3, true)
			l.run(74*day-1, 2)
		}, recovery.Grace},
		{"veto-said-once-counts-once", nil, func(l *lab) {
			toGrace(l)
			w := l.says(2)
			l.ok(l.Veto(w, 3))
			l.ok(l.Veto(w, 3))
			l.suspected(2, 3, true)
			l.run(44*day, 2)
		}, recovery.Evicting},
		{"veto-stops-evicting", nil, func(l *lab) { toEvicting(l); l.ok(l.Veto(l.says(2), 3)) }, recovery.Grace},
		{"ask-without-spare", func(s *roster.Settings) { s.NoSpareAuto = false }, func(l *lab) {
			toGrace(l)
			l.suspected(2, 3, true)
			l.run(30*day, 2)
		}, recovery.Grace},
		{"ask-and-answer", func(s *roster.Settings) { s.NoSpareAuto = false }, func(l *lab) {
			toGrace(l)
			l.suspected(2, 3, true)
			l.ok(l.Confirm(l.says(1), 3))
			l.run(14*day, 2)
		}, recovery.Evicting},
		{"vacation", nil, func(l *lab) {
			l.hear(3)
			l.ok(l.Vacation(l.says(1), 3, 60*day))
			l.run(59*day, 2)
		}, recovery.Vacation},
		{"vacation-ends-in-quiet-if-unheard", nil, func(l *lab) {
			l.hear(3)
			l.ok(l.Vacation(l.says(1), 3, 60*day))
			l.run(60*day, 2)
		}, recovery.Quiet},
		{"silence-counts-from-the-end-of-the-vacation", nil, func(l *lab) {
			l.hear(3)
			l.ok(l.Vacation(l.says(1), 3, 60*day))
			l.run(67*day-hour, 2)
		}, recovery.Quiet},
		{"vacation-ends-live-if-heard", nil, func(l *lab) {
			l.hear(3)
			l.ok(l.Vacation(l.says(1), 3, 10*day))
			l.run(9*day, 2)
			l.hear(3)
			l.want(3, recovery.Vacation)
			l.run(day, 2)
		}, recovery.Live},
		{"vacation-ended-early", nil, func(l *lab) {
			l.hear(3)
			l.ok(l.Vacation(l.says(1), 3, 10*day))
			l.ok(l.Vacation(l.says(2), 3, 0))
			l.run(1, 2)
		}, recovery.Live},
		{"aborted", nil, func(l *lab) { toEvicting(l); l.Aborted(3); l.Tick(l.wall, 0) }, recovery.Grace},
		{"aborted-waits-ten-minutes", nil, func(l *lab) {
			toEvicting(l)
			l.Aborted(3)
			l.run(10*minute-1, 2)
		}, recovery.Grace},
		{"aborted-and-waited", nil, func(l *lab) { toEvicting(l); l.Aborted(3); l.run(10*minute, 2) }, recovery.Evicting},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var set []func(*roster.Settings)
			if tc.set != nil {
				set = append(set, tc.set)
			}
			l := newLab(t, 2, 3, set...)
			tc.do(l)
			l.want(3, tc.want)
		})
	}
}

// TestRefusedWords has a row for each word about a silent device that does not
// count, and asks for the reason that the person is given.
func TestRefusedWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		do   func(l *lab) error
		want string
	}{
		{"veto-against-nothing", func(l *lab) error { return l.Veto(l.says(2), 3) }, "no removal to object to"},
		{"veto-for-itself", func(l *lab) error { toGrace(l); return l.Veto(l.says(3), 3) }, "its own removal"},
		{"third-veto", func(l *lab) error {
			toGrace(l)
			l.ok(l.Veto(l.says(2), 3))
			l.ok(l.Veto(l.says(2), 3))
			return l.Veto(l.says(1), 3)
		}, "two objections"},
		{"veto-against-lost", func(l *lab) error {
			l.ok(l.Lost(l.says(1), 3))
			l.ok(l.Lost(l.says(2), 3))
			return l.Veto(l.says(1), 3)
		}, "no removal to object to"},
		{"veto-of-a-stranger", func(l *lab) error { toGrace(l); return l.Veto(l.says(9), 3) }, "has no say"},
		{"veto-of-a-frozen-device", func(l *lab) error {
			toGrace(l)
			l.ok(l.Lost(l.says(1), 2))
			return l.Veto(l.says(2), 3)
		}, "laptop is frozen"},
		{"vacation-of-a-quiet-device", func(l *lab) error { l.run(3*day, 2); return l.Vacation(l.says(1), 3, day) }, "only a device that is live"},
		{"vacation-prolonged", func(l *lab) error {
			l.ok(l.Vacation(l.says(1), 3, 10*day))
			return l.Vacation(l.says(1), 3, 20*day)
		}, "only a device that is live"},
		{"long-vacation", func(l *lab) error { return l.Vacation(l.says(1), 3, 90*day+1) }, "the longest is 90 days"},
		{"vacation-of-a-stranger", func(l *lab) error { return l.Vacation(l.says(1), 7, day) }, "not in the circle"},
		{"confirm-nothing", func(l *lab) error { return l.Confirm(l.says(1), 3) }, "no removal to agree to"},
		{"confirm-itself", func(l *lab) error { toGrace(l); return l.Confirm(l.says(3), 3) }, "no removal to agree to"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 2, 3)
			l.hear(2, 3)
			if err := tc.do(l); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
