package node

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal/journaltest"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// holdsOf reports whether the keeper of d can still open shares of an epoch.
func (d *labDevice) holdsOf(epoch uint64) bool {
	for id := range d.keeper.keys {
		if id != standing.PresenceID && strings.HasPrefix(id, fmt.Sprintf("%x-", epoch)) {
			return true
		}
	}
	return false
}

// withoutAttempts drops what tells d of a re-deal.
func withoutAttempts(d *labDevice) func(from, to *labDevice, b []byte) []byte {
	return func(_, to *labDevice, b []byte) []byte {
		if typ, body, err := message.SplitMessage(b); to == d && err == nil && typ == message.MsgRedeal {
			var m message.Redeal
			if wire.Unmarshal(body, &m) == nil {
				return nil
			}
		}
		return b
	}
}

// A certificate says that all members committed, not that all locked: one liar
// can have turned an honest member back meanwhile, and the share of a device
// that is behind may be what is left of the key.
func TestCertificateAloneErasesNothing(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 41)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.Circle.Record.Epoch > 0 && !laptop.core.Redealing() && !tablet.core.Redealing()
	}) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	l.tamper = withoutAttempts(phone)
	phone.start()
	if !l.run(time.Minute, func() bool { return phone.core.Circle.Record.Epoch > 0 }) {
		t.Fatalf("the chain was not taken\n%s", l.logs())
	}
	if !phone.holdsOf(0) {
		t.Error("the share of before was destroyed on the word of a certificate")
	}
	phone.kill()
	phone.start() // a device that is behind must start
	l.tamper = nil
	for _, d := range []*labDevice{laptop, tablet} {
		l.cut(phone, d, "again")
	}
	l.connect()
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("its share was in a mailbox, and it did not take it\n%s", l.logs())
	}
	l.signsWith(phone, tablet)
}

// Every write of a device may fail, with or without effect, while the shares
// move and a third device sleeps. The two that are awake must be able to sign
// afterwards, whatever the disk said of what it holds.
func TestDiskErrorsDuringARedeal(t *testing.T) {
	t.Parallel()
	for _, fault := range []journaltest.Fault{journaltest.Lost, journaltest.Kept} {
		for k := 1; ; k++ {
			w := newWorld(t, 0, nil)
			sleeper, tablet := w.devices[0], w.devices[2]
			for _, d := range w.devices[1:] {
				d.boot()
			}
			w.run(5*time.Second, nil)
			tablet.disk.planned = map[int]journaltest.Fault{tablet.disk.writes + k: fault}
			w.ask(w.devices[1], change.Refresh, change.Payload{})
			w.run(20*time.Minute, nil)
			if tablet.disk.writes < k {
				break
			}
			sleeper.gone = true // so that those two are all that is left
			for range 2 {
				w.recover()
				tablet.off("restarts")
				tablet.boot()
			}
			w.finish()
			if w.err != nil {
				t.Errorf("%v at write %d: %v", fault, k, w.err)
			}
		}
	}
}

// TestDiskErrorsWhileWakingUp lets every write of a device fail once, and go
// through or not, that finds its share of a new epoch in the mailboxes. It must
// not go on with the re-deal before while its disk holds the new one.
func TestDiskErrorsWhileWakingUp(t *testing.T) {
	t.Parallel()
	for _, fault := range []journaltest.Fault{journaltest.Lost, journaltest.Kept} {
		for k := 1; ; k++ {
			w := newWorld(t, 0, nil)
			sleeper, laptop := w.devices[0], w.devices[1]
			for _, d := range w.devices {
				d.boot()
			}
			w.run(5*time.Second, nil)
			w.ask(laptop, change.Refresh, change.Payload{})
			w.run(time.Minute, nil)
			sleeper.off("sleeps")
			w.ask(laptop, change.Refresh, change.Payload{})
			w.run(time.Minute, nil)
			before := sleeper.view.head().Epoch
			sleeper.boot()
			write := sleeper.disk.writes + k
			sleeper.disk.planned = map[int]journaltest.Fault{write: fault}
			w.run(time.Hour, func() bool { return sleeper.view.head().Epoch > before && !sleeper.core.Redealing() })
			done := sleeper.disk.writes < write
			w.recover()
			w.finish()
			if w.err != nil {
				t.Errorf("%v at write %d: %v", fault, k, w.err)
			}
			if done {
				break
			}
		}
	}
}

// A refusal of which it is not known whether it is on the disk is neither said
// nor taken back.
func TestUnsureRefusalIsNotTakenBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 49)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	m := bogus(t, laptop, []wire.Slot{1, 2, 3}, nil, 5)
	phone.journal.At(phone.journal.Writes()+1, journaltest.Kept)
	if err := phone.core.OnRedeal(2, m); err == nil {
		t.Fatal("the disk error is not told")
	}
	// Now its persons agree.
	l.tamper = func(_, _ *labDevice, b []byte) []byte { return nil }
	r := laptop.change(change.Refresh, change.Payload{})
	m.Request, m.Grounds = r.ID, []message.Item{r.Item, r.Approved[2]}
	if err := phone.core.OnRedeal(2, m); err != nil {
		t.Fatal(err)
	}
	if phone.core.Attempt != nil {
		t.Error("it takes part in what it has refused")
	}
}

