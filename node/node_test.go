package node

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum/accounts"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

func TestFoundAndSignWithEveryPair(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 1)
	l.found(2, 3)
	for i, a := range l.devices {
		for _, b := range l.devices[i+1:] {
			r := a.ask(a.name + " and " + b.name)
			b.approves(r.ID)
			if !l.run(time.Minute, func() bool {
				return l.devices[0].signed(r.ID) && l.devices[1].signed(r.ID) && l.devices[2].signed(r.ID)
			}) {
				t.Fatalf("%s and %s do not sign\n%s", a.name, b.name, l.logs())
			}
			sig := bytes.Clone(r.Result.Signature)
			sig[64] -= 27
			key, err := crypto.SigToPub(accounts.TextHash([]byte(a.name+" and "+b.name)), sig)
			if err != nil || crypto.PubkeyToAddress(*key) != r.Context.Address {
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
	if l.run(2*time.Minute, func() bool { return phone.signed(r.ID) }) {
		t.Fatal("one device signed alone")
	}
	if names, why := phone.core.WaitingFor(r); len(names) != 2 || why == "" {
		t.Errorf("waits for %v: %q", names, why)
	}
	if r.Live != nil || r.Meta.Released {
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
	tablet.core.Now = l.now
	if err := tablet.core.Deny(tablet.request(r.ID)); err != nil {
		t.Fatal(err)
	}
	l.run(2*time.Second, nil)
	for _, d := range l.devices {
		if s := d.request(r.ID).State(); s != api.StateDenied {
			t.Errorf("%s: %s", d.name, s)
		}
	}
	if err := laptop.core.Approve(laptop.request(r.ID), false); codeOf(err) != api.CodeRequestClosed {
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
			laptop.approves(r.ID)
			if !l.run(time.Minute, func() bool { return phone.request(r.ID).Live != nil }) {
				t.Fatal("no session")
			}
			if kind.reset {
				laptop.kill()
			} else {
				laptop.core = nil // the connection stays, and nobody answers
			}
			l.run(time.Second, nil)
			tablet.approves(r.ID)
			start := l.now
			if !l.run(time.Minute, func() bool { return phone.signed(r.ID) && tablet.signed(r.ID) }) {
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
			if !l.run(time.Minute, func() bool { return laptop.signed(r.ID) }) {
				t.Errorf("the restarted device does not learn the receipt\n%s", l.logs())
			}
		})
	}
}

// TestLifeCountsFromReceipt: each device counts the life of a request from when
// it received it itself, by its own clock. What the maker's clock said is shown
// and decides nothing, and a device that hears of it late still has all the time.
func TestLifeCountsFromReceipt(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 8)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	tablet.kill()
	var ids []wire.RequestID
	for _, off := range []time.Duration{0, -3 * 24 * time.Hour, 3 * 24 * time.Hour} {
		q := phone.ask("of its time").Request
		q.Created, q.Nonce[0] = standing.Unix(l.now.Add(off)), byte(len(ids))
		it := phone.core.SignItem(message.ItemRequest, wire.Marshal(q))
		laptop.core.Now = l.now
		if err := laptop.core.Take(it); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, message.RequestID(it.Body))
	}
	state := func(d *labDevice, want ledger.State) {
		t.Helper()
		for i, id := range ids {
			if s := d.request(id).State(); s != want {
				t.Errorf("%s calls request %d %s, want %s", d.name, i, s, want)
			}
		}
	}
	l.run(desk.RequestLifetime-10*time.Minute, nil)
	state(laptop, api.StatePending)
	tablet.start()
	l.run(5*time.Minute, nil)
	state(tablet, api.StatePending)
	l.run(10*time.Minute, nil)
	state(laptop, api.StateExpired)
	state(tablet, api.StatePending)
	tablet.kill() // the time that it is off counts, too
	l.run(20*time.Minute, nil)
	tablet.start()
	l.run(time.Second, nil)
	state(tablet, api.StatePending)
	l.run(desk.RequestLifetime-30*time.Minute, nil)
	state(tablet, api.StateExpired)
}

