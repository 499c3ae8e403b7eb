package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
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
		if typ, body, err := message.SplitMessage(b); err == nil && typ == message.MsgTest {
			var m message.Test
			if wire.Unmarshal(body, &m) == nil {
				return nil
			}
		}
		return b
	}
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		a, b := laptop.core.Attempt, tablet.core.Attempt
		return a != nil && b != nil && a.Machine.NeedsTest() && b.Machine.NeedsTest()
	}) {
		t.Fatalf("nobody wants a test\n%s", l.logs())
	}
	a, c := laptop.core.Attempt, tablet.core
	rec, _ := a.Machine.Record()
	acc, _ := rec.Account(roster.Ethereum)
	signers := []wire.Slot{2, 3}
	right := laptop.core.TestProposal(a, rec, acc, signers)
	right.Nonce = [32]byte{1}
	money := laptop.ask("money to the thief")
	joined := func() (n int) {
		for _, s := range c.LiveSessions() {
			if redeal.TrialOf(s) != nil && redeal.TrialOf(s).By == 2 {
				n++
			}
		}
		return n
	}
	c.Now = l.now
	for name, lie := range map[string]func(p *share.Proposal){
		"message":           func(p *share.Proposal) { p.Message = money.Intent.ToSign },
		"purpose":           func(p *share.Proposal) { p.Purpose = money.Intent.Purpose },
		"request":           func(p *share.Proposal) { p.Request = money.ID },
		"intent":            func(p *share.Proposal) { p.Intent = money.Intent.Hash() },
		"path":              func(p *share.Proposal) { p.Path = money.Request.Path },
		"child-key":         func(p *share.Proposal) { p.ChildKey = money.Child },
		"account":           func(p *share.Proposal) { p.Account = roster.SSH },
		"epoch":             func(p *share.Proposal) { p.Epoch-- },
		"record":            func(p *share.Proposal) { p.Record = tablet.core.Circle.Hash },
		"circle":            func(p *share.Proposal) { p.Circle[0] ^= 1 },
		"another-initiator": func(p *share.Proposal) { p.Initiator = 1 },
		"without-this-one":  func(p *share.Proposal) { p.Signers = []wire.Slot{1, 2} },
		"everything-of-the-request": func(p *share.Proposal) {
			p.Message, p.Purpose, p.Request, p.Intent = money.Intent.ToSign, money.Intent.Purpose, money.ID, money.Intent.Hash()
			p.Path, p.ChildKey = money.Request.Path, money.Child
		},
	} {
		p := right
		lie(&p)
		if err := c.OnTest(2, message.Test{Attempt: a.Proposal.Attempt(), Proposal: p.Bytes()}); err == nil || joined() != 0 {
			t.Errorf("another %s: joined %d, error %v", name, joined(), err)
		}
	}
	if err := c.OnTest(1, message.Test{Attempt: a.Proposal.Attempt(), Proposal: right.Bytes()}); err == nil || joined() != 0 {
		t.Errorf("opened by another than it says: joined %d, error %v", joined(), err)
	}
	if err := c.OnTest(2, message.Test{Attempt: a.Proposal.Attempt(), Proposal: right.Bytes()}); err != nil || joined() != 1 {
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
	for _, fill := range []func(*desk.Counter, *change.Payload) error{desk.Another(idOf(l, 1)), func(c *desk.Counter, _ *change.Payload) error { return c.EnoughWithout(c.Circle.Slot) }} {
		if err := fill(c.Counter, &change.Payload{}); codeOf(err) != api.CodeStranded {
			t.Errorf("got %v", err)
		}
	}
	l = newLab(t, 3, 77)
	l.found(2, 3)
	if err := desk.Another(idOf(l, 1))(l.devices[0].core.Counter, &change.Payload{}); err != nil {
		t.Error(err)
	}
}
