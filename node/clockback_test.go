package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/standing"
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
		phone.core.Now = l.now.Add(wrong)
		r.Attempts = 20
		phone.core.BackOff(r)
		if r.NotUntil.Sub(phone.core.Now) > standing.LongestPause {
			t.Errorf("a pause of %v", r.NotUntil.Sub(phone.core.Now))
		}
		laptop.approves(r.ID)
		if !l.run(time.Minute, func() bool { return phone.signed(r.ID) }) {
			t.Errorf("%v ahead: not signed\n%s", wrong, l.logs())
		}
	}
	laptop.kill() // which would take its turn
	r := phone.change(change.Refresh, change.Payload{})
	phone.core.Now = l.now.Add(365 * 24 * time.Hour)
	phone.core.BackOff(r)
	laptop.start()
	if !l.run(changes.TurnLife/2, l.in(0, phone, laptop)) {
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
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return r.Live != nil }) {
		t.Fatalf("no session\n%s", l.logs())
	}
	first := r.Live
	l.now = l.now.Add(-365 * 24 * time.Hour)
	if !l.run(time.Minute, func() bool { return r.Live != first }) {
		t.Fatal("the session goes on for a year")
	}
	l.tamper = nil
	if !l.run(10*time.Minute, func() bool { return phone.signed(r.ID) }) {
		t.Errorf("not signed afterwards\n%s", l.logs())
	}
}
