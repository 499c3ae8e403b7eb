package refresh_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
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

// benchmark runs whole attempts, test signatures aside: those are the owner's
// key in the hands of the test.
func benchmark(b *testing.B, threshold, n int, p plan) {
	c := newCircle(b, threshold, n, 1)
	var sent int
	start := cpuTime(b)
	for b.Loop() {
		l := newLab(c, c.propose(p))
		l.run()
		l.wantRetired()
		sent = l.sent
	}
	devices := float64(len(p.members) + len(p.sleepers))
	ms := float64(cpuTime(b)-start) / float64(time.Millisecond)
	b.ReportMetric(ms/float64(b.N)/devices, "cpu-ms/device")
	b.ReportMetric(float64(sent)/devices, "sent-B/device")
}

// BenchmarkRedeal2of3 heals 2-of-3 after the loss of one device.
func BenchmarkRedeal2of3(b *testing.B) {
	benchmark(b, 2, 3, plan{kind: roster.Remove, members: slots(1, 2), removed: []refresh.Removal{{Slot: 3, State: roster.Stolen}}})
}

// BenchmarkRedeal3of5 heals 3-of-5 while one device sleeps.
func BenchmarkRedeal3of5(b *testing.B) {
	benchmark(b, 3, 5, plan{
		kind: roster.Remove, members: slots(1, 2, 4), sleepers: slots(5),
		removed: []refresh.Removal{{Slot: 3, State: roster.Silent}},
	})
}
