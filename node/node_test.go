package node

import (
	"bytes"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

func TestFoundAndSignWithEveryPair(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 1)
	l.found(2, 3)
	for i, a := range l.devices {
		for _, b := range l.devices[i+1:] {
			r := a.ask(a.name + " and " + b.name)
			b.approves(r.id)
			if !l.run(time.Minute, func() bool {
				return l.devices[0].signed(r.id) && l.devices[1].signed(r.id) && l.devices[2].signed(r.id)
			}) {
				t.Fatalf("%s and %s do not sign\n%s", a.name, b.name, l.logs())
			}
			sig := bytes.Clone(r.result.Signature)
			sig[64] -= 27
			key, err := crypto.SigToPub(accounts.TextHash([]byte(a.name+" and "+b.name)), sig)
			if err != nil || crypto.PubkeyToAddress(*key) != r.context.Address {
				t.Fatalf("signature does not verify: %v", err)
			}
		}
	}
}

func TestOneAloneCannotSign(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 2)
	l.found(2, 3)
	phone := l.devices[0]
	l.devices[1].kill()
	l.devices[2].kill()
	r := phone.ask("alone")
	if l.run(2*time.Minute, func() bool { return phone.signed(r.id) }) {
		t.Fatal("one device signed alone")
	}
	if names, why := phone.core.waitingFor(r); len(names) != 2 || why == "" {
		t.Errorf("waits for %v: %q", names, why)
	}
	if r.live != nil || r.meta.Released {
		t.Error("a session was opened")
	}
}

func TestDenialClosesEverywhere(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 3)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := phone.ask("deny me")
	l.run(2*time.Second, nil)
	tablet.core.now = l.now
	if err := tablet.core.deny(tablet.request(r.id)); err != nil {
		t.Fatal(err)
	}
	l.run(2*time.Second, nil)
	for _, d := range l.devices {
		if s := d.request(r.id).state(); s != api.StateDenied {
			t.Errorf("%s: %s", d.name, s)
		}
	}
	if err := laptop.core.approve(laptop.request(r.id), false); api.CodeOf(err) != api.CodeRequestClosed {
		t.Errorf("approval of a denied request: %v", err)
	}
}

func TestKilledSignerIsReplaced(t *testing.T) {
	t.Parallel()
	for _, kind := range []lossKind{{"reset", true}, {"silent", false}} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 4)
			l.found(2, 3)
			phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
			r := phone.ask("survive")
			laptop.approves(r.id)
			if !l.run(time.Minute, func() bool { return phone.request(r.id).live != nil }) {
				t.Fatal("no session")
			}
			if kind.reset {
				laptop.kill()
			} else {
				laptop.core = nil // the connection stays, and nobody answers
			}
			l.run(time.Second, nil)
			tablet.approves(r.id)
			start := l.now
			if !l.run(time.Minute, func() bool { return phone.signed(r.id) && tablet.signed(r.id) }) {
				t.Fatalf("not signed with the other device\n%s", l.logs())
			}
			if took := l.now.Sub(start); took > 11*time.Second {
				t.Errorf("took %v", took)
			}
			laptop.journal = laptop.journal.Restart()
			clear(laptop.linked)
			for _, d := range l.devices {
				delete(d.linked, laptop)
			}
			laptop.start()
			if !l.run(time.Minute, func() bool { return laptop.signed(r.id) }) {
				t.Errorf("the restarted device does not learn the receipt\n%s", l.logs())
			}
		})
	}
}

type lossKind struct {
	name  string
	reset bool
}

func TestSignsOverABadNetwork(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		l := newLab(t, 3, 100+seed)
		l.found(2, 3)
		l.lossy = true
		r := l.devices[seed%3].ask("through noise")
		l.devices[(seed+1)%3].approves(r.id)
		if !l.run(10*time.Minute, func() bool { return l.devices[seed%3].signed(r.id) }) {
			t.Fatalf("seed %d: not signed\n%s", seed, l.logs())
		}
	}
}

func TestSSHAccountSigns(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 5)
	l.found(2, 3)
	a, b := l.devices[2], l.devices[0]
	a.core.now = l.now
	r, err := a.core.ask(intent.Input{Kind: intent.SSHFile, Namespace: "file", FileName: "x", FileSize: 3, FileHash: [64]byte{1}}, roster.SSH, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b.approves(r.id)
	if !l.run(time.Minute, func() bool { return a.signed(r.id) && b.signed(r.id) }) {
		t.Fatalf("not signed\n%s", l.logs())
	}
}

func TestRestartKeepsRequestsAndApprovals(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 6)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	l.devices[2].kill()
	laptop.kill()
	r := phone.ask("later")
	phone.kill()
	phone.start()
	if got := phone.request(r.id); got == nil || got.state() != api.StatePending || len(got.approved) != 1 {
		t.Fatal("the request or its approval is gone")
	}
	laptop.start()
	laptop.approves(r.id)
	if !l.run(time.Minute, func() bool { return phone.signed(r.id) && laptop.signed(r.id) }) {
		t.Fatalf("not signed after the restart\n%s", l.logs())
	}
	phone.kill()
	phone.start()
	if !phone.signed(r.id) {
		t.Error("the receipt is gone")
	}
}

func TestExpiredIsClosed(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 7)
	l.found(2, 2)
	r := l.devices[0].ask("old")
	l.run(2*time.Second, nil)
	l.now = l.now.Add(2 * time.Hour)
	l.run(2*time.Second, nil)
	for _, d := range l.devices {
		if s := d.request(r.id).state(); s != api.StateExpired {
			t.Errorf("%s: %s", d.name, s)
		}
	}
	l.now = l.now.Add(-2 * time.Hour)
	l.devices[1].kill()
	l.devices[1].start()
	if s := l.devices[1].request(r.id).state(); s != api.StateExpired {
		t.Errorf("a clock set back reopened it: %s", s)
	}
}
