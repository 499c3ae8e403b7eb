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

// startTest joins a test that was asked for too early, or opens what is
// missing of it, if it is this device's turn.
func (c *core) startTest() {
	a := c.attempt
	if a == nil || !a.machine.NeedsTest() {
		return
	}
	if a.needed.IsZero() {
		a.needed = c.now
	}
	if t := a.early; t != nil {
		a.early = nil
		if err := c.joinTest(t.from, t.test); err != nil {
			c.log.Debug("test signature not joined", "by", c.name(t.from), "err", err)
		}
	}
	if c.pausing(a.testAt) {
		return
	}
	turn := int(max(c.now.Sub(a.needed), 0) / testTurn)
	if c.circleSlot(a) != a.proposal.Members[turn%len(a.proposal.Members)] {
		return
	}
	for _, l := range c.sessions {
		if trialOf(l) != nil {
			return
		}
	}
	rec, _ := a.machine.Record()
	for _, acc := range rec.Accounts {
		if a.tests[acc.Name] != nil {
			continue
		}
		if err := c.openTest(a, rec, acc); err != nil {
			c.log.Error("test signature not started", "err", err)
			a.testAt = c.now.Add(testPause)
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

// An earlyTest was asked for before this device held a new share.
type earlyTest struct {
	from wire.Slot
	test test
}

// testSigners is this device and as many others as must sign.
func (c *core) testSigners(a *attempt) []wire.Slot {
	self := c.circleSlot(a)
	signers := []wire.Slot{self}
	for _, s := range a.proposal.Members {
		if s != self && len(signers) < a.proposal.Threshold {
			signers = append(signers, s)
		}
	}
	slices.Sort(signers)
	return signers
}

func (c *core) testProposal(a *attempt, rec roster.Record, acc roster.Account, signers []wire.Slot) share.Proposal {
	id := a.machine.TestRequest(acc)
	return share.Proposal{
		Version: share.VersionFor(rec.Threshold), Suite: acc.Suite, Circle: rec.Circle, Epoch: rec.Epoch, Record: rec.Hash(),
		Account: acc.Name, GroupKey: acc.GroupKey(), Signers: signers, Path: []uint32{}, ChildKey: acc.GroupKey(),
		Purpose: refresh.TestPurpose, Message: a.machine.TestMessage(acc), Request: id, Intent: wire.Hash(id),
		Initiator: c.circleSlot(a), Expires: unix(c.now.Add(attemptLife)),
	}
}

func (c *core) openTest(a *attempt, rec roster.Record, acc roster.Account) error {
	p := c.testProposal(a, rec, acc, c.testSigners(a))
	if _, err := io.ReadFull(c.cfg.Rand, p.Nonce[:]); err != nil {
		return fmt.Errorf("node: draw nonce: %w", err)
	}
	for _, s := range p.Signers {
		c.sync(s, msgTest, test{Attempt: a.proposal.Attempt(), Proposal: p.Bytes()})
	}
	return c.takeTest(a, rec, p)
}

// onTest joins a test session, whose every field this device has derived
// itself but for the nonce and the signers.
func (c *core) onTest(from wire.Slot, m test) error {
	a := c.attempt
	if a == nil || a.proposal.Attempt() != m.Attempt || !slices.Contains(a.proposal.Members, from) {
		return nil
	}
	if !a.machine.NeedsTest() {
		a.early = &earlyTest{from, m} // the others were faster
		return nil
	}
	return c.joinTest(from, m)
}

// joinTest checks a test that this device holds new shares for, and joins it.
func (c *core) joinTest(from wire.Slot, m test) error {
	a := c.attempt
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
	want := c.testProposal(a, rec, acc, p.Signers)
	want.Version, want.Initiator, want.Nonce, want.Expires = p.Version, from, p.Nonce, p.Expires
	if string(want.Bytes()) != string(p.Bytes()) || !slices.Contains(p.Signers, c.circleSlot(a)) {
		return errors.New("node: test of something else")
	}
	if c.begun.has(p.Session()) {
		return nil
	}
	running := 0
	for _, l := range c.sessions {
		if t := trialOf(l); t != nil && t.by == from {
			running++
		}
	}
	if running >= maxTesting || a.joined[from] >= maxTests {
		return fmt.Errorf("node: device %d opens too many tests", from)
	}
	a.joined[from]++
	if err := c.join(p, from); err != nil {
		return err
	}
	return c.takeTest(a, rec, p)
}

func (c *core) takeTest(a *attempt, rec roster.Record, p share.Proposal) error {
	keys, ok := a.machine.Shares()
	if !ok {
		return errors.New("node: no new share to test")
	}
	defer func() {
		for _, k := range keys {
			k.Wipe()
		}
	}()
	m, result, effects, err := c.newSigner(signerConfig{proposal: p, record: rec, self: c.circleSlot(a), share: keys[p.Account], sign: c.self.sign, rand: c.cfg.Rand})
	if err != nil {
		return err
	}
	c.begin(&live{id: p.Session(), machine: m, slots: p.Signers, owner: &trial{
		c: c, attempt: a, account: p.Account, by: p.Initiator,
		signingSession: signingSession{proposal: p, record: rec, self: c.circleSlot(a), result: result, passOver: c.around.blame},
	}}, effects)
	return nil
}

// A trial owns a session that tests the new shares of an account.
type trial struct {
	stateless
	signingSession
	c       *redeals
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
func (t *trial) dropped(l *live)              { t.c.keepTestimony(l) }
func (t *trial) personal() bool               { return false }

// closed ends the test: whoever opened it, or who is next, tries again.
func (t *trial) closed(l *live, _ wire.Slot, _ closed) {
	t.c.drop(l)
	t.attempt.testAt = t.c.now.Add(testPause)
}

func (t *trial) timing(*live) timing {
	return timing{brief: true, resend: t.c.cfg.Timings.Resend}
}

// finishTest keeps a test signature, and hands them in once all are there.
func (c *core) finishTest(l *live, t *trial) {
	raw := t.result()
	c.drop(l)
	a := t.attempt
	if c.attempt != a {
		return
	}
	a.tests[t.account] = raw
	rec, _ := a.machine.Record()
	if len(a.tests) < len(rec.Accounts) {
		c.startTest()
		return
	}
	effects, err := a.machine.Tested(a.tests)
	if err != nil {
		c.log.Error("test signatures refused", "err", err)
		clear(a.tests)
		a.testAt = c.now.Add(testPause)
		return
	}
	c.carryOut(a.live, effects)
	c.redealStep()
}

// testFailed ends a test for all that are in it.
func (c *core) testFailed(l *live, t *trial, err error) {
	slot, _, _ := blamed(err)
	c.showAfter(l, err)
	c.log.Warn("test signature failed", "account", t.account, "device", c.name(slot), "err", err)
	for _, s := range l.slots {
		c.sync(s, msgClose, closed{Session: l.id, Reason: endedOther, Blame: uint16(slot)})
	}
	t.attempt.testAt = c.now.Add(testPause)
}

// testsFor reports whether a test of the new shares of this attempt goes by that
// request.
func (c *core) testsFor(id wire.RequestID) bool {
	if c.attempt == nil {
		return false
	}
	rec, ok := c.attempt.machine.Record()
	return ok && slices.ContainsFunc(rec.Accounts, func(a roster.Account) bool { return c.attempt.machine.TestRequest(a) == id })
}
