package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/signing"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// A replay is a circle of three of three devices in which the phone opens one session
// for a request of its own, as often as it likes.
type replay struct {
	*lab
	phone, laptop, tablet *labDevice
	r                     *ledger.Request
}

func newReplay(t *testing.T, seed uint64) *replay {
	t.Helper()
	l := newLab(t, 3, seed)
	l.found(3, 3)
	x := &replay{lab: l, phone: l.devices[0], laptop: l.devices[1], tablet: l.devices[2]}
	x.r = x.phone.ask("frame the laptop while the tablet sleeps")
	x.r.NotUntil = l.now.Add(standing.LongestPause)
	x.laptop.approves(x.r.ID)
	x.tablet.approves(x.r.ID)
	if !l.run(time.Minute, func() bool { return len(x.r.Approved) == 3 }) {
		t.Fatal("the approvals do not come together")
	}
	return x
}

// opening is the word that opens a session of the request.
func (x *replay) opening(expires uint64) message.Open {
	x.t.Helper()
	x.phone.core.Now = x.now
	p, err := x.phone.core.Proposal(x.r, []wire.Slot{1, 2, 3})
	if err != nil {
		x.t.Fatal(err)
	}
	if expires != 0 {
		p.Expires = expires
	}
	return message.Open{Proposal: p.Bytes(), Approvals: []message.Item{x.r.Approved[1], x.r.Approved[2], x.r.Approved[3]}}
}

func (x *replay) tell(d *labDevice, at time.Time, o message.Open) error {
	d.core.Now = at
	return d.core.OnOpen(1, o)
}

// TestSleeperBlamesNobody: the tablet sleeps in a session, its clock of running time
// with it, while the laptop is awake for hours and is asked for that session again.
// It must not begin it: the tablet, when it wakes, would hear a second first word.
func TestSleeperBlamesNobody(t *testing.T) {
	t.Parallel()
	x := newReplay(t, 2701)
	first := x.opening(0)
	for _, d := range []*labDevice{x.laptop, x.tablet} {
		if err := x.tell(d, x.now, first); err != nil {
			t.Fatal(err)
		}
	}
	x.run(400*time.Millisecond, nil)
	began := x.now
	for _, later := range []time.Duration{drive.RememberBegun + time.Minute, signing.ExpiryTolerance, 24 * time.Hour} {
		// Another session makes it clean up what it remembers.
		x.now = began.Add(later)
		x.tell(x.laptop, x.now, x.opening(0))
		x.tell(x.laptop, x.now, first)
		if x.laptop.core.Begun.Has(sessionOf(t, first)) != true {
			t.Errorf("after %v the laptop has forgotten the session", later)
		}
		if n := len(x.laptop.core.Sessions); n > 1 || x.laptop.core.Sessions[sessionOf(t, first)] != nil {
			t.Errorf("after %v the laptop is in the first session again", later)
		}
		x.now = began
		x.run(2*time.Second, nil) // the tablet hears what there is to hear, as if no time had passed
	}
	for _, d := range []*labDevice{x.phone, x.tablet} {
		if n := d.core.Alarms[2]; n != 0 {
			t.Errorf("%s counts %d failed checks of the laptop, which did nothing wrong", d.name, n)
		}
	}
}

func sessionOf(t *testing.T, o message.Open) wire.SessionID {
	t.Helper()
	return mustProposal(t, o).Session()
}

// TestSleeperLeavesItsSession: a device that slept through the end of a session does
// not go on in it when it wakes, whatever is said in it by then. The laptop was set
// back meanwhile, and has forgotten that it was in it.
func TestSleeperLeavesItsSession(t *testing.T) {
	t.Parallel()
	x := newReplay(t, 2703)
	x.run(time.Second, nil)
	before := x.laptop.journal.Copy()
	first := x.opening(0)
	for _, d := range []*labDevice{x.laptop, x.tablet} {
		if err := x.tell(d, x.now, first); err != nil {
			t.Fatal(err)
		}
	}
	x.run(400*time.Millisecond, nil)
	if len(x.tablet.core.Sessions) != 1 {
		t.Fatalf("the tablet is in %d sessions", len(x.tablet.core.Sessions))
	}
	// The tablet sleeps: it does not hear that the connection broke.
	x.laptop.core = nil
	x.now = x.now.Add(drive.SessionLifetime)
	x.laptop.journal = before
	x.laptop.start()
	if len(x.tablet.core.Sessions) != 1 {
		t.Fatal("the tablet is awake")
	}
	if err := x.tell(x.laptop, x.now, first); err != nil {
		t.Fatalf("the laptop, set back by two minutes, does not begin the session again: %v", err)
	}
	x.run(2*time.Second, nil)
	if n := x.tablet.core.Alarms[2]; n != 0 {
		t.Errorf("the tablet counts %d failed checks of the laptop, which was set back", n)
	}
	if x.tablet.core.Sessions[sessionOf(t, first)] != nil {
		t.Error("the tablet is still in a session of two minutes ago")
	}
}

