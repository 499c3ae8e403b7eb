package refresh_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/internal/sharetest"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/share/sign"
	"github.com/warifu/warifu/wire"
)

// redeal replaces what the dealer in slot deals on its way to the devices for
// which to says so.
func (l *lab) redeal(slot wire.Slot, body []byte, to func(wire.Slot) bool) {
	l.tamper = func(f wire.Frame, receiver wire.Slot) []wire.Frame {
		s := refresh.StatementIn(f)
		if s.Slot != slot || s.Kind != refresh.Deal || !to(receiver) {
			return []wire.Frame{f}
		}
		s.Body = body
		return []wire.Frame{s.Frame(l.p, f.From, l.circle.identity[slot])}
	}
}

func everybody(wire.Slot) bool { return true }

// wrongDealer starts p with a dealer whose own machine believes in what it
// deals: its state says so before anybody hears of it.
func wrongDealer(c *circle, p refresh.Proposal, dealer wire.Slot, deal func(m *refresh.Machine) []byte) *lab {
	c.t.Helper()
	l := newLab(c, p, dealer)
	body := deal(l.machines[dealer])
	state := refresh.EditState(l.states[dealer], func(s *refresh.StateFields) {
		for i := range s.Words {
			if s.Words[i].Kind == refresh.Deal && s.Words[i].Slot == dealer {
				s.Words[i] = refresh.Statement{Kind: refresh.Deal, Slot: dealer, Body: body}.Signed(p, c.identity[dealer])
			}
		}
	})
	m, effects, err := refresh.Resume(c.config(p, dealer), state)
	if err != nil {
		c.t.Fatal(err)
	}
	l.queue, l.machines[dealer] = nil, m
	l.apply(dealer, effects)
	return l
}

// wantReturned checks that the given devices went back, forgot their new
// shares, and suspect exactly the given device, if any.
func (l *lab) wantReturned(suspect wire.Slot, why string, at ...wire.Slot) {
	l.t.Helper()
	for _, slot := range at {
		m := l.machines[slot]
		if m.Phase() != refresh.Returned || !l.dropped[slot] || l.erased[slot] || !l.done[slot] {
			l.t.Errorf("device %d: %v, discarded %t, erased %t", slot, m.Phase(), l.dropped[slot], l.erased[slot])
		}
		if _, ok := m.Shares(); ok || len(refresh.ReadState(l.states[slot]).Shares) > 0 {
			l.t.Errorf("device %d still has shares of a dead attempt", slot)
		}
		if _, ok := m.Entry(); ok {
			l.t.Errorf("device %d has a certificate", slot)
		}
		got := m.Suspects()
		if suspect != 0 && (len(got) != 1 || got[suspect] != why) || suspect == 0 && len(got) > 0 {
			l.t.Errorf("device %d suspects %v, want %d: %q", slot, got, suspect, why)
		}
	}
}

// TestDealerLies has device 3 deal what it should not, in every way that is
// consistent in itself. The others name it and go back; the next attempt
// without it as a dealer succeeds.
func TestDealerLies(t *testing.T) {
	t.Parallel()
	// A dealer with another share: the parent share of another device.
	tests := []struct {
		name string
		why  string
		deal func(c *circle, m *refresh.Machine) []byte
	}{
		{"another-share", "the commitments are not those of this dealer's share", func(c *circle, m *refresh.Machine) []byte {
			return m.DealAnything(c.shares[1], 2, c.rng, nil)
		}},
		{"degree-too-high", "dealt in the wrong length", func(c *circle, m *refresh.Machine) []byte {
			return m.DealAnything(c.shares[3], 3, c.rng, nil)
		}},
		{"degree-too-low", "dealt in the wrong length", func(c *circle, m *refresh.Machine) []byte {
			return m.DealAnything(c.shares[3], 1, c.rng, nil)
		}},
		{"bad-parts-to-all", "sealed a sub-share that does not fit", func(c *circle, m *refresh.Machine) []byte {
			return m.DealAnything(c.shares[3], 2, c.rng, func(to wire.Slot, plain []byte) { plain[40] ^= 1 })
		}},
		{"parts-not-canonical", "sealed a sub-share that does not fit", func(c *circle, m *refresh.Machine) []byte {
			return m.DealAnything(c.shares[3], 2, c.rng, func(to wire.Slot, plain []byte) {
				for i := range 32 {
					plain[i] = 0xff
				}
			})
		}},
		{"garbage-to-all", "sealed a sub-share that does not fit", func(c *circle, m *refresh.Machine) []byte {
			d := refresh.ParseDealing(m.Proposal(), c.parent, m.DealAnything(c.shares[3], 2, c.rng, nil))
			for _, b := range d.Sealed {
				c.rng.Read(b)
			}
			return d.Bytes()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newCircle(t, 2, 3, 5)
			p := c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(1, 3)})
			l := newLab(c, p)
			l.redeal(3, tt.deal(c, l.machines[3]), everybody)
			l.run()
			l.wantReturned(3, tt.why, 1, 2)

			l = newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(1, 2)}))
			l.run()
			l.wantRetired()
		})
	}
}

