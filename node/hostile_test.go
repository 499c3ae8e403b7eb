package node

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
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
	r.notUntil = l.now.Add(longestPause) // the phone opens what this test wants
	laptop.approves(r.id)
	tablet.approves(r.id)
	if !l.run(time.Minute, func() bool { return len(r.approved) == 3 }) {
		t.Fatal("the approvals do not come together")
	}
	proposal := func() open {
		p, err := phone.core.proposal(r, []wire.Slot{1, 2, 3})
		if err != nil {
			t.Fatal(err)
		}
		return open{Proposal: p.Bytes(), Approvals: []item{r.approved[1], r.approved[2], r.approved[3]}}
	}
	first := proposal()
	laptop.core.now, tablet.core.now = l.now, l.now
	for _, d := range []*labDevice{laptop, tablet} {
		if err := d.core.onOpen(1, first); err != nil {
			t.Fatal(err)
		}
	}
	l.run(400*time.Millisecond, nil)
	for range maxBegun + 1 {
		laptop.core.onOpen(1, proposal())
	}
	laptop.core.onOpen(1, first)
	if n := laptop.joined(); n > maxBegun {
		t.Errorf("%d sessions are remembered, at most %d may be", n, maxBegun)
	}
	l.run(2*time.Second, nil)
	if n := tablet.core.alarms[2]; n != 0 {
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
	laptop.approves(r.id)
	if !l.run(time.Minute, func() bool { return r.live != nil }) {
		t.Fatal("no session")
	}
	tablet.approves(r.id)
	last := l.now
	if !l.run(time.Minute, func() bool {
		if l.now.Sub(last) >= time.Second {
			last = l.now
			l.wire = append(l.wire, parcel{laptop, phone, wire.ProtocolSession, repeated})
		}
		return phone.signed(r.id)
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
		if r := phone.core.circle; r == nil || from != phone || to != laptop {
			return
		}
		for _, s := range phone.core.liveSessions() {
			for _, slot := range s.slots {
				if s.owner.personal() && s.has(2) && slot > 2 {
					laptop.core.sync(1, msgClose, closed{Session: s.id, Reason: endedFault, Blame: uint16(slot), Check: "commitment"})
				}
			}
		}
	}
	r := phone.ask("without the liar")
	for _, d := range l.devices[1:] {
		d.approves(r.id)
	}
	if !l.run(3*time.Minute, func() bool { return phone.signed(r.id) }) {
		t.Errorf("the laptop keeps the others from signing: failures %v", r.failures)
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
		return l.all(3, func(c *core) bool { return c.founding.state() == api.FoundingConfirming })
	}) {
		t.Fatal("nobody is asked")
	}
	for _, d := range l.devices {
		if err := d.core.confirm(d.core.founding.session.Hex(), true); err != nil {
			t.Fatal(err)
		}
	}
	if !l.run(time.Minute, func() bool { return l.all(3, func(c *core) bool { return c.circle != nil }) }) {
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
		return l.all(3, func(c *core) bool { return c.founding.state() == api.FoundingConfirming })
	}) {
		t.Fatal("nobody is asked")
	}
	for _, d := range l.devices {
		if err := d.core.confirm(d.core.founding.session.Hex(), true); err != nil {
			t.Fatal(err)
		}
	}
	if !l.run(2*time.Minute, func() bool { return l.all(3, func(c *core) bool { return c.circle != nil }) }) {
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
				d.approves(r.id)
			}
			if !l.run(time.Minute, func() bool { return phone.signed(r.id) || len(sessions) > 50 }) || len(sessions) > 5 {
				t.Errorf("the laptop keeps the others from signing: %d sessions, failures %v", len(sessions), r.failures)
			}
		})
	}
}