// TestManySessionsOfOneRequest: far more sessions of a request that stays open than
// are kept. Memory and journal are bounded, the newest are taken, and none of them is
// ever begun again, before or after a restart.
func TestManySessionsOfOneRequest(t *testing.T) {
	t.Parallel()
	x := newReplay(t, 2705)
	start := x.now
	var all []message.Open
	refused := 0
	for i := range 2 * drive.MaxBegun {
		x.now = start.Add(time.Duration(i) * time.Second)
		o := x.opening(0)
		if err := x.tell(x.laptop, x.now, o); err != nil {
			refused++
		}
		if i%97 == 0 {
			all = append(all, o)
		}
		if n := x.laptop.joined(); n > drive.MaxBegun {
			t.Fatalf("%d sessions are remembered, at most %d may be", n, drive.MaxBegun)
		}
	}
	if refused != 0 {
		t.Errorf("%d of %d honest sessions are refused", refused, 2*drive.MaxBegun)
	}
	for _, when := range []string{"before", "after"} {
		for i, o := range all {
			x.tell(x.laptop, x.now, o)
			if x.laptop.core.Sessions[sessionOf(t, o)] != nil && i != len(all)-1 {
				t.Errorf("session %d is begun again, %s a restart", 97*i, when)
			}
		}
		keys := 0
		if err := x.laptop.journal.View(func(tx journal.Tx) error {
			all, err := tx.Keys(standing.BucketBegun)
			keys = len(all)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if keys > drive.MaxBegun+1 || keys < drive.MaxBegun/2 {
			t.Errorf("%d names are stored", keys)
		}
		x.laptop.kill()
		x.laptop.start()
	}
	// Once the request is closed all of it goes with the next session.
	if err := x.tablet.core.Deny(x.tablet.request(x.r.ID)); err != nil {
		t.Fatal(err)
	}
	if !x.run(time.Minute, func() bool { return !x.laptop.request(x.r.ID).Open() }) {
		t.Fatal("the denial does not arrive")
	}
	x.run(drive.RememberBegun+time.Minute, nil)
	x.r = x.phone.ask("another")
	x.r.NotUntil = x.now.Add(standing.LongestPause)
	x.laptop.approves(x.r.ID)
	x.tablet.approves(x.r.ID)
	x.run(time.Minute, func() bool { return len(x.r.Approved) == 3 })
	if err := x.tell(x.laptop, x.now, x.opening(0)); err != nil {
		t.Fatal(err)
	}
	if n := x.laptop.joined(); n != 1 || len(x.laptop.core.Begun.Marks) != 0 {
		t.Errorf("%d sessions and %d marks are kept of a request that is closed", n-1, len(x.laptop.core.Begun.Marks))
	}
}

// TestBegunOfEarlierReleases: what they stored of a session, a slot alone, is read
// and keeps it from being begun again.
func TestBegunOfEarlierReleases(t *testing.T) {
	t.Parallel()
	x := newReplay(t, 2706)
	first := x.opening(0)
	put := func(key string, v any) {
		if err := x.laptop.journal.Update(func(tx journal.Tx) error { return tx.Put(standing.BucketBegun, key, wire.Marshal(v)) }); err != nil {
			t.Fatal(err)
		}
	}
	put(sessionOf(t, first).Hex(), wire.Slot(1))
	x.laptop.kill()
	x.laptop.start()
	if err := x.tell(x.laptop, x.now, first); err != nil || len(x.laptop.core.Sessions) != 0 {
		t.Errorf("a session that an earlier release has begun: %v, in %d sessions", err, len(x.laptop.core.Sessions))
	}
}
