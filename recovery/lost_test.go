package recovery_test

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// TestLost has a row for each way that a person's word takes a device, and for
// each guard on the way. Slot 1 is the judge's own, 3 the accused.
func TestLost(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		do     func(l *lab)
		want   recovery.State // of 3
		frozen bool
	}{
		{"one-word-freezes", func(l *lab) { l.ok(l.Lost(l.says(2), 3)) }, recovery.Frozen, true},
		{"one-word-freezes-a-vacation", func(l *lab) {
			l.ok(l.Vacation(l.says(2), 3, day))
			l.ok(l.Lost(l.says(2), 3))
		}, recovery.Frozen, true},
		{"t-words-evict", func(l *lab) { l.ok(l.Lost(l.says(2), 3)); l.ok(l.Lost(l.says(1), 3)) }, recovery.Evicting, true},
		{"one-person-twice-is-one", func(l *lab) { l.ok(l.Lost(l.says(2), 3)); l.ok(l.Lost(l.says(2), 3)) }, recovery.Frozen, true},
		{"beat-does-not-thaw", func(l *lab) { l.ok(l.Lost(l.says(2), 3)); l.hear(3) }, recovery.Frozen, true},
		{"beat-does-not-stop-eviction", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Lost(l.says(1), 3))
			l.hear(3)
		}, recovery.Evicting, true},
		{"one-word-and-a-day-unheard", func(l *lab) { l.ok(l.Lost(l.says(2), 3)); l.run(day, 2) }, recovery.Evicting, true},
		{"one-word-and-almost-a-day", func(l *lab) { l.ok(l.Lost(l.says(2), 3)); l.run(day-1, 2) }, recovery.Frozen, true},
		{"day-counts-from-the-word", func(l *lab) {
			l.run(3*day, 2)
			l.ok(l.Lost(l.says(2), 3))
			l.run(day-1, 2)
		}, recovery.Frozen, true},
		{"heard-within-the-day", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.run(20*hour, 2)
			l.hear(3)
			l.run(23*hour, 2)
		}, recovery.Frozen, true},
		{"heard-by-another-within-the-day", func(l *lab) {
			l.ok(l.Lost(l.says(1), 3))
			l.run(20*hour, 2)
			_, err := l.Heard(l.beat(2, func(b *recovery.Beat) { b.Seen = []recovery.Seen{{Slot: 3, Seq: l.seq[3] + 1}} }))
			l.ok(err)
			l.run(23*hour, 2)
		}, recovery.Frozen, true},
		{"counter-accusation", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Lost(l.says(3), 2))
			l.want(2, recovery.Disputed)
		}, recovery.Disputed, true},
		{"dispute-does-not-end-by-silence", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Lost(l.says(3), 2))
			l.run(10*day, 2)
		}, recovery.Disputed, true},
		{"t-words-end-a-dispute", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Lost(l.says(3), 2))
			l.ok(l.Lost(l.says(1), 3))
			l.want(2, recovery.Live)
		}, recovery.Evicting, true},
		{"accused-strikes-at-a-bystander", func(l *lab) {
			l.ok(l.Lost(l.says(1), 3))
			l.ok(l.Lost(l.says(3), 2))
			l.want(2, recovery.Frozen)
			l.ok(l.Lost(l.says(2), 3))
			l.want(2, recovery.Live)
		}, recovery.Evicting, true},
		{"t-persons-thaw", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Thaw(l.says(1)))
			l.want(3, recovery.Frozen)
			l.ok(l.Thaw(l.says(2)))
		}, recovery.Live, false},
		{"t-persons-stop-an-eviction", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Lost(l.says(1), 3))
			l.ok(l.Thaw(l.says(1)))
			l.ok(l.Thaw(l.says(2)))
		}, recovery.Live, false},
		{"one-person-twice-does-not-thaw", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Thaw(l.says(1)))
			l.ok(l.Thaw(l.says(1)))
		}, recovery.Frozen, true},
		{"accused-does-not-thaw", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Thaw(l.says(3)))
			l.ok(l.Thaw(l.says(1)))
		}, recovery.Frozen, true},
		{"thaw-before-a-new-word-does-not-count", func(l *lab) {
			l.ok(l.Freeze(l.says(2)))
			l.ok(l.Thaw(l.says(1)))
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Thaw(l.says(2)))
		}, recovery.Frozen, true},
		{"accuser-alone-at-once", func(l *lab) { l.ok(l.Lost(l.says(2), 3)); l.ok(l.Thaw(l.says(2))) }, recovery.Frozen, true},
		{"accuser-alone-after-a-day", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.run(day, 2, 3)
			l.ok(l.Thaw(l.says(2)))
		}, recovery.Live, false},
		{"another-alone-after-a-day", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.run(day, 2, 3)
			l.ok(l.Thaw(l.says(1)))
		}, recovery.Frozen, true},
		{"accuser-alone-does-not-stop-an-eviction", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.run(day, 2)
			l.ok(l.Thaw(l.says(2)))
		}, recovery.Evicting, true},
		{"freeze-for-all", func(l *lab) { l.ok(l.Freeze(l.says(2))) }, recovery.Live, true},
		{"freeze-thawed", func(l *lab) {
			l.ok(l.Freeze(l.says(2)))
			l.ok(l.Thaw(l.says(1)))
			l.ok(l.Thaw(l.says(3)))
		}, recovery.Live, false},
		{"muted-freeze", func(l *lab) { thawed(l); l.ok(l.Freeze(l.says(2))) }, recovery.Live, false},
		{"muted-accusation", func(l *lab) { thawed(l); l.ok(l.Lost(l.says(2), 3)) }, recovery.Live, false},
		{"muted-freeze-joined", func(l *lab) { thawed(l); l.ok(l.Freeze(l.says(2))); l.ok(l.Freeze(l.says(3))) }, recovery.Live, true},
		{"muted-accusation-joined", func(l *lab) { thawed(l); l.ok(l.Lost(l.says(2), 3)); l.ok(l.Lost(l.says(1), 3)) }, recovery.Evicting, true},
		{"other-is-not-muted", func(l *lab) { thawed(l); l.ok(l.Freeze(l.says(1))) }, recovery.Live, true},
		{"muted-for-a-day", func(l *lab) { thawed(l); l.run(day-1, 2, 3); l.ok(l.Freeze(l.says(2))) }, recovery.Live, false},
		{"muted-no-longer", func(l *lab) { thawed(l); l.run(day, 2, 3); l.ok(l.Freeze(l.says(2))) }, recovery.Live, true},
		{"muted-is-forgotten-afterwards", func(l *lab) { thawed(l); l.ok(l.Freeze(l.says(2))); l.run(2*day, 2, 3) }, recovery.Live, false},
		{"muted-does-not-count-later", func(l *lab) {
			thawed(l)
			l.ok(l.Lost(l.says(2), 3))
			l.run(2*day, 2, 3)
			l.ok(l.Lost(l.says(1), 3))
		}, recovery.Frozen, true},
		{"freeze-that-was-handled-does-not-freeze-again", func(l *lab) {
			w := l.says(1)
			l.ok(l.Freeze(w))
			l.ok(l.Thaw(l.says(2)))
			l.ok(l.Thaw(l.says(3)))
			l.run(2*day, 2, 3)
			l.ok(l.Freeze(w))
		}, recovery.Live, false},
		{"word-that-was-handled-does-not-freeze-again", func(l *lab) {
			w := l.says(2)
			l.ok(l.Lost(w, 3))
			l.ok(l.Thaw(l.says(1)))
			l.ok(l.Thaw(l.says(2)))
			l.run(2*day, 2, 3)
			l.ok(l.Lost(w, 3))
		}, recovery.Live, false},
		{"this-device-accused", func(l *lab) { l.ok(l.Lost(l.says(2), 1)); l.want(1, recovery.Frozen) }, recovery.Live, true},
		{"aborted-lost", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Lost(l.says(1), 3))
			l.Aborted(3)
			l.run(10*minute-1, 2)
		}, recovery.Frozen, true},
		{"aborted-lost-again", func(l *lab) {
			l.ok(l.Lost(l.says(2), 3))
			l.ok(l.Lost(l.says(1), 3))
			l.Aborted(3)
			l.run(10*minute, 2)
		}, recovery.Evicting, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 2, 3)
			l.hear(2, 3)
			tc.do(l)
			l.want(3, tc.want)
			if frozen, why := l.Frozen(); frozen != tc.frozen || frozen == (why == "") {
				t.Errorf("frozen %v (%s), want %v", frozen, why, tc.frozen)
			}
			if banned := l.Banned(3); banned != (tc.want != recovery.Live) {
				t.Errorf("banned %v in state %v", banned, tc.want)
			}
		})
	}
}