// TestBadPartForOne seals a wrong part to device 1 alone. Only device 1 can
// know: it complains, and the others show that as what it is, a claim.
func TestBadPartForOne(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 6)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(2, 3)}))
	l.redeal(3, l.machines[3].DealAnything(c.shares[3], 2, c.rng, func(to wire.Slot, plain []byte) {
		if to == 1 {
			plain[0] ^= 1
		}
	}), everybody)
	l.run()
	l.wantReturned(3, "sealed a sub-share that does not fit", 1)
	l.wantReturned(0, "", 2)
	want := refresh.Complaint{By: 1, Against: 3}
	for _, slot := range slots(1, 2) {
		if got := l.machines[slot].Complaints(); len(got) != 1 || got[0] != want {
			t.Errorf("device %d knows complaints %v, want %v", slot, got, want)
		}
	}
}

// TestSplitDealing has device 3 deal one thing to device 1 and another to
// device 2. Each is right in itself; neither record comes into force, and before
// the two have given up they hold the evidence.
func TestSplitDealing(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 7)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(1, 3)}))
	l.redeal(3, l.machines[3].DealAnything(c.shares[3], 2, c.rng, nil), func(to wire.Slot) bool { return to == 2 })
	tamper := l.tamper
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if f.From != 3 {
			return []wire.Frame{f} // what others show of it stays what it is
		}
		return tamper(f, to)
	}
	l.run()
	l.wantReturned(3, "said two different things", 1, 2)

	a, b := l.machines[1], l.machines[2]
	one, _ := a.Said(refresh.Deal, 3)
	two, _ := b.Said(refresh.Deal, 3)
	if bytes.Equal(one.Body, two.Body) {
		t.Fatal("the two saw one dealing")
	}
	if len(a.Evidence()) != 1 || len(b.Evidence()) != 1 {
		t.Errorf("evidence %v and %v", a.Evidence(), b.Evidence())
	}
	// A device that comes late is shown both.
	m, _, err := refresh.New(c.config(l.p, 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []refresh.Statement{one, two} {
		if _, err := m.Deliver(s.Frame(l.p, 1, c.identity[3])); err != nil {
			t.Fatal(err)
		}
	}
	e := m.Evidence()
	if len(e) != 1 || e[0].Slot != 3 || len(m.Suspects()) != 1 || m.Suspects()[3] == "" {
		t.Errorf("evidence %v, suspects %v", e, m.Suspects())
	}
	if m.Phase() != refresh.Aborted {
		t.Errorf("a device that saw both is %v", m.Phase())
	}
}

// TestReadyForSomethingElse has device 3 say ready for a record that nobody
// dealt. The others go back and find nothing that proves it, but know whom they
// disagree with.
func TestReadyForSomethingElse(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 7)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	l.tamper = func(f wire.Frame, _ wire.Slot) []wire.Frame {
		s := refresh.StatementIn(f)
		if f.From != 3 || s.Slot != 3 || s.Kind != refresh.Ready {
			return []wire.Frame{f}
		}
		s.Body[0] ^= 1
		return []wire.Frame{s.Frame(l.p, 3, c.identity[3])}
	}
	l.run()
	l.wantReturned(0, "", 1, 2)
	for _, slot := range slots(1, 2) {
		if got := l.machines[slot].Apart(); !slices.Equal(got, slots(3)) {
			t.Errorf("device %d disagrees with %v", slot, got)
		}
	}
}

