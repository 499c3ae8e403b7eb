package keygen_test

import (
	"fmt"
	"testing"

	"github.com/warifu/warifu/share/keygen/keygentest"
)

// BenchmarkFound measures a whole founding, the work of all its devices one
// after the other. Divide by n for what one of them computes.
func BenchmarkFound(b *testing.B) {
	for _, c := range []struct{ t, n int }{{2, 3}, {3, 5}, {5, 9}} {
		b.Run(fmt.Sprintf("%d-of-%d", c.t, c.n), func(b *testing.B) {
			for i := range b.N {
				keygentest.Deal(b, c.t, c.n, uint64(i))
			}
		})
	}
}
