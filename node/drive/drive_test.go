package drive

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/wire"
)

// A script is a machine that answers each frame with what is written.
type script struct {
	answers []session.Effect
	err     error
	waiting []wire.Slot
	closed  int
}

func (m *script) Deliver(wire.Frame) ([]session.Effect, error) { return m.answers, m.err }
func (m *script) Resend() []session.Effect {
	return []session.Effect{session.Send{Frame: wire.Frame{Session: sessionID, From: 1}}}
}
func (m *script) Waiting() []wire.Slot { return m.waiting }
func (m *script) Close()               { m.closed++ }

// A diary is an owner that writes down what becomes of its session.
type diary struct {
	lines []string
	fails string // what it cannot do
	brief bool
}

func (d *diary) did(what string) error {
	d.lines = append(d.lines, what)
	if what == d.fails {
		return errors.New("the disk is full")
	}
	return nil
}
func (d *diary) Persist(s []byte) error { return d.did("persist " + string(s)) }
func (d *diary) Release() error         { return d.did("release") }
func (d *diary) Erase() error           { return d.did("erase") }
func (d *diary) Discard() error         { return d.did("discard") }
func (d *diary) Heard(_ *Session, from wire.Slot, moved bool) {
	d.did(fmt.Sprint("heard ", from, moved))
}
func (d *diary) Stepped(*Session)             { d.did("stepped") }
func (d *diary) Finished(*Session)            { d.did("finished") }
func (d *diary) Failed(_ *Session, err error) { d.did("failed: " + err.Error()) }
func (d *diary) Closed(_ *Session, from wire.Slot, _ message.Closed) {
	d.did(fmt.Sprint("closed by ", from))
}
func (d *diary) Dropped(*Session)                      { d.did("dropped") }
func (d *diary) Personal() bool                        { return d.brief }
func (d *diary) Again(_ *Session, waiting []wire.Slot) { d.did(fmt.Sprint("again ", waiting)) }
func (d *diary) Timing(*Session) Timing {
	return Timing{Brief: d.brief, Resend: 3 * time.Second}
}

type nobody struct{}

func (nobody) MayRunAgain(wire.RequestID) bool      { return true }
func (nobody) Stray(wire.SessionID, wire.Slot) bool { return false }

var sessionID = wire.SessionID{7}

func run(t *testing.T, m *script, d *diary) (*standingtest.Bench, *Drive, *Session) {
	t.Helper()
	b := standingtest.New(t, 3)
	dr := New(b.Standing, nobody{})
	return b, dr, &Session{ID: sessionID, Machine: m, Slots: []wire.Slot{1, 2}, Owner: d}
}

// TestEffectsStopAtTheFirstThatFails: nothing goes out whose ground is not durable, and
// the session is over.
func TestEffectsStopAtTheFirstThatFails(t *testing.T) {
	t.Parallel()
	for fails, want := range map[string]struct {
		lines []string
		sent  int
	}{
		"":            {[]string{"persist one", "release", "erase"}, 1},
		"persist one": {[]string{"persist one", "dropped", "failed: the disk is full"}, 0},
		"release":     {[]string{"persist one", "release", "dropped", "failed: the disk is full"}, 0},
		"erase":       {[]string{"persist one", "release", "erase", "dropped", "failed: the disk is full"}, 1},
	} {
		m, d := &script{}, &diary{fails: fails}
		b, dr, l := run(t, m, d)
		dr.Begin(l, []session.Effect{
			session.Persist{State: []byte("one")}, session.Release{}, session.Send{Frame: wire.Frame{Session: sessionID, From: 1}}, session.Erase{},
		})
		if !slices.Equal(d.lines, want.lines) {
			t.Errorf("%q fails: %q, want %q", fails, d.lines, want.lines)
		}
		if out := b.Sent(); len(out) != want.sent || want.sent == 1 && out[0].To != 2 {
			t.Errorf("%q fails: sent %+v", fails, out)
		}
		if over := len(dr.LiveSessions()) == 0; over != (fails != "") || m.closed != btoi(over) {
			t.Errorf("%q fails: over %v, closed %d times", fails, over, m.closed)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestFrameBeforeItsSession: it is kept for a while, and delivered when its session begins
// if its sender is in it.
func TestFrameBeforeItsSession(t *testing.T) {
	t.Parallel()
	d := &diary{}
	_, dr, l := run(t, &script{}, d)
	for _, from := range []wire.Slot{2, 3} {
		if err := dr.OnFrame(from, wire.Frame{Session: sessionID, From: from}.Append(nil)); err != nil {
			t.Fatal(err)
		}
	}
	dr.Begin(l, nil)
	if want := []string{"heard 2 false", "stepped"}; !slices.Equal(d.lines, want) {
		t.Errorf("%q, want %q", d.lines, want)
	}
	if err := dr.OnFrame(3, wire.Frame{Session: sessionID, From: 3}.Append(nil)); err == nil {
		t.Error("a device that is not in the session speaks in it")
	}
	if err := dr.OnFrame(2, wire.Frame{Session: sessionID, From: 3}.Append(nil)); err == nil {
		t.Error("a device speaks for another")
	}
}

// TestSilenceIsNamed: a brief session ends, naming who is silent; another one repeats
// itself.
func TestSilenceIsNamed(t *testing.T) {
	t.Parallel()
	for _, brief := range []bool{true, false} {
		d := &diary{brief: brief}
		b, dr, l := run(t, &script{waiting: []wire.Slot{2}}, d)
		dr.Begin(l, nil)
		b.Now = b.Now.Add(b.Config.Timings.Silence)
		dr.TickSessions()
		want := []string{"again [2]"}
		if brief {
			want = []string{"dropped", "failed: device 2 did not answer"}
		}
		if !slices.Equal(d.lines, want) {
			t.Errorf("brief %v: %q, want %q", brief, d.lines, want)
		}
		if out := b.Sent(); len(out) != 1-btoi(brief) {
			t.Errorf("brief %v: sent %+v", brief, out)
		}
	}
}

// TestSessionOfBefore: whoever slept leaves a brief session that is older than one may be.
func TestSessionOfBefore(t *testing.T) {
	t.Parallel()
	d := &diary{brief: true}
	b, dr, l := run(t, &script{}, d)
	dr.Begin(l, nil)
	b.Now = b.Now.Add(SessionLifetime)
	dr.Deliver(l, wire.Frame{Session: sessionID, From: 2})
	if want := []string{"dropped", "failed: " + errStale.Error()}; !slices.Equal(d.lines, want) {
		t.Errorf("%q, want %q", d.lines, want)
	}
}