// TestSilentSignerIsNamed: a device that falls silent in a session is named to
// whoever waits while it is waited for, and called silent within 10 seconds of
// its last word. With the next device that approves the signature comes.
func TestSilentSignerIsNamed(t *testing.T) {
	t.Parallel()
	for round := range wire.Kind(5) {
		l := newLab(t, 3, 50)
		l.found(2, 3)
		phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
		last := l.now // when the laptop was heard last
		l.tamper = func(from, to *labDevice, b []byte) []byte {
			if from == laptop {
				if f, err := wire.ParseFrame(b); err != nil || f.Kind > round {
					if r := phone.requestOf(1); r != nil && r.Live != nil {
						return nil
					}
				}
				last = l.now
			}
			return b
		}
		r := phone.ask("who is silent?")
		laptop.approves(r.ID)
		if !l.run(time.Minute, func() bool { return r.Live != nil }) {
			t.Fatalf("after round %d: no session", round)
		}
		l.run(5*time.Second, nil)
		if v := phone.core.Look(r); !slices.Equal(v.Waiting, []string{"laptop"}) || v.Reason != "no answer yet" || !v.Stalls {
			t.Errorf("after round %d: five seconds later it waits for %q: %s", round, v.Waiting, v.Reason)
		}
		if !l.run(time.Minute, func() bool { return strings.Contains(r.Trouble, "laptop did not answer") }) {
			t.Fatalf("after round %d: the laptop is never named, but %q", round, r.Trouble)
		}
		if v := phone.core.Look(r); !slices.Equal(v.Waiting, []string{"laptop"}) || v.Reason != "trying again: laptop did not answer; or approve on tablet" {
			t.Errorf("after round %d: then it waits for %q: %s", round, v.Waiting, v.Reason)
		}
		if after := l.now.Sub(last); after > 10*time.Second {
			t.Errorf("after round %d: the laptop is named %v after its last word", round, after)
		}
		tablet.approves(r.ID)
		asked := l.now
		if !l.run(time.Minute, func() bool { return phone.signed(r.ID) }) || l.now.Sub(asked) > 2*time.Second {
			t.Errorf("after round %d: the tablet does not take its place at once, but after %v", round, l.now.Sub(asked))
		}
		if got := r.Receipt.Signers; !slices.Equal(got, []uint16{1, 3}) {
			t.Errorf("after round %d: signed by %v", round, got)
		}
	}
}

// requestOf is the one request of the device in slot that d holds, if it holds
// one.
func (d *labDevice) requestOf(slot wire.Slot) *ledger.Request {
	for _, r := range d.core.Requests {
		if r.From() == slot {
			return r
		}
	}
	return nil
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
		l.devices[(seed+1)%3].approves(r.ID)
		if !l.run(10*time.Minute, func() bool { return l.devices[seed%3].signed(r.ID) }) {
			t.Fatalf("seed %d: not signed\n%s", seed, l.logs())
		}
	}
}

func TestSSHAccountSigns(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 5)
	l.found(2, 3)
	a, b := l.devices[2], l.devices[0]
	a.core.Now = l.now
	r, err := a.core.Ask(intent.Input{Kind: intent.SSHFile, Namespace: "file", FileName: "x", FileSize: 3, FileHash: [64]byte{1}}, roster.SSH, nil, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b.approves(r.ID)
	if !l.run(time.Minute, func() bool { return a.signed(r.ID) && b.signed(r.ID) }) {
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
	if got := phone.request(r.ID); got == nil || got.State() != api.StatePending || len(got.Approved) != 1 {
		t.Fatal("the request or its approval is gone")
	}
	laptop.start()
	laptop.approves(r.ID)
	if !l.run(time.Minute, func() bool { return phone.signed(r.ID) && laptop.signed(r.ID) }) {
		t.Fatalf("not signed after the restart\n%s", l.logs())
	}
	phone.kill()
	phone.start()
	if !phone.signed(r.ID) {
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
		if s := d.request(r.ID).State(); s != api.StateExpired {
			t.Errorf("%s: %s", d.name, s)
		}
	}
	l.now = l.now.Add(-2 * time.Hour)
	l.devices[1].kill()
	l.devices[1].start()
	if s := l.devices[1].request(r.ID).State(); s != api.StateExpired {
		t.Errorf("a clock set back reopened it: %s", s)
	}
}
