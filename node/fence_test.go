package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// readyWithout has the laptop and the tablet remove the phone, which is silent,
// as far as both are ready and no test signature can be made. Then the phone
// comes back, and their judges have nothing against it any more.
func readyWithout(t *testing.T, seed uint64) (l *lab, phone, laptop, tablet *labDevice) {
	t.Helper()
	l = newLab(t, 3, seed)
	l.found(2, 3)
	phone, laptop, tablet = l.devices[0], l.devices[1], l.devices[2]
	l.tamper = func(_, _ *labDevice, b []byte) []byte {
		if typ, body, err := message.SplitMessage(b); err == nil && typ == message.MsgTest {
			var m message.Test
			if wire.Unmarshal(body, &m) == nil {
				return nil
			}
		}
		return b
	}
	phone.kill()
	l.step = 10 * time.Minute
	for _, d := range []*labDevice{laptop, tablet} {
		d.core.Config.Timings = l.timings()
	}
	if !l.run(40*24*time.Hour, func() bool {
		for _, d := range []*labDevice{laptop, tablet} {
			if a := d.core.Attempt; a == nil || a.Machine.Phase() != refresh.Prepared {
				return false
			}
		}
		return true
	}) {
		t.Fatalf("they are never ready to remove it\n%s", l.logs())
	}
	l.step = 500 * time.Millisecond
	phone.start()
	if !l.run(5*time.Second, func() bool {
		for _, d := range []*labDevice{laptop, tablet} {
			if v, _ := d.core.Vigil.Judge.View(1); v.State != recovery.Live {
				return false
			}
		}
		return true
	}) {
		t.Fatalf("the phone is not heard\n%s", l.logs())
	}
	return l, phone, laptop, tablet
}

// TestFenceByIdentity: who has said ready to a removal does not sign with the
// device that goes, although no judge has anything against it any more, and
// although it is restarted; until the removal is dead, for others may be through
// with it already.
func TestFenceByIdentity(t *testing.T) {
	t.Parallel()
	l, phone, laptop, tablet := readyWithout(t, 65)
	r := phone.ask("with those who are about to remove it")
	laptop.approves(r.ID)
	tablet.approves(r.ID)
	mine := tablet.ask("asked by one of them")
	phone.approves(mine.ID)
	begun := false
	for _, restart := range []bool{false, true} {
		if restart {
			laptop.kill()
			laptop.start()
			tablet.kill()
			tablet.start()
			mine = tablet.request(mine.ID)
		}
		l.run(10*time.Second, func() bool {
			for _, d := range []*labDevice{laptop, tablet} {
				for _, s := range d.core.LiveSessions() {
					begun = begun || s.Owner.Personal() && s.Has(1)
				}
			}
			return begun
		})
		if begun || phone.signed(r.ID) || tablet.signed(mine.ID) {
			t.Fatalf("signed with a device that is being removed; restarted: %v\n%s", restart, l.logs())
		}
		for _, d := range []*labDevice{laptop, tablet} {
			if a := d.core.Attempt; a == nil || a.Machine.Phase() != refresh.Prepared || !d.core.Banned(1) {
				t.Fatalf("%s is no longer ready, or bans nobody; restarted: %v", d.name, restart)
			}
		}
	}
	// The removal dies of old age. Whom it was to take out signs again.
	if !l.run(5*time.Minute, func() bool { return phone.signed(r.ID) && tablet.signed(mine.ID) }) {
		t.Fatalf("not signed afterwards\n%s", l.logs())
	}
	if e := laptop.core.Circle.Record.Epoch; e != 0 {
		t.Errorf("epoch %d", e)
	}
	laptop.kill()
	laptop.start()
	l.signsWith(phone, laptop)
}

// TestDeadAttemptLeavesNoKey: the shares of an attempt that died are a sharing
// of the key, and what they were sealed with must go; if a crash came in
// between, at the next start.
func TestDeadAttemptLeavesNoKey(t *testing.T) {
	t.Parallel()
	l, _, laptop, tablet := readyWithout(t, 66)
	id := laptop.core.Attempt.EpochKey
	for _, d := range []*labDevice{laptop, tablet} {
		if !d.keeper.keys[id] {
			t.Fatalf("%s has no key for the shares that it holds", d.name)
		}
	}
	if !l.run(5*time.Minute, func() bool { return !laptop.core.Redealing() && !tablet.core.Redealing() }) {
		t.Fatalf("the removal does not end\n%s", l.logs())
	}
	for _, d := range []*labDevice{laptop, tablet} {
		if d.keeper.keys[id] {
			t.Errorf("%s keeps the key of a dead attempt", d.name)
		}
		d.kill()
		d.keeper.keys[id] = true // as if the power had failed before it was gone
		d.start()
		if d.keeper.keys[id] {
			t.Errorf("%s keeps the key of a dead attempt after a crash", d.name)
		}
	}
}
