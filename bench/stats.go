package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"
)

// cpuTime is the processor time that this process has used so far, which other
// processes on a busy machine do not add to.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // only for a bad argument
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// load is the load average of the last minute, or "?" where there is no /proc.
func load() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "?"
	}
	one, _, _ := strings.Cut(string(b), " ")
	return one
}

// A sample is repeated measurements of one figure.
type sample []float64

func (s sample) sorted() sample {
	s = slices.Clone(s)
	slices.Sort(s)
	return s
}

// quantile returns the smallest measurement that at least the part q of all
// does not exceed.
func (s sample) quantile(q float64) float64 {
	i := int(q*float64(len(s))+0.999999) - 1
	return s.sorted()[min(max(i, 0), len(s)-1)]
}

func (s sample) median() float64 {
	t := s.sorted()
	if n := len(t); n%2 == 0 {
		return (t[n/2-1] + t[n/2]) / 2
	}
	return t[len(t)/2]
}

func (s sample) min() float64 { return slices.Min(s) }
func (s sample) max() float64 { return slices.Max(s) }

// over returns the ratios of measurements that were made in pairs.
func (s sample) over(t sample) sample {
	out := make(sample, len(s))
	for i := range s {
		out[i] = s[i] / t[i]
	}
	return out
}

func (s sample) String() string {
	if len(s) == 0 {
		return "-"
	}
	if s.min() == s.max() {
		return number(s.min())
	}
	return fmt.Sprintf("%s [%s, %s]", number(s.median()), number(s.min()), number(s.max()))
}

// number prints three significant digits, and all digits before the point.
func number(x float64) string {
	switch {
	case x >= 100 || x == 0:
		return fmt.Sprintf("%.0f", x)
	case x >= 10:
		return fmt.Sprintf("%.1f", x)
	case x >= 1:
		return fmt.Sprintf("%.2f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
