package sign_test

import (
	"syscall"
	"testing"
	"time"
)

// cpuTime is the processor time that this process has used, which other
// processes on a busy machine do not add to.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkSign(b *testing.B, threshold, n int) {
	circle := newCircle(b, threshold, n, 1)
	p := circle.proposal(b, 0, 0)
	var sent int
	start := cpuTime(b)
	for b.Loop() {
		p.Nonce = random32(circle.rng)
		r := circle.start(b, p)
		r.finish()
		r.wantSignature(p)
		sent = r.bytes
	}
	parties := float64(threshold)
	ms := float64(cpuTime(b)-start) / float64(time.Millisecond)
	b.ReportMetric(ms/float64(b.N)/parties, "cpu-ms/party")
	b.ReportMetric(float64(sent)/parties, "sent-B/party")
	b.ReportMetric(5, "rounds")
}

func BenchmarkSign2of3(b *testing.B) { benchmarkSign(b, 2, 3) }
func BenchmarkSign3of5(b *testing.B) { benchmarkSign(b, 3, 5) }
func BenchmarkSign5of9(b *testing.B) { benchmarkSign(b, 5, 9) }