// TestSilentDealer names whom everybody waits for, and time ends it.
func TestSilentDealer(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 8)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(1, 3)}), 1, 2)
	l.run()
	for _, slot := range slots(1, 2) {
		if w := l.machines[slot].Waiting(); len(w) != 1 || w[0] != 3 {
			t.Errorf("device %d waits for %v", slot, w)
		}
	}
	effects, err := l.machines[2].Abort()
	if err != nil {
		t.Fatal(err)
	}
	l.apply(2, effects)
	l.pump()
	l.wantReturned(0, "", 1, 2)
}

// TestSplitVotes is the attack on the last acknowledgement (Kudelski and ING on
// GG18) against locks: device 3 commits and locks towards device 1, and aborts
// towards device 2. Device 1 may lock and must not erase; device 2 goes back;
// nobody has lost anything, and the lie is shown to anybody.
func TestSplitVotes(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 9)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		s := refresh.StatementIn(f)
		if s.Kind == refresh.Commit && s.Slot == 3 && to == 2 {
			s.Kind, s.Body = refresh.Abort, refresh.PlainAbort
			return []wire.Frame{s.Frame(l.p, 3, c.identity[3])}
		}
		if s.Kind == refresh.Lock && to == 2 || s.Kind == refresh.Abort && to != 2 {
			return nil // the liar also sits on the wire
		}
		return []wire.Frame{f}
	}
	l.run()
	one, two := l.machines[1], l.machines[2]
	if one.Phase() != refresh.Locked || l.erased[1] {
		t.Fatalf("device 1 is %v, erased %t", one.Phase(), l.erased[1])
	}
	effects, err := two.Abort() // the flip, because of device 3's abort
	if err != nil {
		t.Fatal(err)
	}
	l.apply(2, effects)
	l.pump()
	l.wantReturned(0, "", 2)
	if _, err := one.Abort(); err == nil || one.Phase() != refresh.Locked {
		t.Error("a locked device went back")
	}
	if _, err := one.Presence(); err == nil {
		t.Error("the owner could retire without a member")
	}

	// The wire is repaired. The lie comes out, and nothing is erased.
	l.tamper = nil
	l.resend()
	if l.erased[1] || l.erased[2] {
		t.Error("a parent share was erased")
	}
	e := one.Evidence()
	if len(e) == 0 || e[0].Slot != 3 {
		t.Fatalf("evidence %v", e)
	}
	if err := e[0].Verify(l.p, c.parent); err != nil {
		t.Error(err)
	}
	for name, forged := range map[string]refresh.Contradiction{
		"another device": {Slot: 1, First: e[0].First, Then: e[0].Then},
		"one statement":  {Slot: 3, First: e[0].First, Then: e[0].First},
		"no statement":   {Slot: 3, First: e[0].First},
		"bad signature":  {Slot: 3, First: e[0].First, Then: append(bytes.Clone(e[0].Then[:len(e[0].Then)-1]), 0)},
	} {
		if forged.Verify(l.p, c.parent) == nil {
			t.Errorf("evidence with %s verifies", name)
		}
	}
	if len(one.Suspects()) != 1 || len(two.Suspects()) > 1 {
		t.Errorf("suspects %v and %v", one.Suspects(), two.Suspects())
	}
	// Old shares of the honest devices are enough for a new attempt.
	for _, a := range c.parent.Accounts {
		if c.rebuild(a, c.shares, slots(1, 2)) != c.key[a.Name] {
			t.Error("the key is lost")
		}
	}
}

