package node

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestOneMemberDoesNotStopTheHealing has a member that makes each re-deal fail
// in which it takes part, in each way that there is. The one after must go on
// without it, name it, and leave it in the circle.
func TestOneMemberDoesNotStopTheHealing(t *testing.T) {
	t.Parallel()
	const tries = 3
	for _, tc := range []struct {
		name string
		t, n int
		bad  func(l *lab, d *labDevice) // makes d a member that never lets anything succeed
	}{
		{"refuses", 2, 3, func(_ *lab, d *labDevice) { d.core.Circle.Highest = 1 << 40 }},
		{"refuses-among-five", 3, 5, func(_ *lab, d *labDevice) { d.core.Circle.Highest = 1 << 40 }},
		{"is-silent", 2, 3, func(l *lab, d *labDevice) { l.tamper = silence(d) }},
		{"is-silent-among-five", 3, 5, func(l *lab, d *labDevice) { l.tamper = silence(d) }},
		{"signs-wrong", 2, 3, func(l *lab, d *labDevice) {
			l.tamper = func(from, _ *labDevice, b []byte) []byte {
				if f, err := wire.ParseFrame(b); from == d && err == nil && redealing(l, f.Session) {
					b[len(b)-1] ^= 1
				}
				return b
			}
		}},
		{"is-ready-for-something-else", 2, 3, readyForSomethingElse},
		{"is-ready-for-something-else-among-five", 3, 5, readyForSomethingElse},
		{"complains", 2, 3, complains},
		{"complains-among-five", 3, 5, complains},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, tc.n, 40)
			l.found(tc.t, tc.n)
			bad := l.devices[1]
			tc.bad(l, bad)
			attempts, named := map[wire.SessionID]bool{}, false
			r := l.devices[0].change(change.Refresh, change.Payload{})
			done := l.run(tries*2*redeal.AttemptLife, func() bool {
				c := l.devices[0].core
				if c.Attempt != nil {
					attempts[c.Attempt.Proposal.Session()] = true
				}
				named = named || strings.Contains(r.Trouble, bad.name) && strings.Contains(strings.Join(c.Warnings(), "\n"), "a re-deal failed: "+bad.name)
				return c.Circle.Head().Record.Epoch > 0
			})
			if !done || len(attempts) > tries {
				t.Fatalf("%d attempts, and no new epoch\n%s", len(attempts), l.logs())
			}
			if !named {
				t.Error("the person was not told who it was")
			}
			rec := l.devices[0].core.Circle.Record
			if _, in := rec.Device(2); !in || rec.Change.Members[1] == 2 {
				t.Errorf("members %v of %v", rec.Change.Members, rec.Slots())
			}
			if bad.core.Self.BoxSeed.Equal(secret.Take(&[secret.Size]byte{1})) {
				return // nobody can give it a share
			}
			l.tamper = nil
			bad.core.Circle.Highest = 0
			if !l.run(2*time.Minute, l.in(0, l.devices...)) {
				t.Fatalf("who was left out did not come along\n%s", l.logs())
			}
			if w := l.devices[0].core.Warnings(); strings.Contains(strings.Join(w, "\n"), "a re-deal failed") {
				t.Errorf("still held against it after a success: %q", w)
			}
		})
	}
}

// complains makes d a member that opens nothing that is sealed to it, and says
// that this is the dealers' fault.
func complains(_ *lab, d *labDevice) { d.core.Self.BoxSeed = secret.Take(&[secret.Size]byte{1}) }

// readyForSomethingElse makes d a member that says ready, well signed, for
// another record than the one that was dealt.
func readyForSomethingElse(l *lab, d *labDevice) {
	const tagStatement wire.Tag = "refresh/statement"
	const ready = 2
	l.tamper = func(from, _ *labDevice, b []byte) []byte {
		f, err := wire.ParseFrame(b)
		if from != d || err != nil || !redealing(l, f.Session) {
			return b
		}
		var s struct {
			_ struct{} `cbor:",toarray"`

			Kind uint8
			Slot wire.Slot
			Body []byte
			Sig  [64]byte
		}
		if wire.Unmarshal(f.Body, &s) != nil || s.Kind != ready || s.Slot != f.From {
			return b
		}
		s.Body[0] ^= 1
		msg := wire.Sum(tagStatement, f.Session[:], []byte{s.Kind}, wire.U16(s.Slot), s.Body)
		s.Sig = d.core.Self.Sign(msg[:])
		f.Body = wire.Marshal(s)
		return f.Append(nil)
	}
}

// silence drops what d says in re-deals.
func silence(d *labDevice) func(from, to *labDevice, b []byte) []byte {
	return func(from, _ *labDevice, b []byte) []byte {
		if f, err := wire.ParseFrame(b); from == d && err == nil && redealing(d.lab, f.Session) {
			return nil
		}
		return b
	}
}

// redealing reports whether any device is in the re-deal with that session.
func redealing(l *lab, id wire.SessionID) bool {
	for _, d := range l.devices {
		if c := d.core; c != nil && c.Attempt != nil && c.Attempt.Proposal.Session() == id {
			return true
		}
	}
	return false
}

