package refresh_test

import (
	"testing"

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