// A device that its owner takes for stolen is told nothing any more. What it
// had begun when nobody heard it must end all the same.
func TestAttemptOfTheAccusedEnds(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 51)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	l.tamper = func(from, _ *labDevice, b []byte) []byte {
		if from == laptop {
			return nil
		}
		return b
	}
	laptop.change(change.Refresh, change.Payload{})
	if !laptop.core.Redealing() {
		t.Fatal("no re-deal")
	}
	r := phone.change(change.Lost, change.Payload{Slot: 2})
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(0, phone, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	if !l.run(5*time.Minute, func() bool { return !laptop.core.Redealing() }) {
		t.Errorf("it waits for ever\n%s", l.logs())
	}
}

// A newcomer that cannot be sure what it has voted does not begin anew when it
// is asked again.
func TestInterruptedNewcomerReadsBackFirst(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 52)
	l.found(2, 3)
	phone, laptop, watch := l.devices[0], l.devices[1], l.devices[3]
	l.introduce(phone, watch)
	var asked []byte
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		if typ, _, err := message.SplitMessage(b); to == watch && err == nil && typ == message.MsgRedeal && asked == nil {
			asked = bytes.Clone(b)
			watch.journal.At(watch.journal.Writes()+1, journaltest.Kept)
		}
		return b
	}
	r := phone.change(change.Add, change.Payload{Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return watch.core.Interrupted() }) {
		t.Fatalf("not interrupted\n%s", l.logs())
	}
	watch.core.onMessage(l.now, phone.id, wire.ProtocolSync, asked)
	if watch.core.Attempt != nil {
		t.Fatal("it begins anew")
	}
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("not added\n%s", l.logs())
	}
}

// settled reports whether d is settled in an epoch above e.
func (d *labDevice) settled(e uint64) bool {
	return d.core.Circle.Record.Epoch > e && !d.core.Redealing()
}

// A device that committed and fell silent before it heard that all did must
// find its way although the others are an epoch further.
func TestCommittedDeviceFollowsTheOthers(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 42)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	// The phone says everything and hears no commit.
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		if a := to.core.Attempt; to == phone && a != nil && a.Machine.Phase() == refresh.Committed {
			return nil
		}
		return b
	}
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.settled(0) && tablet.settled(0) }) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	if p := phone.core.Attempt.Machine.Phase(); p != refresh.Committed {
		t.Fatalf("the phone is %v", p)
	}
	phone.kill()
	l.tamper = nil
	l.run(30*time.Second, nil)
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.settled(1) && tablet.settled(1) }) {
		t.Fatalf("no second epoch\n%s", l.logs())
	}
	phone.start()
	if !l.run(3*time.Minute, l.in(1, l.devices...)) {
		t.Fatalf("the phone is left behind in %d\n%s", phone.core.Circle.Record.Epoch, l.logs())
	}
	l.signsWith(phone, tablet)
}

// bogus is a re-deal that one member can propose alone, and nobody deals in.
func bogus(t *testing.T, by *labDevice, members, sleepers []wire.Slot, epoch uint64) message.Redeal {
	t.Helper()
	head := by.core.Circle.Head().Record
	p := refresh.Proposal{
		Version: refresh.Version, Circle: head.Circle, Parent: head.Hash(), Epoch: epoch, Kind: roster.Refresh,
		Threshold: head.Threshold, Members: members, Dealers: members[:head.Threshold], Sleepers: sleepers,
		Settings: head.Settings, Proposer: by.core.Circle.Slot, Nonce: [32]byte{1},
	}
	if err := p.Check(head); err != nil {
		t.Fatal(err)
	}
	return proposing(p, epoch)
}

// Who is made to sleep in an attempt that nobody means still takes part in the
// next one.
func TestFalseSleepHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 43)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	if err := phone.core.OnRedeal(2, bogus(t, laptop, []wire.Slot{2, 3}, []wire.Slot{1}, 5)); err != nil {
		t.Fatal(err)
	}
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("held up\n%s", l.logs())
	}
	if n := len(phone.core.Circle.Record.Change.Sleepers); n != 0 {
		t.Error("the phone did not take part")
	}
}

// Nor does a sleep that somebody proposes make a device forget its vote.
func TestSleepDoesNotReplaceAVote(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 44)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return phone.core.Attempt != nil && phone.core.Attempt.Machine.Phase() >= refresh.Prepared
	}) {
		t.Fatal("no re-deal")
	}
	was := phone.core.Attempt
	if err := phone.core.OnRedeal(2, bogus(t, laptop, []wire.Slot{2, 3}, []wire.Slot{1}, 5)); err != nil {
		t.Fatal(err)
	}
	if phone.core.Attempt != was || phone.core.Waking != nil {
		t.Fatal("the phone has a vote to see through, and listens to another attempt")
	}
}

