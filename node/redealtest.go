package node

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Before anybody commits to new shares they must have signed once. The members
// take turns in opening one session for each account, each by its own clock:
// nobody waits for one that is in trouble.

// A trials has the new shares of an attempt tested.
type trials struct {
	me      *standing
	drive   *drive
	cosign  *cosign
	redeals *redeals
}

// startTest joins a test that was asked for too early, or opens what is
// missing of it, if it is this device's turn.
func (tr *trials) startTest() {
	a := tr.redeals.attempt
	if a == nil || !a.machine.NeedsTest() {
		return
	}
	if a.needed.IsZero() {
		a.needed = tr.me.now
	}
	if t := a.early; t != nil {
		a.early = nil
		if err := tr.joinTest(t.from, t.test); err != nil {
			tr.me.log.Debug("test signature not joined", "by", tr.me.name(t.from), "err", err)
		}
	}
	if tr.me.pausing(a.testAt) {
		return
	}
	turn := int(max(tr.me.now.Sub(a.needed), 0) / testTurn)
	if tr.redeals.circleSlot(a) != a.proposal.Members[turn%len(a.proposal.Members)] {
		return
	}
	for _, l := range tr.drive.sessions {
		if trialOf(l) != nil {
			return
		}
	}
	rec, _ := a.machine.Record()
	for _, acc := range rec.Accounts {
		if a.tests[acc.Name] != nil {
			continue
		}
		if err := tr.openTest(a, rec, acc); err != nil {
			tr.me.log.Error("test signature not started", "err", err)
			a.testAt = tr.me.now.Add(testPause)
		}
		return
	}
}

const (
	// testPause is the time between two tries of a test signature.
	testPause = 2 * time.Second

	// testTurn is how long it is one member's turn to open tests: until it
	// has noticed that one that it asked does not answer.
	testTurn = 12 * time.Second

	// maxTesting and maxTests bound the tests that one device opens, at a time
	// and in one attempt: each costs this one a machine and its memory. Who keeps
	// to its turns opens one at a time, and one each [testPause] at the most.
	maxTesting = 4
	maxTests   = int(2 * attemptLife / testPause)
)

// testSigners is this device and as many others as must sign.
func (tr *trials) testSigners(a *attempt) []wire.Slot {
	self := tr.redeals.circleSlot(a)
	signers := []wire.Slot{self}
	for _, s := range a.proposal.Members {
		if s != self && len(signers) < a.proposal.Threshold {
			signers = append(signers, s)
		}
	}
	slices.Sort(signers)
	return signers
}

func (tr *trials) testProposal(a *attempt, rec roster.Record, acc roster.Account, signers []wire.Slot) share.Proposal {
	id := a.machine.TestRequest(acc)
	return share.Proposal{
		Version: share.VersionFor(rec.Threshold), Suite: acc.Suite, Circle: rec.Circle, Epoch: rec.Epoch, Record: rec.Hash(),
		Account: acc.Name, GroupKey: acc.GroupKey(), Signers: signers, Path: []uint32{}, ChildKey: acc.GroupKey(),
		Purpose: refresh.TestPurpose, Message: a.machine.TestMessage(acc), Request: id, Intent: wire.Hash(id),
		Initiator: tr.redeals.circleSlot(a), Expires: unix(tr.me.now.Add(attemptLife)),
	}
}

func (tr *trials) openTest(a *attempt, rec roster.Record, acc roster.Account) error {
	p := tr.testProposal(a, rec, acc, tr.testSigners(a))
	if _, err := io.ReadFull(tr.me.cfg.Rand, p.Nonce[:]); err != nil {
		return fmt.Errorf("node: draw nonce: %w", err)
	}
	for _, s := range p.Signers {
		tr.me.sync(s, msgTest, test{Attempt: a.proposal.Attempt(), Proposal: p.Bytes()})
	}
	return tr.takeTest(a, rec, p)
}

// onTest joins a test session, whose every field this device has derived
// itself but for the nonce and the signers.
func (tr *trials) onTest(from wire.Slot, m test) error {
	a := tr.redeals.attempt
	if a == nil || a.proposal.Attempt() != m.Attempt || !slices.Contains(a.proposal.Members, from) {
		return nil
	}
	if !a.machine.NeedsTest() {
		a.early = &earlyTest{from, m} // the others were faster
		return nil
	}
	return tr.joinTest(from, m)
}

