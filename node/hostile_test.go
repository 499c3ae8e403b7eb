package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// The tests of this file give one member a will of its own. What it can do is
// stop what it takes part in; it must not make others blame an honest device,
// nor keep those that remain from going on without it.

// TestReplayedProposalFramesNobody: an initiator that makes a device begin
// more sessions than it remembers, and then the first one again, would have it
// say two things in one round, and a third device would name it for that.
func TestReplayedProposalFramesNobody(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 20)
	l.found(3, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := phone.ask("frame the laptop")
	r.NotUntil = l.now.Add(standing.LongestPause) // the phone opens what this test wants
	laptop.approves(r.ID)
	tablet.approves(r.ID)
	if !l.run(time.Minute, func() bool { return len(r.Approved) == 3 }) {
		t.Fatal("the approvals do not come together")
	}
	proposal := func() message.Open {
		p, err := phone.core.Proposal(r, []wire.Slot{1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		return message.Open{Proposal: p.Bytes(), Approvals: []message.Item{r.Approved[1], r.Approved[2], r.Approved[3]}}
	}
	first := proposal()
	laptop.core.Now, tablet.core.Now = l.now, l.now
	for _, d := range []*labDevice{laptop, tablet} {
		if err := d.core.OnOpen(1, first); err != nil {
			t.Fatal(err)
		}
	}
	l.run(400*time.Millisecond, nil)
	for range drive.MaxBegun + 1 {
		laptop.core.OnOpen(1, proposal())
	}
	laptop.core.OnOpen(1, first)
	if n := laptop.joined(); n > drive.MaxBegun {
		t.Errorf("%d sessions are remembered, at most %d may be", n, drive.MaxBegun)
	}
	l.run(2*time.Second, nil)
	if n := tablet.core.Alarms[2]; n != 0 {
		t.Errorf("the tablet counts %d failed checks of the laptop, which did nothing wrong", n)
	}
}

// TestStalledSessionIsGivenUp: a device that repeats its first message and
// never says more has not fallen silent, but the session gets nowhere.
func TestStalledSessionIsGivenUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 21)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	var repeated []byte
	l.tamper = func(from, _ *labDevice, b []byte) []byte {
		if f, err := wire.ParseFrame(b); err == nil && from == laptop {
			if f.Kind > 1 {
				return nil
			}
			repeated = b
		}
		return b
	}
	r := phone.ask("without the laptop")
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return r.Live != nil }) {
		t.Fatal("no session")
	}
	tablet.approves(r.ID)
	last := l.now
	if !l.run(time.Minute, func() bool {
		if l.now.Sub(last) >= time.Second {
			last = l.now
			l.wire = append(l.wire, parcel{laptop, phone, wire.ProtocolSession, repeated})
		}
		return phone.signed(r.ID)
	}) {
		t.Errorf("the laptop keeps the others from signing\n%s", l.logs())
	}
}

// TestFalseClaimsDoNotKeepAPlace: a device that ends every session and says
// that another is at fault must not be preferred to those it accuses.
func TestFalseClaimsDoNotKeepAPlace(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 22)
	l.found(3, 4)
	phone, laptop := l.devices[0], l.devices[1]
	l.watch = func(from, to *labDevice, _ string, _ []byte) {
		if r := phone.core.Circle; r == nil || from != phone || to != laptop {
			return
		}
		for _, s := range phone.core.LiveSessions() {
			for _, slot := range s.Slots {
				if s.Owner.Personal() && s.Has(2) && slot > 2 {
					laptop.core.Sync(1, message.MsgClose, message.Closed{Session: s.ID, Reason: cosign.EndedFault, Blame: uint16(slot), Check: "commitment"})
				}
			}
		}
	}
	r := phone.ask("without the liar")
	for _, d := range l.devices[1:] {
		d.approves(r.ID)
	}
	if !l.run(3*time.Minute, func() bool { return phone.signed(r.ID) }) {
		t.Errorf("the laptop keeps the others from signing: failures %v", r.Failures)
	}
}