// TestOneAnswerOfADeviceIsKept: an answer can be said in many ways, each with a
// name of its own. A device that says them all must not fill other disks.
func TestOneAnswerOfADeviceIsKept(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 26)
	l.found(3, 3)
	phone, laptop := l.devices[0], l.devices[1]
	r := phone.ask("say yes")
	l.run(2*time.Second, nil)
	stored := func() (n int) {
		if err := phone.journal.View(func(tx journal.Tx) error {
			keys, err := tx.Keys(bucketItems)
			n = len(keys)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := stored()
	for i := range byte(50) {
		for _, verdict := range []uint8{verdictApprove, verdictDeny} {
			it := laptop.core.signItem(itemAnswer, wire.Marshal(answer{
				Version: 1, Request: r.id, Verdict: verdict, Epoch: phone.core.circle.record.Epoch,
				Record: phone.core.circle.hash, Presence: bytes.Repeat([]byte{i}, 64),
			}))
			if err := phone.core.take(it); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := stored() - before; n > 2 {
		t.Errorf("%d answers of one device are stored", n)
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
	r.notUntil = l.now.Add(longestPause) // the phone opens what this test wants
	laptop.approves(r.id)
	tablet.approves(r.id)
	if !l.run(time.Minute, func() bool { return len(r.approved) == 3 }) {
		t.Fatal("the approvals do not come together")
	}
	p, err := phone.core.proposal(r, []wire.Slot{1, 2, 3})
	if err != nil {
		t.Fatal(err)
	}
	msg := open{Proposal: p.Bytes(), Approvals: []item{r.approved[1], r.approved[2], r.approved[3]}}
	laptop.core.now, tablet.core.now = l.now, l.now
	for _, d := range []*labDevice{laptop, tablet} {
		if err := d.core.onOpen(1, msg); err != nil {
			t.Fatal(err)
		}
	}
	l.run(400*time.Millisecond, nil)
	laptop.kill()
	laptop.start()
	laptop.core.now = l.now
	for range 2 { // what is durable is not lost by being asked for
		laptop.core.onOpen(1, msg)
		if len(laptop.core.sessions) != 0 {
			t.Error("the laptop is in a session once more that it was in before it restarted")
		}
		laptop.kill()
		laptop.start()
	}
	l.run(2*time.Second, nil)
	if n := tablet.core.alarms[2]; n != 0 {
		t.Errorf("the tablet counts %d failed checks of the laptop, which did nothing wrong", n)
	}
}

// joined counts the sessions of others that d remembers.
func (d *labDevice) joined() (n int) {
	for _, b := range d.core.begun.list {
		if b.stored {
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
			keys, err := tx.Keys(bucketBegun)
			n = len(keys)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for i := range 3 {
		r := phone.ask(fmt.Sprintf("signature %d", i))
		laptop.approves(r.id)
		if !l.run(time.Minute, func() bool { return phone.signed(r.id) && laptop.signed(r.id) }) {
			t.Fatal("not signed")
		}
		for _, when := range []string{"before", "after"} {
			if n := stored(); n != 1 || laptop.joined() != 1 {
				t.Errorf("signature %d, %s a restart: %d sessions are stored and %d remembered, want the last one", i, when, n, laptop.joined())
			}
			laptop.kill()
			laptop.start()
		}
		l.run(rememberBegun+time.Minute, nil)
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
	if !l.run(time.Minute, func() bool { return laptop.request(r.id) != nil }) {
		t.Fatal("the request does not arrive")
	}
	c := laptop.core
	for name, a := range map[string]answer{
		"later-epoch":  {Epoch: c.circle.record.Epoch + 1, Record: c.circle.hash},
		"other-record": {Epoch: c.circle.record.Epoch, Record: wire.Hash{1}},
	} {
		a.Version, a.Request, a.Verdict = 1, r.id, verdictApprove
		if err := phone.core.take(c.signItem(itemAnswer, wire.Marshal(a))); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		l.run(5*time.Second, nil)
		if len(r.approved) != 1 || r.attempts != 0 {
			t.Errorf("%s: %d approvals, %d sessions", name, len(r.approved), r.attempts)
		}
	}
	laptop.approves(r.id)
	if !l.run(time.Minute, func() bool { return phone.signed(r.id) }) {
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
	for by, want := range map[time.Duration]string{
		-clockTolerance - time.Second: "behind",
		-clockTolerance:               "",
		clockTolerance:                "",
		clockTolerance + time.Second:  "ahead",
	} {
		phone.core.now = l.now
		if err := phone.core.onBeat(2, beat{Wall: unix(l.now.Add(by))}); err != nil {
			t.Fatal(err)
		}
		said := strings.Join(phone.core.warnings(), "\n")
		if named := strings.Contains(said, "the clock of laptop is "); named != (want != "") || !strings.Contains(said, want) {
			t.Errorf("a clock that is off by %v: %q", by, said)
		}
	}
}