// One member cannot use up the numbers of epochs.
func TestEpochNumbersLast(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 45)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := laptop.change(change.Refresh, change.Payload{}) // what makes a refresh agreeable
	for _, top := range []uint64{math.MaxUint64, changes.MaxSkip} {
		for _, d := range []*labDevice{phone, tablet} {
			d.core.Now = l.now
			m := bogus(t, laptop, []wire.Slot{1, 2, 3}, nil, top)
			m.Request, m.Grounds = r.ID, []message.Item{r.Item, r.Approved[2]}
			if err := d.core.OnRedeal(2, m); err != nil {
				t.Fatal(err)
			}
		}
		l.run(2*time.Minute, nil)
	}
	e := laptop.core.Circle.Record.Epoch
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(3*time.Minute, l.in(e, l.devices...)) {
		t.Fatalf("no re-deal any more\n%s", l.logs())
	}
}

// signsWithAll checks that a request of the first is signed when all approve.
func (l *lab) signsWithAll(devices ...*labDevice) {
	l.t.Helper()
	r := devices[0].ask("after it")
	for _, d := range devices[1:] {
		d.approves(r.ID)
	}
	if !l.run(2*time.Minute, func() bool { return devices[0].signed(r.ID) }) {
		l.t.Fatalf("no signature\n%s", l.logs())
	}
}

// Two that are to be thrown out cannot keep each other in by denying it.
func TestDenialIsNoVeto(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5, 47)
	l.found(3, 5)
	d := l.devices
	r := d[0].change(change.Lost, change.Payload{Slot: 4})
	l.run(time.Second, nil)
	d[4].core.Now = l.now
	if got := d[4].request(r.ID); got != nil {
		no := d[4].core.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{
			Version: 1, Request: r.ID, Verdict: message.VerdictDeny, Epoch: d[4].core.Circle.Record.Epoch, Record: d[4].core.Circle.Hash,
		}))
		for _, x := range d[:3] {
			if err := x.core.Take(no); err != nil {
				t.Fatal(err)
			}
		}
	}
	d[1].approves(r.ID)
	d[2].approves(r.ID)
	if !l.run(2*time.Minute, l.in(0, d[0], d[1], d[2])) {
		t.Fatalf("one denial kept a lost device in\n%s", l.logs())
	}
}

// A device whose store was set back is dealt fresh shares, also after a restart.
func TestRolledBackDeviceIsDealtAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 48)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	var copied *journaltest.Mem
	l.watch = func(_, to *labDevice, _ string, _ []byte) {
		if a := phone.core.Attempt; copied == nil && a != nil && a.Machine.Phase() <= refresh.Prepared {
			copied = phone.journal.Copy()
		}
	}
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return copied != nil && phone.core.Attempt != nil && phone.core.Attempt.Machine.Phase() >= refresh.Committed
	}) {
		t.Fatal("no re-deal")
	}
	l.watch = nil
	l.run(time.Second, nil)
	phone.kill()
	phone.journal = copied
	for range 2 { // it knows also after a restart, and signs nothing before
		phone.start()
		noticed := func() bool { return phone.core.RedealTrouble != "" || phone.core.Circle.Record.Epoch > 0 }
		if !l.run(10*time.Second, noticed) || codeOf(phone.core.MaySign()) != api.CodeRolledBack {
			t.Fatalf("a device that was set back would sign: %v\n%s", phone.core.MaySign(), l.logs())
		}
		l.run(2*time.Minute, nil)
		if err := phone.core.MaySign(); codeOf(err) != api.CodeRolledBack {
			t.Errorf("it would sign later: %v", err)
		}
		phone.kill()
	}
	phone.start()
	e := laptop.core.Circle.Record.Epoch
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(3*time.Minute, l.in(e, l.devices...)) {
		t.Fatalf("never dealt to again\n%s", l.logs())
	}
	l.signsWith(phone, tablet)
}

// The share of a sleeper waits in the re-deal that made its epoch. A later one
// that comes to nothing must not take it along: if then as many devices die as
// may, the sleeper is needed.
func TestFailedRedealKeepsTheSharesOfSleepers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, nil) // 3 of 5
	phone, laptop, tablet, desktop, server := w.devices[0], w.devices[1], w.devices[2], w.devices[3], w.devices[4]
	for _, d := range []*simDevice{laptop, tablet, desktop} {
		d.boot()
	}
	w.run(5*time.Second, nil)
	w.ask(laptop, change.Refresh, change.Payload{})
	if !w.run(time.Minute, func() bool { return laptop.core.Attempt != nil && laptop.core.Attempt.Machine.Settled() }) {
		t.Fatalf("no new epoch: %v", w.err)
	}
	w.run(time.Minute, nil)
	w.ask(laptop, change.Refresh, change.Payload{})
	if !w.run(time.Minute, func() bool {
		return desktop.core.Redealing() && desktop.core.Attempt.Machine.Phase() == refresh.Prepared
	}) {
		t.Fatalf("no second re-deal: %v", w.err)
	}
	for _, d := range []*simDevice{tablet, server} {
		d.off("is destroyed")
		d.gone = true
	}
	w.run(5*time.Minute, nil)
	phone.boot()
	w.recover()
	if w.finish(); w.err != nil {
		t.Error(w.err)
	}
}