// TestCertificateHealsAPendingFounding: the signature that one device spoils
// for another stops that one's machine, but its share is durable and the
// certificate that the others hold must still reach it.
func TestCertificateHealsAPendingFounding(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 23)
	laptop, tablet := l.devices[1], l.devices[2]
	const ready = 6 // kind of the frame
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if f, err := wire.ParseFrame(b); err == nil && from == laptop && to == tablet && f.Kind == ready {
			b[len(b)-1] ^= 1
		}
		return b
	}
	l.beginFounding(2, 3)
	if !l.run(time.Minute, func() bool {
		return l.all(3, func(c *core) bool { return c.Founding.State() == api.FoundingConfirming })
	}) {
		t.Fatal("nobody is asked")
	}
	for _, d := range l.devices {
		if err := d.core.Confirm(d.core.Founding.Session.Hex(), true); err != nil {
			t.Fatal(err)
		}
	}
	if !l.run(time.Minute, func() bool { return l.all(3, func(c *core) bool { return c.Circle != nil }) }) {
		t.Errorf("the circle does not stand on every device\n%s", l.logs())
	}
}

// TestPendingFoundingSaysReadyAgain: the device whose machine was stopped so
// had said READY, but nobody heard it. The others wait for it.
func TestPendingFoundingSaysReadyAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 24)
	laptop, tablet := l.devices[1], l.devices[2]
	const ready = 6 // kind of the frame
	bad := l.now.Add(10 * time.Second)
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		f, err := wire.ParseFrame(b)
		if err != nil || f.Kind != ready || l.now.After(bad) {
			return b
		}
		if from == tablet {
			return nil
		}
		if from == laptop && to == tablet {
			b[len(b)-1] ^= 1
		}
		return b
	}
	l.beginFounding(2, 3)
	if !l.run(time.Minute, func() bool {
		return l.all(3, func(c *core) bool { return c.Founding.State() == api.FoundingConfirming })
	}) {
		t.Fatal("nobody is asked")
	}
	for _, d := range l.devices {
		if err := d.core.Confirm(d.core.Founding.Session.Hex(), true); err != nil {
			t.Fatal(err)
		}
	}
	if !l.run(2*time.Minute, func() bool { return l.all(3, func(c *core) bool { return c.Circle != nil }) }) {
		t.Errorf("the circle does not stand on every device\n%s", l.logs())
	}
}

// TestUnattributedFailureTriesOthers: a device that claims to have seen another
// proposal ends the session and cannot be named for it, whether the initiator
// hears the claim or another signer. It must not be taken again before those
// that could replace it.
func TestUnattributedFailureTriesOthers(t *testing.T) {
	t.Parallel()
	for _, toInitiator := range []bool{true, false} {
		t.Run(fmt.Sprintf("initiator=%v", toInitiator), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 4, 25)
			l.found(3, 4)
			phone, laptop := l.devices[0], l.devices[1]
			sessions := map[wire.SessionID]bool{}
			l.tamper = func(from, to *labDevice, b []byte) []byte {
				if f, err := wire.ParseFrame(b); err == nil && from == laptop && f.Kind == 1 {
					sessions[f.Session] = true
					if (to == phone) == toInitiator {
						b[len(b)-len(f.Body)+32] ^= 1 // the hash of the proposal in R1
					}
				}
				return b
			}
			r := phone.ask("without the laptop")
			for _, d := range l.devices[1:] {
				d.approves(r.ID)
			}
			if !l.run(time.Minute, func() bool { return phone.signed(r.ID) || len(sessions) > 50 }) || len(sessions) > 5 {
				t.Errorf("the laptop keeps the others from signing: %d sessions, failures %v", len(sessions), r.Failures)
			}
		})
	}
}