// joinTest checks a test that this device holds new shares for, and joins it.
func (tr *trials) joinTest(from wire.Slot, m test) error {
	a := tr.redeals.attempt
	rec, ok := a.machine.Record()
	if !ok {
		return errors.New("node: no new record to test")
	}
	p, err := share.ParseProposal(m.Proposal)
	if err != nil {
		return err
	}
	acc, ok := rec.Account(p.Account)
	if !ok {
		return errors.New("node: test of an unknown account")
	}
	want := tr.testProposal(a, rec, acc, p.Signers)
	want.Version, want.Initiator, want.Nonce, want.Expires = p.Version, from, p.Nonce, p.Expires
	if string(want.Bytes()) != string(p.Bytes()) || !slices.Contains(p.Signers, tr.redeals.circleSlot(a)) {
		return errors.New("node: test of something else")
	}
	if tr.drive.begun.has(p.Session()) {
		return nil
	}
	running := 0
	for _, l := range tr.drive.sessions {
		if t := trialOf(l); t != nil && t.by == from {
			running++
		}
	}
	if running >= maxTesting || a.joined[from] >= maxTests {
		return fmt.Errorf("node: device %d opens too many tests", from)
	}
	a.joined[from]++
	if err := tr.drive.join(p, from); err != nil {
		return err
	}
	return tr.takeTest(a, rec, p)
}

func (tr *trials) takeTest(a *attempt, rec roster.Record, p share.Proposal) error {
	keys, ok := a.machine.Shares()
	if !ok {
		return errors.New("node: no new share to test")
	}
	defer func() {
		for _, k := range keys {
			k.Wipe()
		}
	}()
	m, result, effects, err := tr.cosign.newSigner(signerConfig{proposal: p, record: rec, self: tr.redeals.circleSlot(a), share: keys[p.Account], sign: tr.me.self.sign, rand: tr.me.cfg.Rand})
	if err != nil {
		return err
	}
	tr.drive.begin(&live{id: p.Session(), machine: m, slots: p.Signers, owner: &trial{
		c: tr, attempt: a, account: p.Account, by: p.Initiator,
		signingSession: signingSession{proposal: p, record: rec, self: tr.redeals.circleSlot(a), result: result, passOver: tr.redeals.around.blame},
	}}, effects)
	return nil
}

// A trial owns a session that tests the new shares of an account.
type trial struct {
	stateless
	signingSession
	c       *trials
	attempt *attempt
	account string
	by      wire.Slot // who opened it
}

// trialOf returns what a session tests, or nil if it does not.
func trialOf(l *live) *trial { t, _ := l.owner.(*trial); return t }

func (t *trial) heard(*live, wire.Slot, bool) {}
func (t *trial) stepped(*live)                {}
func (t *trial) again(*live, []wire.Slot)     {}
func (t *trial) finished(l *live)             { t.c.finishTest(l, t) }
func (t *trial) failed(l *live, err error)    { t.c.testFailed(l, t, err) }
func (t *trial) dropped(l *live)              { t.c.cosign.keepTestimony(l) }
func (t *trial) personal() bool               { return false }

// closed ends the test: whoever opened it, or who is next, tries again.
func (t *trial) closed(l *live, _ wire.Slot, _ closed) {
	t.c.drive.drop(l)
	t.attempt.testAt = t.c.me.now.Add(testPause)
}

func (t *trial) timing(*live) timing {
	return timing{brief: true, resend: t.c.me.cfg.Timings.Resend}
}

// finishTest keeps a test signature, and hands them in once all are there.
func (tr *trials) finishTest(l *live, t *trial) {
	raw := t.result()
	tr.drive.drop(l)
	a := t.attempt
	if tr.redeals.attempt != a {
		return
	}
	a.tests[t.account] = raw
	rec, _ := a.machine.Record()
	if len(a.tests) < len(rec.Accounts) {
		tr.startTest()
		return
	}
	effects, err := a.machine.Tested(a.tests)
	if err != nil {
		tr.me.log.Error("test signatures refused", "err", err)
		clear(a.tests)
		a.testAt = tr.me.now.Add(testPause)
		return
	}
	tr.drive.carryOut(a.live, effects)
	tr.redeals.redealStep()
}

// testFailed ends a test for all that are in it.
func (tr *trials) testFailed(l *live, t *trial, err error) {
	slot, _, _ := blamed(err)
	tr.cosign.showAfter(l, err)
	tr.me.log.Warn("test signature failed", "account", t.account, "device", tr.me.name(slot), "err", err)
	for _, s := range l.slots {
		tr.me.sync(s, msgClose, closed{Session: l.id, Reason: endedOther, Blame: uint16(slot)})
	}
	t.attempt.testAt = tr.me.now.Add(testPause)
}

// testsFor reports whether a test of the new shares of this attempt goes by that
// request.
func (tr *trials) testsFor(id wire.RequestID) bool {
	if tr.redeals.attempt == nil {
		return false
	}
	rec, ok := tr.redeals.attempt.machine.Record()
	return ok && slices.ContainsFunc(rec.Accounts, func(a roster.Account) bool { return tr.redeals.attempt.machine.TestRequest(a) == id })
}
