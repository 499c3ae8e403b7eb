package redeal

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Before anybody commits to new shares they must have signed once. The members
// take turns in opening one session for each account, each by its own clock:
// nobody waits for one that is in trouble.

// Trials has the new shares of an attempt tested.
type Trials struct {
	me      *standing.Standing
	drive   *drive.Drive
	cosign  *cosign.Cosign
	redeals *Redeals
}

// NewTrials makes the tests of what is dealt.
func NewTrials(me *standing.Standing, d *drive.Drive, c *cosign.Cosign, rd *Redeals) *Trials {
	return &Trials{me, d, c, rd}
}

// StartTest joins a test that was asked for too early, or opens what is
// missing of it, if it is this device's turn.
func (tr *Trials) StartTest() {
	a := tr.redeals.Attempt
	if a == nil || !a.Machine.NeedsTest() {
		return
	}
	if a.needed.IsZero() {
		a.needed = tr.me.Now
	}
	if t := a.early; t != nil {
		a.early = nil
		if err := tr.JoinTest(t.from, t.test); err != nil {
			tr.me.Log.Debug("test signature not joined", "by", tr.me.Name(t.from), "err", err)
		}
	}
	if tr.me.Pausing(a.testAt) {
		return
	}
	turn := int(max(tr.me.Now.Sub(a.needed), 0) / testTurn)
	if tr.redeals.CircleSlot(a) != a.Proposal.Members[turn%len(a.Proposal.Members)] {
		return
	}
	for _, l := range tr.drive.Sessions {
		if TrialOf(l) != nil {
			return
		}
	}
	rec, _ := a.Machine.Record()
	for _, acc := range rec.Accounts {
		if a.tests[acc.Name] != nil {
			continue
		}
		if err := tr.openTest(a, rec, acc); err != nil {
			tr.me.Log.Error("test signature not started", "err", err)
			a.testAt = tr.me.Now.Add(testPause)
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

	// MaxTesting and maxTests bound the tests that one device opens, at a time
	// and in one attempt: each costs this one a machine and its memory. Who keeps
	// to its turns opens one at a time, and one each [testPause] at the most.
	MaxTesting = 4
	MaxTests   = int(2 * AttemptLife / testPause)
)

// testSigners is this device and as many others as must sign.
func (tr *Trials) testSigners(a *Attempt) []wire.Slot {
	self := tr.redeals.CircleSlot(a)
	signers := []wire.Slot{self}
	for _, s := range a.Proposal.Members {
		if s != self && len(signers) < a.Proposal.Threshold {
			signers = append(signers, s)
		}
	}
	slices.Sort(signers)
	return signers
}

// TestProposal is the proposal of the session that tests an account, without a nonce.
func (tr *Trials) TestProposal(a *Attempt, rec roster.Record, acc roster.Account, signers []wire.Slot) share.Proposal {
	id := a.Machine.TestRequest(acc)
	return share.Proposal{
		Version: share.VersionFor(rec.Threshold), Suite: acc.Suite, Circle: rec.Circle, Epoch: rec.Epoch, Record: rec.Hash(),
		Account: acc.Name, GroupKey: acc.GroupKey(), Signers: signers, Path: []uint32{}, ChildKey: acc.GroupKey(),
		Purpose: refresh.TestPurpose, Message: a.Machine.TestMessage(acc), Request: id, Intent: wire.Hash(id),
		Initiator: tr.redeals.CircleSlot(a), Expires: standing.Unix(tr.me.Now.Add(AttemptLife)),
	}
}

func (tr *Trials) openTest(a *Attempt, rec roster.Record, acc roster.Account) error {
	p := tr.TestProposal(a, rec, acc, tr.testSigners(a))
	if _, err := io.ReadFull(tr.me.Config.Rand, p.Nonce[:]); err != nil {
		return fmt.Errorf("node: draw nonce: %w", err)
	}
	for _, s := range p.Signers {
		tr.me.Sync(s, message.MsgTest, message.Test{Attempt: a.Proposal.Attempt(), Proposal: p.Bytes()})
	}
	return tr.takeTest(a, rec, p)
}

// OnTest joins a test session, whose every field this device has derived
// itself but for the nonce and the signers.
func (tr *Trials) OnTest(from wire.Slot, m message.Test) error {
	a := tr.redeals.Attempt
	if a == nil || a.Proposal.Attempt() != m.Attempt || !slices.Contains(a.Proposal.Members, from) {
		return nil
	}
	if !a.Machine.NeedsTest() {
		a.early = &earlyTest{from, m} // the others were faster
		return nil
	}
	return tr.JoinTest(from, m)
}

// JoinTest checks a test that this device holds new shares for, and joins it.
func (tr *Trials) JoinTest(from wire.Slot, m message.Test) error {
	a := tr.redeals.Attempt
	rec, ok := a.Machine.Record()
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
	want := tr.TestProposal(a, rec, acc, p.Signers)
	want.Version, want.Initiator, want.Nonce, want.Expires = p.Version, from, p.Nonce, p.Expires
	if string(want.Bytes()) != string(p.Bytes()) || !slices.Contains(p.Signers, tr.redeals.CircleSlot(a)) {
		return errors.New("node: test of something else")
	}
	if tr.drive.Begun.Has(p.Session()) {
		return nil
	}
	running := 0
	for _, l := range tr.drive.Sessions {
		if t := TrialOf(l); t != nil && t.By == from {
			running++
		}
	}
	if running >= MaxTesting || a.joined[from] >= MaxTests {
		return fmt.Errorf("node: device %d opens too many tests", from)
	}
	a.joined[from]++
	if err := tr.drive.Join(p, from); err != nil {
		return err
	}
	return tr.takeTest(a, rec, p)
}

func (tr *Trials) takeTest(a *Attempt, rec roster.Record, p share.Proposal) error {
	keys, ok := a.Machine.Shares()
	if !ok {
		return errors.New("node: no new share to test")
	}
	defer func() {
		for _, k := range keys {
			k.Wipe()
		}
	}()
	m, result, effects, err := tr.cosign.NewSigner(cosign.SignerConfig{Proposal: p, Record: rec, Self: tr.redeals.CircleSlot(a), Share: keys[p.Account], Sign: tr.me.Self.Sign, Rand: tr.me.Config.Rand})
	if err != nil {
		return err
	}
	tr.drive.Begin(&drive.Session{ID: p.Session(), Machine: m, Slots: p.Signers, Owner: &trial{
		c: tr, attempt: a, account: p.Account, By: p.Initiator,
		SigningSession: cosign.SigningSession{Proposal: p, Record: rec, Self: tr.redeals.CircleSlot(a), Result: result, PassOver: tr.redeals.around.Blame},
	}}, effects)
	return nil
}

// A trial owns a session that tests the new shares of an account.
type trial struct {
	drive.Stateless
	cosign.SigningSession
	c       *Trials
	attempt *Attempt
	account string
	By      wire.Slot // who opened it
}

// TrialOf returns what a session tests, or nil if it does not.
func TrialOf(l *drive.Session) *trial { t, _ := l.Owner.(*trial); return t }

func (t *trial) Heard(*drive.Session, wire.Slot, bool) {}
func (t *trial) Stepped(*drive.Session)                {}
func (t *trial) Again(*drive.Session, []wire.Slot)     {}
func (t *trial) Finished(l *drive.Session)             { t.c.finishTest(l, t) }
func (t *trial) Failed(l *drive.Session, err error)    { t.c.testFailed(l, t, err) }
func (t *trial) Dropped(l *drive.Session)              { t.c.cosign.KeepTestimony(l) }
func (t *trial) Personal() bool                        { return false }

// Closed ends the test: whoever opened it, or who is next, tries again.
func (t *trial) Closed(l *drive.Session, _ wire.Slot, _ message.Closed) {
	t.c.drive.Drop(l)
	t.attempt.testAt = t.c.me.Now.Add(testPause)
}

func (t *trial) Timing(*drive.Session) drive.Timing {
	return drive.Timing{Brief: true, Resend: t.c.me.Config.Timings.Resend}
}

// finishTest keeps a test signature, and hands them in once all are there.
func (tr *Trials) finishTest(l *drive.Session, t *trial) {
	raw := t.Result()
	tr.drive.Drop(l)
	a := t.attempt
	if tr.redeals.Attempt != a {
		return
	}
	a.tests[t.account] = raw
	rec, _ := a.Machine.Record()
	if len(a.tests) < len(rec.Accounts) {
		tr.StartTest()
		return
	}
	effects, err := a.Machine.Tested(a.tests)
	if err != nil {
		tr.me.Log.Error("test signatures refused", "err", err)
		clear(a.tests)
		a.testAt = tr.me.Now.Add(testPause)
		return
	}
	tr.drive.CarryOut(a.Live, effects)
	tr.redeals.RedealStep()
}

// testFailed ends a test for all that are in it.
func (tr *Trials) testFailed(l *drive.Session, t *trial, err error) {
	slot, _, _ := drive.Blamed(err)
	tr.cosign.ShowAfter(l, err)
	tr.me.Log.Warn("test signature failed", "account", t.account, "device", tr.me.Name(slot), "err", err)
	for _, s := range l.Slots {
		tr.me.Sync(s, message.MsgClose, message.Closed{Session: l.ID, Reason: cosign.EndedOther, Blame: uint16(slot)})
	}
	t.attempt.testAt = tr.me.Now.Add(testPause)
}

// TestsFor reports whether a test of the new shares of this attempt goes by that
// request.
func (tr *Trials) TestsFor(id wire.RequestID) bool {
	if tr.redeals.Attempt == nil {
		return false
	}
	rec, ok := tr.redeals.Attempt.Machine.Record()
	return ok && slices.ContainsFunc(rec.Accounts, func(a roster.Account) bool { return tr.redeals.Attempt.Machine.TestRequest(a) == id })
}