// TestReplayedProposalAfterARestart: what a device has taken part in outlives
// a restart. Otherwise an initiator that shows it the same proposal again has
// it draw other secrets and say two things in one round, and a third device,
// which is still in the session, names it for that.
func TestReplayedProposalAfterARestart(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 27)
	l.found(3, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := phone.ask("frame the laptop when it restarts")
	r.NotUntil = l.now.Add(standing.LongestPause) // the phone opens what this test wants
	laptop.approves(r.ID)
	tablet.approves(r.ID)
	if !l.run(time.Minute, func() bool { return len(r.Approved) == 3 }) {
		t.Fatal("the approvals do not come together")
	}
	p, err := phone.core.Proposal(r, []wire.Slot{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	msg := message.Open{Proposal: p.Bytes(), Approvals: []message.Item{r.Approved[1], r.Approved[2], r.Approved[3]}}
	laptop.core.Now, tablet.core.Now = l.now, l.now
	for _, d := range []*labDevice{laptop, tablet} {
		if err := d.core.OnOpen(1, msg); err != nil {
			t.Fatal(err)
		}
	}
	l.run(400*time.Millisecond, nil)
	laptop.kill()
	laptop.start()
	laptop.core.Now = l.now
	for range 2 { // what is durable is not lost by being asked for
		laptop.core.OnOpen(1, msg)
		if len(laptop.core.Sessions) != 0 {
			t.Error("the laptop is in a session once more that it was in before it restarted")
		}
		laptop.kill()
		laptop.start()
	}
	l.run(2*time.Second, nil)
	if n := tablet.core.Alarms[2]; n != 0 {
		t.Errorf("the tablet counts %d failed checks of the laptop, which did nothing wrong", n)
	}
}

// joined counts the sessions of others that d remembers.
func (d *labDevice) joined() (n int) {
	for _, b := range d.core.Begun.List {
		if b.Stored {
			n++
		}
	}
	return n
}

// TestBegunIsForgottenInTime: what was begun is remembered for as long as any
// device can be in it, and no longer than that and until its request is closed:
// neither memory nor the journal keep it.
func TestBegunIsForgottenInTime(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 28)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	stored := func() (n int) {
		if err := laptop.journal.View(func(tx journal.Tx) error {
			keys, err := tx.Keys(standing.BucketBegun)
			n = len(keys)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 3 {
		r := phone.ask(fmt.Sprintf("signature %d", i))
		laptop.approves(r.ID)
		if !l.run(time.Minute, func() bool { return phone.signed(r.ID) && laptop.signed(r.ID) }) {
			t.Fatal("not signed")
		}
		for _, when := range []string{"before", "after"} {
			if n := stored(); n != 1 || laptop.joined() != 1 {
				t.Errorf("signature %d, %s a restart: %d sessions are stored and %d remembered, want the last one", i, when, n, laptop.joined())
			}
			laptop.kill()
			laptop.start()
		}
		l.run(drive.RememberBegun+time.Minute, nil)
	}
}

// TestApprovalOfAnotherEpochCountsForNothing: a device that repeats what was
// approved in another epoch, or under another record of this one, gains no
// approval by it, and a quorum is not made of it.
func TestApprovalOfAnotherEpochCountsForNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 29)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	r := phone.ask("approved in another epoch")
	if !l.run(time.Minute, func() bool { return laptop.request(r.ID) != nil }) {
		t.Fatal("the request does not arrive")
	}
	c := laptop.core
	for name, a := range map[string]message.Answer{
		"later-epoch":  {Epoch: c.Circle.Record.Epoch + 1, Record: c.Circle.Hash},
		"other-record": {Epoch: c.Circle.Record.Epoch, Record: wire.Hash{1}},
	} {
		a.Version, a.Request, a.Verdict = 1, r.ID, message.VerdictApprove
		if err := phone.core.Take(c.SignItem(message.ItemAnswer, wire.Marshal(a))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		l.run(5*time.Second, nil)
		if len(r.Approved) != 1 || r.Attempts != 0 {
			t.Errorf("%s: %d approvals, %d sessions", name, len(r.Approved), r.Attempts)
		}
	}
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return phone.signed(r.ID) }) {
		t.Error("the true approval does not count either")
	}
}

// TestClockThatIsOffIsNamed: by more than two minutes, in either direction, and
// no longer than it is off.
func TestClockThatIsOffIsNamed(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 30)
	l.found(2, 2)
	phone := l.devices[0]
	l.now = l.now.Add(time.Second).Truncate(time.Second) // a heartbeat has whole seconds
	for by, want := range map[time.Duration]string{
		-standing.ClockTolerance - time.Second: "behind",
		-standing.ClockTolerance:               "",
		standing.ClockTolerance:                "",
		standing.ClockTolerance + time.Second:  "ahead",
	} {
		phone.core.Now = l.now
		if err := phone.core.OnBeat(2, message.Beat{Wall: standing.Unix(l.now.Add(by))}); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(phone.core.Warnings(), "\n")
		if named := strings.Contains(said, "the clock of laptop is "); named != (want != "") || !strings.Contains(said, want) {
			t.Errorf("a clock that is off by %v: %q", by, said)
		}
	}
}