// TestGarbageForSleeper seals garbage for a device that sleeps. It finds out
// when it wakes and says so; nobody erases until the owner decides, and the
// next re-deal takes the sleeper along.
func TestGarbageForSleeper(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 10)
	l := wrongDealer(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3)}), 2, func(m *refresh.Machine) []byte {
		return m.DealAnything(c.shares[2], 2, c.rng, func(to wire.Slot, plain []byte) {
			if to == 3 {
				clear(plain)
			}
		})
	})
	l.start(1)
	l.resend()
	l.run()
	for _, slot := range slots(1, 2) {
		if p := l.machines[slot].Phase(); p != refresh.Locked {
			t.Fatalf("device %d is %v", slot, p)
		}
	}
	l.start(3)
	l.resend()
	m := l.machines[3]
	if m.Phase() != refresh.Dealing || m.Suspects()[2] == "" {
		t.Fatalf("the sleeper is %v and suspects %v", m.Phase(), m.Suspects())
	}
	want := refresh.Complaint{By: 3, Against: 2}
	if got := l.machines[1].Complaints(); len(got) != 1 || got[0] != want || l.erased[1] {
		t.Errorf("device 1 knows of %v, erased %t", got, l.erased[1])
	}
	entry, ok := l.machines[1].Entry()
	if !ok || !l.machines[1].Settled() {
		t.Fatal("the epoch is not settled")
	}
	shares := map[wire.Slot]map[string]secret.Key{}
	for _, slot := range slots(1, 2) {
		shares[slot], _ = l.machines[slot].Shares()
	}
	c.adopt(entry, shares)
	l = newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	l.run()
	l.wantRetired()
}

// TestPresence lets the owner retire without a sleeper that stays away, and
// nobody else: not before all members have locked.
func TestPresence(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 11)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3)}), 1, 2)
	if _, err := l.machines[1].Presence(); err == nil {
		t.Error("the owner could retire at the start")
	}
	l.run()
	for _, slot := range slots(1, 2) {
		m := l.machines[slot]
		if m.Phase() != refresh.Locked || !m.Settled() || l.erased[slot] || len(m.Waiting()) != 1 || m.Waiting()[0] != 3 {
			t.Fatalf("device %d: %v, settled %t, erased %t, waits for %v", slot, m.Phase(), m.Settled(), l.erased[slot], m.Waiting())
		}
	}
	effects, err := l.machines[1].Presence()
	if err != nil {
		t.Fatal(err)
	}
	l.apply(1, effects)
	if !l.erased[1] || l.erased[2] {
		t.Errorf("erased: %v", l.erased)
	}
	// The sleeper wakes at last, hears it all from the device that is left,
	// and even the one that retired is none the wiser.
	l.start(3)
	l.resend()
	for _, slot := range slots(1, 2, 3) {
		if !l.erased[slot] {
			t.Errorf("device %d has not erased: %v", slot, l.machines[slot].Phase())
		}
	}
}

// TestCommitsOutrankAborts shows a sleeper the commits of all members and an
// abort of one of them: it adopts, for an honest member may have locked.
func TestCommitsOutrankAborts(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 12)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3)}), 1, 2)
	l.run()
	m, _, err := refresh.New(c.config(l.p, 3))
	if err != nil {
		t.Fatal(err)
	}
	l.machines[3] = m
	tell := func(slot wire.Slot, k refresh.Kind) {
		if s, ok := l.machines[1].Said(k, slot); ok {
			l.deliver(3, s.Frame(l.p, slot, c.identity[slot]))
		}
	}
	tell(1, refresh.Lock) // carries all commits
	l.deliver(3, refresh.Statement{Kind: refresh.Abort, Slot: 2, Body: refresh.PlainAbort}.Frame(l.p, 2, c.identity[2]))
	for _, k := range []refresh.Kind{refresh.Deal, refresh.Ready} {
		tell(1, k)
		tell(2, k)
	}
	if m.Phase() != refresh.Locked {
		t.Errorf("the sleeper is %v", m.Phase())
	}
	if len(m.Evidence()) == 0 || m.Evidence()[0].Slot != 2 {
		t.Errorf("evidence %v", m.Evidence())
	}
}