// thawed leaves device 2 muted.
func thawed(l *lab) {
	l.Helper()
	l.ok(l.Freeze(l.says(2)))
	l.ok(l.Thaw(l.says(1)))
	l.ok(l.Thaw(l.says(3)))
}

func TestRefusedAccusations(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		do   func(l *lab) error
		want string
	}{
		{"itself", func(l *lab) error { return l.Lost(l.says(3), 3) }, "cannot report itself"},
		{"stranger-speaks", func(l *lab) error { return l.Lost(l.says(9), 3) }, "has no say"},
		{"about-a-stranger", func(l *lab) error { return l.Lost(l.says(2), 9) }, "not in the circle"},
		{"stranger-freezes", func(l *lab) error { return l.Freeze(l.says(9)) }, "has no say"},
		{"evicting-accuses", func(l *lab) error {
			l.ok(l.Lost(l.says(1), 3))
			l.ok(l.Lost(l.says(2), 3))
			return l.Lost(l.says(3), 2)
		}, "has no say"},
		{"evicting-freezes", func(l *lab) error {
			l.ok(l.Lost(l.says(1), 3))
			l.ok(l.Lost(l.says(2), 3))
			return l.Freeze(l.says(3))
		}, "has no say"},
		{"thaw-nothing", func(l *lab) error { return l.Thaw(l.says(2)) }, "not frozen"},
		{"stranger-thaws", func(l *lab) error { l.ok(l.Freeze(l.says(1))); return l.Thaw(l.says(9)) }, "has no say"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 2, 3)
			if err := tc.do(l); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

// TestStolenDeviceStaysOut: its beats raise an alarm and nothing else, and its
// keys do not come back.
func TestStolenDeviceStaysOut(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	l.hear(2, 3)
	l.ok(l.Lost(l.says(1), 3))
	l.ok(l.Lost(l.says(2), 3))
	p := l.Proposals()
	if len(p) != 1 || p[0].Removed[0] != (recovery.Removal{Slot: 3, State: roster.Stolen}) {
		t.Fatalf("proposals %+v", p)
	}
	l.rec = next(l.rec, roster.Stolen, []wire.Slot{3})
	l.ok(l.SetRecord(l.rec))
	l.want(3, recovery.Stolen)
	if frozen, why := l.Frozen(); frozen {
		t.Errorf("still frozen: %s", why)
	}
	l.hear(3)
	l.want(3, recovery.Stolen)
	n := l.Notices(0)
	if got := n[len(n)-1]; got.Step != recovery.StepAlarm || got.Slot != 3 {
		t.Errorf("noticed %s", l.Words(got))
	}
}

// TestSilentDeviceComesBack as what it is: out. It is told of, and if it is made
// a device again it has another slot.
func TestSilentDeviceComesBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	toEvicting(l)
	l.rec = next(l.rec, roster.Silent, []wire.Slot{3})
	l.ok(l.SetRecord(l.rec))
	l.hear(3)
	l.want(3, recovery.Evicted)
	n := l.Notices(0)
	if got := n[len(n)-1]; got.Step != recovery.StepReturned || got.Slot != 3 || !l.Banned(3) {
		t.Errorf("noticed %s", l.Words(got))
	}
	l.rec.Devices = append(l.rec.Devices, device(3))
	l.rec.Devices[2].Slot = 4
	l.rec.Epoch++
	l.ok(l.SetRecord(l.rec))
	l.want(4, recovery.Live)
	if _, ok := l.View(3); ok {
		t.Error("its old slot is still there")
	}
}

// TestTakenBack: a word stands until persons thaw, and one that does not count
// stands until it is forgotten.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 3)
	check := func(w recovery.Word, about wire.Slot, back, muted bool) {
		t.Helper()
		if l.TakenBack(w, about) != back || l.Muted(w.By) != muted {
			t.Errorf("about %d: taken back %v, muted %v; want %v, %v", about, l.TakenBack(w, about), l.Muted(w.By), back, muted)
		}
	}
	lost, freeze, again := l.says(2), l.says(2), l.says(2)
	check(lost, 3, false, false) // nobody has said it yet
	l.ok(l.Lost(lost, 3))
	l.ok(l.Freeze(freeze))
	check(lost, 3, false, false)
	check(freeze, 0, false, false)
	l.ok(l.Thaw(l.says(1)))
	check(lost, 3, false, false) // one does not thaw
	l.ok(l.Thaw(l.says(2)))
	check(lost, 3, true, false)
	check(freeze, 0, true, false)
	l.ok(l.Freeze(again))
	check(again, 0, false, true)
	l.run(2*day, 2, 3)
	check(again, 0, true, false)
	joined := l.says(2)
	l.ok(l.Freeze(joined))
	check(joined, 0, false, false)
}
