package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// TestOnlyTheTestIsSigned: new shares sign one thing that no person approves,
// the test of the re-deal. A member that asks for anything else under that name
// gets nothing.
func TestOnlyTheTestIsSigned(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 75)
	l.found(2, 3)
	laptop, tablet := l.devices[1], l.devices[2]
	l.tamper = func(_, _ *labDevice, b []byte) []byte {
		if typ, body, err := splitMessage(b); err == nil && typ == msgTest {
			var m test
			if wire.Unmarshal(body, &m) == nil {
				return nil
			}
		}
		return b
	}
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		a, b := laptop.core.attempt, tablet.core.attempt
		return a != nil && b != nil && a.machine.NeedsTest() && b.machine.NeedsTest()
	}) {
		t.Fatalf("nobody wants a test\n%s", l.logs())
	}
	a, c := laptop.core.attempt, tablet.core
	rec, _ := a.machine.Record()
	acc, _ := rec.Account(roster.Ethereum)
	signers := []wire.Slot{2, 3}
	right := laptop.core.testProposal(a, rec, acc, signers)
	right.Nonce = [32]byte{1}
	money := laptop.ask("money to the thief")
	joined := func() (n int) {
		for _, s := range c.liveSessions() {
			if trialOf(s) != nil && trialOf(s).by == 2 {
				n++
			}
		}
		return n
	}
	c.now = l.now
	for name, lie := range map[string]func(p *share.Proposal){
		"message":           func(p *share.Proposal) { p.Message = money.intent.ToSign },
		"purpose":           func(p *share.Proposal) { p.Purpose = money.intent.Purpose },
		"request":           func(p *share.Proposal) { p.Request = money.id },
		"intent":            func(p *share.Proposal) { p.Intent = money.intent.Hash() },
		"path":              func(p *share.Proposal) { p.Path = money.request.Path },
		"child-key":         func(p *share.Proposal) { p.ChildKey = money.child },
		"account":           func(p *share.Proposal) { p.Account = roster.SSH },
		"epoch":             func(p *share.Proposal) { p.Epoch-- },
		"record":            func(p *share.Proposal) { p.Record = tablet.core.circle.hash },
		"circle":            func(p *share.Proposal) { p.Circle[0] ^= 1 },
		"another-initiator": func(p *share.Proposal) { p.Initiator = 1 },
		"without-this-one":  func(p *share.Proposal) { p.Signers = []wire.Slot{1, 2} },
		"everything-of-the-request": func(p *share.Proposal) {
			p.Message, p.Purpose, p.Request, p.Intent = money.intent.ToSign, money.intent.Purpose, money.id, money.intent.Hash()
			p.Path, p.ChildKey = money.request.Path, money.child
		},
	} {
		p := right
		lie(&p)
		if err := c.onTest(2, test{Attempt: a.proposal.Attempt(), Proposal: p.Bytes()}); err == nil || joined() != 0 {
			t.Errorf("another %s: joined %d, error %v", name, joined(), err)
		}
	}
	if err := c.onTest(1, test{Attempt: a.proposal.Attempt(), Proposal: right.Bytes()}); err == nil || joined() != 0 {
		t.Errorf("opened by another than it says: joined %d, error %v", joined(), err)
	}
	if err := c.onTest(2, test{Attempt: a.proposal.Attempt(), Proposal: right.Bytes()}); err != nil || joined() != 1 {
		t.Errorf("the test itself: joined %d, error %v", joined(), err)
	}
}

// TestEnoughWithout: what would leave fewer devices than must sign is refused
// where it is asked, with the reason.
func TestEnoughWithout(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 76)
	l.found(3, 3)
	c := l.devices[0].core
	for _, fill := range []func(*counter, *change.Payload) error{another(idOf(l, 1)), func(c *counter, _ *change.Payload) error { return c.enoughWithout(c.circle.slot) }} {
		if err := fill(c.counter, &change.Payload{}); api.CodeOf(err) != api.CodeStranded {
			t.Errorf("got %v", err)
		}
	}
	l = newLab(t, 3, 77)
	l.found(2, 3)
	if err := another(idOf(l, 1))(l.devices[0].core.counter, &change.Payload{}); err != nil {
		t.Error(err)
	}
}
