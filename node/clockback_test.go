package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/wire"
)

// TestPausesEndWhenTheClockIsSetBack: a device starts with a clock that is years
// ahead, and waits a moment for its next try. When its clock is set right that
// moment must not last for years.
func TestPausesEndWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 99)
	l.found(2, 2)
	phone, laptop := l.devices[0], l.devices[1]
	for _, wrong := range []time.Duration{365 * 24 * time.Hour, time.Second} {
		r := phone.ask("with a clock that was ahead")
		phone.core.now = l.now.Add(wrong)
		r.attempts = 20
		phone.core.backOff(r)
		if r.notUntil.Sub(phone.core.now) > longestPause {
			t.Errorf("a pause of %v", r.notUntil.Sub(phone.core.now))
		}
		laptop.approves(r.id)
		if !l.run(time.Minute, func() bool { return phone.signed(r.id) }) {
			t.Errorf("%v ahead: not signed\n%s", wrong, l.logs())
		}
	}
	laptop.kill() // which would take its turn
	r := phone.change(change.Refresh, change.Payload{})
	phone.core.now = l.now.Add(365 * 24 * time.Hour)
	phone.core.backOff(r)
	laptop.start()
	if !l.run(turnLife/2, l.in(0, phone, laptop)) {
		t.Errorf("no re-deal\n%s", l.logs())
	}
}

// TestSilenceIsNoticedWhenTheClockIsSetBack: a session with a device that does not
// answer ends, although the clock says that it has not begun yet.
func TestSilenceIsNoticedWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 100)
	l.found(2, 2)
	phone, laptop := l.devices[0], l.devices[1]
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if _, err := wire.ParseFrame(b); err == nil && to == phone {
			return nil
		}
		return b
	}
	r := phone.ask("to a device that does not answer")
	laptop.approves(r.id)
	if !l.run(time.Minute, func() bool { return r.live != nil }) {
		t.Fatalf("no session\n%s", l.logs())
	}
	first := r.live
	l.now = l.now.Add(-365 * 24 * time.Hour)
	if !l.run(time.Minute, func() bool { return r.live != first }) {
		t.Fatal("the session goes on for a year")
	}
	l.tamper = nil
	if !l.run(10*time.Minute, func() bool { return phone.signed(r.id) }) {
		t.Errorf("not signed afterwards\n%s", l.logs())
	}
}