// TestRestored sets a device back to an older state of its disk. Shown its own
// vote it stops for good, and the others are not held up: they wait for it, or
// go back, but never with it.
func TestRestored(t *testing.T) {
	t.Parallel()
	for _, k := range []refresh.Kind{refresh.Ready, refresh.Commit, refresh.Lock} {
		c := newCircle(t, 2, 3, 13)
		l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
		backup := bytes.Clone(l.states[1]) // it has dealt
		l.run()
		m, _, err := refresh.Resume(c.config(l.p, 1), backup)
		if err != nil {
			t.Fatal(err)
		}
		own, ok := l.machines[2].Said(k, 1)
		if !ok {
			t.Fatal("no vote to show")
		}
		effects, err := m.Deliver(own.Frame(l.p, 2, c.identity[1]))
		if !errors.Is(err, refresh.ErrRolledBack) || len(effects) != 1 || m.Phase() != refresh.RolledBack {
			t.Fatalf("kind %v: error %v, %d effects, %v", k, err, len(effects), m.Phase())
		}
		if _, err := m.Abort(); err == nil {
			t.Error("a device that was set back votes")
		}
		entry, certified := l.machines[2].Entry()
		behind, _, err := refresh.Resume(c.config(l.p, 1), backup)
		if err != nil || !certified {
			t.Fatal(err, certified)
		}
		if effects, err := behind.Certified(entry); !errors.Is(err, refresh.ErrRolledBack) || len(effects) != 1 || behind.Phase() != refresh.RolledBack {
			t.Errorf("shown the certificate with its own commit: error %v, %d effects, %v", err, len(effects), behind.Phase())
		}
		again, _, err := refresh.Resume(c.config(l.p, 1), m.State())
		if err != nil || again.Phase() != refresh.RolledBack {
			t.Errorf("after a restart: %v, error %v", again.Phase(), err)
		}
	}
}

// TestRestoredTooLate shows a vote of its own, which it does not remember, to a
// device for which the attempt is over: it stays over, and whoever brings the
// vote has done nothing wrong.
func TestRestoredTooLate(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 13)
	p := c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)})
	l := newLab(c, p, 1)
	m := l.machines[1]
	for range 2 {
		effects, err := m.Abort()
		if err != nil {
			t.Fatal(err)
		}
		l.apply(1, effects)
	}
	own := refresh.Statement{Kind: refresh.Commit, Slot: 1, Body: make([]byte, 32)}
	effects, err := m.Deliver(own.Frame(p, 2, c.identity[1]))
	if err != nil || len(effects) != 0 || m.Phase() != refresh.Returned || len(m.Suspects()) != 0 {
		t.Errorf("error %v, %d effects, %v, suspects %v", err, len(effects), m.Phase(), m.Suspects())
	}
}

// TestOwnBoxKey takes the box key of device 1 away. It cannot open anything
// and aborts, and names nobody but itself.
func TestOwnBoxKey(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 14)
	c.box[1] = c.box[3]
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2), sleepers: slots(3)}))
	l.run()
	l.wantReturned(1, "cannot open what is sealed to it", 1)
	l.wantReturned(0, "", 2)
	if len(l.machines[2].Complaints()) > 0 {
		t.Errorf("complaints %v", l.machines[2].Complaints())
	}
}

// TestLockedKeystore has the keystore of device 1 refuse: nobody's fault.
func TestLockedKeystore(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 2, 15)
	p := c.propose(plan{kind: roster.Refresh, members: slots(1, 2)})
	l := newLab(c, p, 2)
	cfg := c.config(p, 1)
	cfg.Open = func(enc, info, data, ct []byte) ([]byte, error) { return nil, errors.New("keystore is locked") }
	m, effects, err := refresh.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l.machines[1] = m
	l.apply(1, effects)
	l.resend()
	l.wantReturned(0, "", 1, 2)
}

// TestOldShares tries to sign in the new epoch with a share of the old one, and
// in the old epoch with a new one.
func TestOldShares(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 16)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	l.run()
	entry, young := l.wantRetired()
	for _, tt := range []struct {
		rec   roster.Record
		share secret.Key
	}{{entry.Record, c.shares[1][roster.Ethereum]}, {c.parent, young[1][roster.Ethereum]}} {
		cfg := sign.Config{
			Proposal: sharetest.Proposal(t, c.rng, tt.rec, roster.Ethereum, nil, make([]byte, 32), 1, 2),
			Record:   tt.rec, Self: 1, Share: tt.share, Rand: c.rng,
		}
		if _, _, err := sign.New(cfg); err == nil {
			t.Errorf("device 1 signs in epoch %d with a share of another", tt.rec.Epoch)
		}
	}
}