// TestGrudgesHaveAnEnd: an honest device is not left out for ever, whatever
// others say about it, and never where too few would be left.
func TestGrudgesHaveAnEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 41)
	l.found(2, 3)
	c := l.devices[0].core
	c.Blame(2, "voted against it")
	c.Now = c.Now.Add(time.Second)
	c.Blame(3, "voted against it")
	willing := changes.Plan{Agree: []wire.Slot{1, 2, 3}}
	p, err := c.Plan(willing, [32]byte{1})
	if err == nil || len(p.Members) != 2 || p.Members[1] != 2 || len(p.Sleepers) != 1 || p.Sleepers[0] != 3 {
		t.Errorf("members %v, sleepers %v; the latest goes first, and two must take part", p.Members, p.Sleepers)
	}
	later := func(d time.Duration) {
		c.Now = c.Now.Add(d)
		for _, p := range c.Peers {
			p.There = c.Now
		}
	}
	later(changes.GrudgeFor)
	if p, _ := c.Plan(willing, [32]byte{1}); len(p.Members) != 3 {
		t.Errorf("members %v after half a day", p.Members)
	}
	later(-2*changes.GrudgeFor - time.Minute) // a clock that is set back keeps nobody out
	if p, _ := c.Plan(willing, [32]byte{1}); len(p.Members) != 3 {
		t.Errorf("members %v before it happened", p.Members)
	}
}

// TestWhatIsCalledWhat: a call whose time is up says what it was that kept the
// circle from going on.
func TestWhatIsCalledWhat(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 42)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	ended := func(r *ledger.Request) error {
		ctx, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
		defer cancel()
		return desk.WaitEnded(ctx, r, phone.core.Look(r), commandline.Words)
	}
	want := func(r *ledger.Request, code api.Code, words string) {
		t.Helper()
		if err := ended(r); codeOf(err) != code || !strings.Contains(err.Error(), words) || asError(err).Hint == "" {
			t.Errorf("%v, want %s", err, code)
		}
	}
	sign := phone.ask("hello")
	l.run(time.Second, nil)
	want(sign, api.CodeTimeout, "has no signature yet")
	l.tamper = silence(laptop)
	failing := phone.change(change.Refresh, change.Payload{})
	l.run(redeal.AttemptLife+5*time.Second, func() bool { return failing.Failed != nil })
	want(failing, api.CodeRedealFailed, "laptop did not take part")
	l.tamper = nil
	laptop.kill()
	tablet.kill()
	l.run(2*redeal.AttemptLife, nil)
	want(sign, api.CodeNoQuorum, "has no signature yet")
	refresh := phone.change(change.Refresh, change.Payload{})
	l.run(5*time.Second, nil)
	want(refresh, api.CodeTooFew, "has not taken effect yet: trying again: 2 devices must take part, and only 1 can")
	freeze := phone.change(change.Freeze, change.Payload{})
	want(freeze, api.CodeTimeout, "has not taken effect yet")
}

// TestTestsAreBounded: a member that opens one test after the other costs the
// others no more than a few machines.
func TestTestsAreBounded(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 43)
	l.found(2, 3)
	laptop := l.devices[1].core
	l.devices[0].change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.Attempt != nil && laptop.Attempt.Machine.NeedsTest() }) {
		t.Fatal("no test is needed")
	}
	a := laptop.Attempt
	rec, _ := a.Machine.Record()
	joined := 0
	for i := range 200 {
		p := laptop.TestProposal(a, rec, rec.Accounts[0], []wire.Slot{1, 2})
		p.Initiator, p.Nonce = 1, [32]byte{1, byte(i)}
		if err := laptop.JoinTest(1, message.Test{Attempt: a.Proposal.Attempt(), Proposal: p.Bytes()}); err == nil {
			joined++
		}
		if n := len(laptop.Sessions); n > 2+redeal.MaxTesting {
			t.Fatalf("%d sessions", n)
		}
		if i%10 == 9 { // it ends them, to open more
			for _, s := range laptop.LiveSessions() {
				if redeal.TrialOf(s) != nil {
					laptop.Drop(s)
				}
			}
		}
	}
	if joined > redeal.MaxTests {
		t.Errorf("%d tests joined, at most %d may be", joined, redeal.MaxTests)
	}
}

// TestMemberGoneAfterReady: a member that is gone between its ready and its
// commit keeps the others from any other change. They sign, say whom they wait
// for and what the way out is, and go on when it comes back.
func TestMemberGoneAfterReady(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 44)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		a := phone.core.Attempt
		return a != nil && a.Machine.Phase() == refresh.Committed && tablet.core.Attempt.Machine.Phase() == refresh.Prepared
	}) {
		t.Fatalf("never committed\n%s", l.logs())
	}
	tablet.kill()
	if !l.run(3*redeal.AttemptLife, func() bool { return phone.core.GoneWords() != "" }) {
		t.Fatalf("the person is not told\n%s", l.logs())
	}
	if w := strings.Join(phone.core.Warnings(), "\n"); !strings.Contains(w, "waits for tablet") || !strings.Contains(w, "new circle") {
		t.Errorf("warnings %s", w)
	}
	l.signsWith(phone, laptop)
	lost := phone.change(change.Lost, change.Payload{Slot: 3})
	laptop.approves(lost.ID)
	l.run(5*time.Second, nil)
	v := phone.core.Look(lost)
	if v.Code != api.CodeBusy || !strings.Contains(v.Reason, "another re-deal") || len(v.Waiting) != 1 || v.Waiting[0] != "tablet" {
		t.Errorf("waits for %v: %s (%s)", v.Waiting, v.Reason, v.Code)
	}
	tablet.start()
	if !l.run(5*time.Minute, l.in(1, phone, laptop)) || phone.core.GoneWords() != "" {
		t.Fatalf("it does not go on\n%s", l.logs())
	}
}
