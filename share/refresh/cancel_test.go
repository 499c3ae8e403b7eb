package refresh_test

import (
	"slices"
	"testing"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
)

// TestDealerCancels has device 3 wait for what device 1 deals, and deal the
// negative of it above the constant term. Each dealing is good by itself, and
// their sum is no sharing. Nobody can seal parts that fit such a dealing: the
// others name the dealer, and not each other for giving up.
func TestDealerCancels(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, 3, 5)
	l := newLab(c, c.propose(plan{kind: roster.Refresh, members: slots(1, 2, 3), dealers: slots(1, 3)}))
	first, _ := l.machines[1].Said(refresh.Deal, 1)
	other := refresh.ParseDealing(l.p, c.parent, first.Body)
	own := refresh.ParseDealing(l.p, c.parent, l.machines[3].DealAnything(c.shares[3], 2, c.rng, nil))
	for a, acc := range c.parent.Accounts {
		own.Commitments[a][1] = refresh.Cancel(acc.Suite, l.p.Dealers, 3, other.Commitments[a][1])
	}
	l.redeal(3, own.Bytes(), everybody)
	l.run()
	l.wantReturned(3, "sealed a sub-share that does not fit", 1, 2)
	for _, slot := range slots(1, 2) {
		if got := l.machines[slot].Complaints(); !slices.Contains(got, refresh.Complaint{By: slot, Against: 3}) {
			t.Errorf("device %d knows complaints %v", slot, got)
		}
	}
}
