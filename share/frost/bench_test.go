package frost_test

import (
	"fmt"
	"testing"

	"github.com/warifu/warifu/wire"
)

// BenchmarkSignature measures one signature from the first draw to the last
// verification: the time is the sum over all signers, as one core needs it.
func BenchmarkSignature(b *testing.B) {
	for _, shape := range []struct{ t, n int }{{2, 3}, {3, 5}, {5, 9}} {
		b.Run(fmt.Sprintf("%d-of-%d", shape.t, shape.n), func(b *testing.B) {
			rng := source(benchSeed)
			var members []wire.Slot
			for i := range shape.n {
				members = append(members, wire.Slot(i+1))
			}
			c := found(b, rng, shape.t, members, members[:shape.t])
			sent := 0
			for b.Loop() {
				net := begin(b, rng, c)
				net.run(b)
				if len(net.done) != shape.t {
					b.Fatalf("%d of %d signed", len(net.done), shape.t)
				}
				sent = 0
				for _, f := range net.sent[members[0]] {
					sent += len(f.Append(nil)) * (shape.t - 1)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*shape.t), "ns/party")
			b.ReportMetric(float64(sent), "B/party")
		})
	}
}
