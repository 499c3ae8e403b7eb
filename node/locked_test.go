package node

import (
	"syscall"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/share/refresh"
)

// TestLockedDeviceLosesNoRedeal: what does not open because its person has locked
// the device is not lost, however long that is. One hiccup of the disk after the
// passphrase was typed must not make it so.
func TestLockedDeviceLosesNoRedeal(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 92)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.Attempt != nil && laptop.core.Attempt.Machine.Phase() == refresh.Committed
	}) {
		t.Fatalf("it does not commit\n%s", l.logs())
	}
	laptop.core.Now = l.now
	laptop.core.Lock()
	laptop.core.ResumeLater(errLabSealed) // as after a write that failed since it is locked
	l.run(2*redeal.ResumeTries*redeal.MaxResumePause, nil)
	laptop.keeper.fail = syscall.EMFILE
	if err := laptop.keeper.Unlock(nil); err != nil {
		t.Fatal(err)
	}
	laptop.core.Now = l.now
	laptop.core.Unlocked()
	l.run(redeal.MaxResumePause, nil)
	laptop.keeper.fail = nil
	if !l.run(5*time.Minute, l.in(0, phone, laptop, tablet)) {
		t.Fatalf("it did not go on: %q\n%s", laptop.core.RedealTrouble, l.logs())
	}
	l.signsWith(laptop, tablet)
}

// TestLockForgetsTheSharesOfARedeal: whoever reads the memory of a device that its
// person has locked finds no share in it, however far a re-deal is. What the
// device has said in it others still hear, and it goes on when it is unlocked, by
// whatever way.
func TestLockForgetsTheSharesOfARedeal(t *testing.T) {
	t.Parallel()
	for _, phase := range []refresh.Phase{refresh.Prepared, refresh.Committed, refresh.Locked, refresh.Retired} {
		for _, told := range []bool{true, false} {
			t.Run(phase.String(), func(t *testing.T) {
				t.Parallel()
				l := newLab(t, 3, 97)
				l.found(2, 3)
				phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
				if phase == refresh.Locked {
					tablet.kill() // whom the others wait for
				}
				phone.change(change.Refresh, change.Payload{})
				if !l.run(time.Minute, func() bool {
					return laptop.core.Attempt != nil && laptop.core.Attempt.Machine.Phase() == phase
				}) {
					t.Fatalf("never %v\n%s", phase, l.logs())
				}
				laptop.core.Now = l.now
				laptop.core.Lock()
				for range 3 {
					if a := laptop.core.Attempt; a == nil || redeal.HoldsKeys(a) || a.Machine.Phase() != phase {
						t.Fatal("a locked device holds shares, or has dropped the re-deal")
					}
					for _, s := range laptop.core.LiveSessions() {
						if redeal.TrialOf(s) != nil {
							t.Fatal("a locked device holds shares in a test of them")
						}
					}
					l.run(5*time.Second, nil)
				}
				if laptop.core.Interrupted() {
					t.Error("it takes a locked keeper for a broken disk")
				}
				if phase == refresh.Locked {
					phone.kill() // the one that is locked must tell
					tablet.start()
					if !l.run(time.Minute, func() bool { return tablet.core.Circle.Record.Epoch == 1 && tablet.core.HasShare() }) {
						t.Fatalf("the sleeper does not find its share\n%s", l.logs())
					}
					phone.start()
				}
				if err := laptop.keeper.Unlock(nil); err != nil {
					t.Fatal(err)
				}
				if told {
					laptop.core.Now = l.now
					laptop.core.Unlocked()
				}
				if !l.run(2*time.Minute, l.in(0, l.devices...)) {
					t.Fatalf("it does not go on\n%s", l.logs())
				}
				l.signsWith(laptop, tablet)
				l.signsWith(phone, laptop)
			})
		}
	}
}
