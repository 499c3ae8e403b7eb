package drive

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/wire"
)

// TestFramesThatAreNotTaken: the transport says who speaks. A frame in the name
// of another device, for another, or of a session that its sender is not in
// reaches no machine.
func TestFramesThatAreNotTaken(t *testing.T) {
	t.Parallel()
	d := &diary{}
	_, dr, l := run(t, &script{}, d) // a session of slots 1 and 2, of three
	dr.Begin(l, nil)
	good := wire.Frame{Session: sessionID, From: 2, To: 1, Kind: 1}
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
		if err := dr.OnFrame(c.from, f.Append(nil)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if dr.Sessions[sessionID] == nil || len(d.lines) != 0 {
			t.Errorf("%s: the machine took it: %q", name, d.lines)
		}
	}
	if err := dr.OnFrame(2, good.Append(nil)); err != nil || len(d.lines) == 0 {
		t.Errorf("a good one: %v, %q", err, d.lines)
	}
}

// TestEarlyFramesAreBounded: frames of sessions that do not exist are kept for a
// moment, few and small, and the oldest go first.
func TestEarlyFramesAreBounded(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 2)
	dr := New(b.Standing, nobody{})
	f := wire.Frame{From: 2, Kind: 1, Body: make([]byte, maxEarlyBody)}
	for i := range 2 * maxEarly {
		f.Session = wire.SessionID{byte(i), byte(i >> 8), 1}
		if err := dr.OnFrame(2, f.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(dr.Early); n != maxEarlyPerDevice || dr.Early[n-1].Frame.Session != f.Session {
		t.Errorf("%d frames are kept, want the newest %d", n, maxEarlyPerDevice)
	}
	f.Body = make([]byte, maxEarlyBody+1)
	f.Session = wire.SessionID{2}
	if err := dr.OnFrame(2, f.Append(nil)); err != nil || dr.Early[len(dr.Early)-1].Frame.Session == f.Session {
		t.Errorf("a large frame is kept: %v", err)
	}
	b.Now = b.Now.Add(b.Config.Timings.EarlyHold)
	f.Body = nil
	if err := dr.OnFrame(2, f.Append(nil)); err != nil || len(dr.Early) != 1 {
		t.Errorf("%d frames are kept after their time: %v", len(dr.Early), err)
	}
}

// TestEarlyFramesOfOneDevice: frames of sessions that there are not push out nobody
// else's.
func TestEarlyFramesOfOneDevice(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3)
	dr := New(b.Standing, nobody{})
	early := func(from wire.Slot, i int) {
		f := wire.Frame{Session: wire.SessionID{byte(i), byte(i >> 8), byte(from)}, From: from, To: 1, Kind: 1, Body: []byte("early")}
		if err := dr.OnFrame(from, f.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	early(3, 0)
	for i := range 100 * maxEarly {
		early(2, i)
	}
	if n := len(dr.Early); n != maxEarlyPerDevice+1 || dr.Early[0].Frame.From != 3 {
		t.Errorf("%d frames are kept, the oldest of device %d", n, dr.Early[0].Frame.From)
	}
}
