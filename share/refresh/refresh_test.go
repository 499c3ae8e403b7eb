package refresh_test

import (
	"testing"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestRefreshAndRemove goes through two re-deals with the real signing
// protocols: fresh shares for all of 2-of-3, then the removal of a device. The
// keys stay, and every pair of devices signs.
func TestRefreshAndRemove(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 1)
	chain := roster.Chain{c.founding()}

	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	l.real = true
	l.run()
	entry, shares := l.wantRetired()
	chain = append(chain, entry)
	for _, pair := range [][]wire.Slot{{1, 2}, {1, 3}, {2, 3}} {
		for _, a := range entry.Record.Accounts {
			msg := make([]byte, 32)
			c.rng.Read(msg)
			signWith(t, entry.Record, a, shares, pair, "test", msg, wire.RequestID(msg))
		}
	}

	c.adopt(entry, shares)
	l = newLab(c, c.propose(plan{kind: roster.Remove, members: slots(1, 2), removed: []refresh.Removal{{Slot: 3, State: roster.Stolen}}}))
	l.real = true
	l.run()
	entry, _ = l.wantRetired()
	chain = append(chain, entry)
	if err := chain.Verify(); err != nil {
		t.Fatal(err)
	}
	if _, in := entry.Record.Device(3); in {
		t.Error("the removed device is still in")
	}
}

// TestSleeperWakesAnyTime starts the sleeper after each number of deliveries,
// until long after the members are done. It always finds its share.
func TestSleeperWakesAnyTime(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 3, 5, 2)
	p := c.propose(plan{kind: roster.Remove, members: slots(1, 2, 4), sleepers: slots(5), removed: gone(3, roster.Silent)})
	for wake := 0; ; wake += 4 {
		l := newLab(c, p, p.Members...)
		delivered := 0
		l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
			if delivered == wake {
				l.start(5)
			}
			delivered++
			return []wire.Frame{f}
		}
		l.run()
		late := l.machines[5] == nil
		if late {
			for _, slot := range p.Members {
				if m := l.machines[slot]; m.Phase() != refresh.Locked || l.erased[slot] {
					t.Fatalf("device %d did not wait for the sleeper: %v", slot, m.Phase())
				}
			}
			l.start(5)
		}
		l.resend()
		l.resend()
		l.wantRetired()
		if late {
			return
		}
	}
}

// TestMemberGoneAfterReady documents what the protocol does not heal: a member
// whose disk burns between its ready and its commit. The others sign in the new
// epoch, in which they are enough, but wait for that commit for ever, keep their
// old shares, and cannot go back.
func TestMemberGoneAfterReady(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 3)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	l.tamper = func(f wire.Frame, to wire.Slot) []wire.Frame {
		if s := refresh.StatementIn(f); s.Slot == 3 && s.Kind == refresh.Commit {
			return nil
		}
		return []wire.Frame{f}
	}
	l.pump()
	effects, err := l.machines[1].Tested(c.testSignatures(l.machines[1]))
	if err != nil {
		t.Fatal(err)
	}
	l.apply(1, effects)
	delete(l.machines, 3)
	l.resend()
	for _, slot := range slots(1, 2) {
		m := l.machines[slot]
		if !m.InForce() || m.Settled() || l.erased[slot] {
			t.Errorf("device %d: %v, settled %t, erased %t", slot, m.Phase(), m.Settled(), l.erased[slot])
		}
		if w := m.Waiting(); len(w) != 1 || w[0] != 3 {
			t.Errorf("device %d waits for %v", slot, w)
		}
		if _, err := m.Abort(); err == nil {
			t.Errorf("device %d went back without a reason", slot)
		}
	}
}

// TestOldCopiesLive documents the other limit: copies of t shares of one old
// epoch are the key for ever, and no re-deal changes that. Fewer are nothing,
// together with whatever new shares.
func TestOldCopiesLive(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 4)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)}))
	l.run()
	_, young := l.wantRetired()
	for _, a := range c.parent.Accounts {
		for _, set := range [][]wire.Slot{{1, 2}, {1, 3}, {2, 3}} {
			if c.rebuild(a, c.shares, set) != c.key[a.Name] {
				t.Errorf("%s: two old copies %v are not the key", a.Name, set)
			}
			if c.rebuild(a, young, set) != c.key[a.Name] {
				t.Errorf("%s: two new shares %v are not the key", a.Name, set)
			}
			mixed := map[wire.Slot]map[string]secret.Key{set[0]: c.shares[set[0]], set[1]: young[set[1]]}
			if c.rebuild(a, mixed, set) == c.key[a.Name] {
				t.Errorf("%s: an old and a new share %v are the key", a.Name, set)
			}
		}
	}
}

// TestAbortedBeforeReadyEndsAlone: nobody commits without the ready of every
// member, so that a member that voted against the attempt and never said ready
// needs nobody's word to be done with it. One that said ready does.
func TestAbortedBeforeReadyEndsAlone(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 5)
	p := c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3)})
	for _, ready := range []bool{false, true} {
		l := newLab(c, p)
		if ready {
			l.pump()
		}
		m := l.machines[1]
		for range 2 {
			effects, err := m.Abort()
			if err != nil && (!ready || m.Phase() != refresh.Aborted) {
				t.Fatal(err)
			}
			l.apply(1, effects)
		}
		if (m.Phase() == refresh.Returned) == ready || l.dropped[1] == ready {
			t.Fatalf("ready %t: %v", ready, m.Phase())
		}
		again, _, err := refresh.Resume(c.config(p, 1), l.states[1])
		if err != nil || again.Phase() != m.Phase() {
			t.Fatalf("ready %t: resumes as %v: %v", ready, again, err)
		}
		// Whoever went on hears of it.
		for _, f := range m.LastWords() {
			l.deliver(2, f)
		}
		if got := l.machines[2].Phase(); !ready && got < refresh.Aborted {
			t.Errorf("another member is %v", got)
		}
	}
}
