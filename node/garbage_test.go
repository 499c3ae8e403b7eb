package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// dealsWrong takes part in a re-deal as a device that changes its own dealing
// before anybody sees it, itself included.
func (d *labDevice) dealsWrong(m message.Redeal, edit func(p refresh.Proposal, body []byte)) {
	t, c := d.lab.t, d.core
	t.Helper()
	p, err := refresh.ParseProposal(m.Proposal)
	if err != nil {
		t.Fatal(err)
	}
	parent, self := c.Circle.Head().Record, c.Circle.Slot
	cfg := c.RedealConfig(p, parent, self)
	cfg.Shares = map[string]secret.Key{}
	for _, acc := range parent.Accounts {
		k, err := c.LoadShare(acc.Name)
		if err != nil {
			t.Fatal(err)
		}
		cfg.Shares[acc.Name] = k
	}
	_, effects, err := refresh.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var s simState
	if err := wire.Unmarshal(effects[0].(session.Persist).State, &s); err != nil {
		t.Fatal(err)
	}
	for i := range s.Words {
		if w := &s.Words[i]; w.Kind == simDeal && w.Slot == self {
			edit(p, w.Body)
			h := wire.Sum("refresh/statement", s.Attempt[:], []byte{simDeal}, wire.U16(self), w.Body)
			w.Sig = c.Self.Sign(h[:])
		}
	}
	a := &redeal.Attempt{Proposal: p, Discovery: m.Discovery, Request: m.Request, Grounds: m.Grounds, Addrs: c.Circle.Addrs}
	machine, effects, err := refresh.Resume(c.RedealConfig(p, parent, self), wire.Marshal(s))
	if err != nil {
		t.Fatal(err)
	}
	c.Hold(a, machine)
	c.Begin(a.Live, append([]session.Effect{session.Persist{State: wire.Marshal(s)}}, effects...))
	c.RedealStep()
}

// TestGarbageForASleeper: a dealer seals garbage for a device that sleeps. When
// that one wakes it says whose part does not open, everybody's person is told,
// nobody destroys old shares, and the next re-deal takes it along.
func TestGarbageForASleeper(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 68)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	cheated := false
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		typ, body, err := message.SplitMessage(b)
		var m message.Redeal
		if cheated || to != tablet || err != nil || typ != message.MsgRedeal || wire.Unmarshal(body, &m) != nil {
			return b
		}
		cheated = true
		tablet.core.Now = l.now
		tablet.dealsWrong(m, func(p refresh.Proposal, body []byte) {
			if len(p.Sleepers) != 1 || p.Sleepers[0] != 1 {
				t.Fatalf("sleepers %v", p.Sleepers)
			}
			// Two commitments of each account, then the part of the first device.
			for i := range 32 + 2*32 + 16 {
				body[2*33+2*32+i] ^= 0x55
			}
		})
		return nil
	}
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.settled(0) && tablet.settled(0) }) || !cheated {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	phone.start()
	l.run(5*time.Minute, nil)
	if phone.core.HasShare() || codeOf(phone.core.MaySign()) != api.CodeRolledBack {
		t.Fatalf("it has a share out of garbage: %v", phone.core.MaySign())
	}
	for _, d := range l.devices {
		if !d.holdsOf(0) {
			t.Errorf("%s has destroyed its old share although the sleeper has no new one", d.name)
		}
		if got := d.warned("phone says that the share that tablet dealt to it does not fit"); len(got) != 1 {
			t.Errorf("%s does not tell of the garbage: %q", d.name, d.core.Status().Warnings)
		}
		if got := d.warned("wakes up"); got != nil {
			t.Errorf("%s waits for the phone to wake up, which it has: %q", d.name, got)
		}
		if got := d.warned("old shares are kept until phone has a share of this epoch"); d != phone && len(got) != 1 {
			t.Errorf("%s does not say what it waits for: %q", d.name, d.core.Status().Warnings)
		}
	}
	l.signsWith(laptop, tablet)
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(2*time.Minute, l.in(1, l.devices...)) {
		t.Fatalf("not dealt to again\n%s", l.logs())
	}
	if got := laptop.warned("does not fit"); got != nil {
		t.Errorf("told after it is over: %q", got)
	}
	l.signsWith(phone, tablet)
}
