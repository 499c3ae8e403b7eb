package node

import (
	"syscall"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
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
	phone.change(api.KindRefresh, change{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.attempt != nil && laptop.core.attempt.machine.Phase() == refresh.Committed
	}) {
		t.Fatalf("it does not commit\n%s", l.logs())
	}
	laptop.core.now = l.now
	laptop.core.lock()
	if !l.run(2*resumeTries*maxResumePause, func() bool { return laptop.core.interrupted() }) {
		t.Fatal("it goes on although it is locked")
	}
	l.run(2*resumeTries*maxResumePause, nil)
	laptop.keeper.fail = syscall.EMFILE
	if err := laptop.keeper.Unlock(nil); err != nil {
		t.Fatal(err)
	}
	laptop.core.now = l.now
	laptop.core.unlocked()
	l.run(maxResumePause, nil)
	laptop.keeper.fail = nil
	if !l.run(5*time.Minute, l.in(0, phone, laptop, tablet)) {
		t.Fatalf("it did not go on: %q\n%s", laptop.core.redealTrouble, l.logs())
	}
	l.signsWith(laptop, tablet)
}
