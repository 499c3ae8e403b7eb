package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Before anybody commits to new shares they must have signed once. The member
// in the lowest slot opens one session for each account.

// startTest opens what is missing of the test, if it is this device's turn.
func (c *core) startTest() {
	a := c.attempt
	if a == nil || !a.machine.NeedsTest() || c.now.Before(a.testAt) {
		return
	}
	if self := c.circleSlot(a); self != a.proposal.Members[a.tries%len(a.proposal.Members)] {
		return
	}
	for _, l := range c.sessions {
		if l.testing() {
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

// testPause is the time between two tries of a test signature.
const testPause = 2 * time.Second

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
		Version: share.Version, Suite: acc.Suite, Circle: rec.Circle, Epoch: rec.Epoch, Record: rec.Hash(),
		Account: acc.Name, GroupKey: acc.GroupKey(), Signers: signers, Path: []uint32{}, ChildKey: acc.GroupKey(),
		Purpose: refresh.TestPurpose, Message: a.machine.TestMessage(acc), Request: id, Intent: wire.Hash(id),
		Initiator: c.circleSlot(a), Expires: unix(c.now.Add(attemptLife)),
	}
}

func (c *core) openTest(a *attempt, rec roster.Record, acc roster.Account) error {
	p := c.testProposal(a, rec, acc, c.testSigners(a))
	if _, err := c.cfg.Rand.Read(p.Nonce[:]); err != nil {
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
	rec, ok := a.machine.Record()
	if !ok || !a.machine.NeedsTest() {
		return nil // it will be asked again
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
	want.Initiator, want.Nonce, want.Expires = from, p.Nonce, p.Expires
	if string(want.Bytes()) != string(p.Bytes()) || !slices.Contains(p.Signers, c.circleSlot(a)) {
		return errors.New("node: test of something else")
	}
	if c.hasBegun(p.Session()) {
		return nil
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
	m, result, effects, err := c.newSigner(signerConfig{proposal: p, record: rec, self: c.circleSlot(a), share: keys[p.Account], rand: c.cfg.Rand})
	if err != nil {
		return err
	}
	c.begin(&live{id: p.Session(), machine: m, result: result, slots: p.Signers, redeal: a, account: p.Account}, effects)
	return nil
}

// finishTest keeps a test signature, and hands them in once all are there.
func (c *core) finishTest(l *live) {
	raw := l.result()
	c.drop(l)
	a := l.redeal
	if c.attempt != a {
		return
	}
	a.tests[l.account] = raw
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

// testFailed lets the next member try.
func (c *core) testFailed(l *live, err error) {
	a := l.redeal
	slot, _, _ := blamed(err)
	c.log.Warn("test signature failed", "account", l.account, "device", c.everName(slot), "err", err)
	for _, s := range l.slots {
		c.sync(s, msgClose, closed{Session: l.id, Reason: endedOther, Blame: uint16(slot)})
	}
	a.tries++
	a.testAt = c.now.Add(testPause)
}
