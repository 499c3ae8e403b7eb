package keygentest_test

import (
	"testing"

	"github.com/warifu/warifu/share/keygen/keygentest"
)

func TestDeal(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ t, n int }{{2, 2}, {2, 3}, {3, 5}, {5, 9}} {
		entry, shares := keygentest.Deal(t, c.t, c.n, 1)
		if err := entry.Verify(); err != nil {
			t.Errorf("%d of %d: %v", c.t, c.n, err)
		}
		if len(shares) != c.n || len(shares[1]) != 2 {
			t.Errorf("%d of %d: shares of %d devices", c.t, c.n, len(shares))
		}
		again, _ := keygentest.Deal(t, c.t, c.n, 1)
		if again.Record.Hash() != entry.Record.Hash() {
			t.Errorf("%d of %d: one seed gives two circles", c.t, c.n)
		}
	}
}
