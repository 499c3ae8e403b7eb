package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/wire"
)

// TestFramesThatAreNotTaken: the transport says who speaks. A frame in the name
// of another device, for another, or of a session that its sender is not in
// reaches no machine.
func TestFramesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 80)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	var frames [][]byte
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if _, err := wire.ParseFrame(b); err == nil && from == laptop && to == phone {
			frames = append(frames, b)
			return nil
		}
		return b
	}
	r := phone.ask("who speaks?")
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return r.Live != nil && len(frames) > 0 }) {
		t.Fatal("no session")
	}
	good, err := wire.ParseFrame(frames[0])
	if err != nil {
		t.Fatal(err)
	}
	before := phone.core.Sessions[good.Session].Machine.Waiting()
	for name, c := range map[string]struct {
		from   wire.Slot // as the transport says
		change func(*wire.Frame)
		want   string
	}{
		"in-the-name-of-another": {3, func(*wire.Frame) {}, "claims to be of slot 2"},
		"in-our-own-name":        {2, func(f *wire.Frame) { f.From, f.To = 1, 0 }, "claims to be of slot 1"},
		"for-another":            {2, func(f *wire.Frame) { f.To = 3 }, "frame for slot 3"},
		"not-in-the-session":     {3, func(f *wire.Frame) { f.From = 3 }, "that slot 3 is not in"},
	} {
		f := good
		c.change(&f)
		if err := phone.core.OnFrame(c.from, f.Append(nil)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if l := phone.core.Sessions[good.Session]; l == nil || len(l.Machine.Waiting()) != len(before) {
			t.Errorf("%s: the machine took it", name)
		}
	}
	if err := phone.core.OnFrame(2, frames[0]); err != nil {
		t.Error(err)
	}
}

// TestEarlyFramesAreBounded: frames of sessions that do not exist are kept for a
// moment, few and small, and the oldest go first.
func TestEarlyFramesAreBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 81)
	l.found(2, 2)
	c := l.devices[0].core
	c.Now = l.now
	f := wire.Frame{From: 2, Kind: 1, Body: make([]byte, drive.MaxEarlyBody)}
	for i := range 2 * drive.MaxEarly {
		f.Session = wire.SessionID{byte(i), byte(i >> 8), 1}
		if err := c.OnFrame(2, f.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(c.Early); n != drive.MaxEarlyPerDevice || c.Early[n-1].Frame.Session != f.Session {
		t.Errorf("%d frames are kept, want the newest %d", n, drive.MaxEarlyPerDevice)
	}
	f.Body = make([]byte, drive.MaxEarlyBody+1)
	f.Session = wire.SessionID{2}
	if err := c.OnFrame(2, f.Append(nil)); err != nil || c.Early[len(c.Early)-1].Frame.Session == f.Session {
		t.Errorf("a large frame is kept: %v", err)
	}
	c.Now = c.Now.Add(c.Config.Timings.EarlyHold)
	f.Body = nil
	if err := c.OnFrame(2, f.Append(nil)); err != nil || len(c.Early) != 1 {
		t.Errorf("%d frames are kept after their time: %v", len(c.Early), err)
	}
}
