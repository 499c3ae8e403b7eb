package timing_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// The harness is that of Reparaz, Balasch, Verbauwhede, "Dude, is my code
// constant time?" (DATE 2017). An operation runs on a fixed secret and on random
// ones, in random order; Welch's t says how likely it is that the two take a
// different time on average. The paper takes |t| > 10 for a leak, and more than
// 4.5 for a reason to look. What runs beside it on a machine only hides a leak.

// A class is of which kind a secret is.
type class int

const (
	fixed  class = iota // zero, or as few bits as are allowed
	random              // uniform
)

// welch returns Welch's t of two samples, of at least two values each.
func welch(a, b []float64) float64 {
	ma, va := moments(a)
	mb, vb := moments(b)
	return (ma - mb) / math.Sqrt(va/float64(len(a))+vb/float64(len(b)))
}

// moments returns the mean and the unbiased variance.
func moments(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v
	}
	mean /= float64(len(x))
	for _, v := range x {
		variance += (v - mean) * (v - mean)
	}
	return mean, variance / float64(len(x)-1)
}

// crop leaves out what took longer than the given part of all measurements:
// the upper tail is interrupts and other programs, and as noisy as they are.
func crop(x [2][]float64, part float64) (out [2][]float64) {
	all := slices.Sorted(slices.Values(slices.Concat(x[0], x[1])))
	limit := all[int(part*float64(len(all)-1))]
	for c := range x {
		for _, v := range x[c] {
			if v <= limit {
				out[c] = append(out[c], v)
			}
		}
	}
	return out
}

func median(x []float64) float64 { return slices.Sorted(slices.Values(x))[len(x)/2] }

// compare measures b.N/per runs of an operation and reports medians and t, of
// all runs and without the slowest tenth. Everything that depends on the class is
// made by prepare before the first run, so that caches and branches are as they
// were for the other class.
func compare(b *testing.B, per int, prepare func(class) (run func())) {
	b.Helper()
	rng := rand.New(rand.NewChaCha8([32]byte{7}))
	n := max(b.N/per, 20)
	classes := make([]class, n)
	runs := make([]func(), n)
	for i := range runs {
		classes[i] = class(rng.IntN(2))
		runs[i] = prepare(classes[i])
	}
	took := make([]float64, n)
	b.ResetTimer()
	for i, run := range runs {
		began := time.Now()
		run()
		took[i] = float64(time.Since(began))
	}
	b.StopTimer()
	var x [2][]float64
	for i, t := range took[n/10:] { // the first ones warm up
		c := classes[n/10+i]
		x[c] = append(x[c], t)
	}
	if len(x[0]) < 2 || len(x[1]) < 2 {
		return
	}
	b.ReportMetric(welch(x[0], x[1]), "t")
	if c := crop(x, 0.9); len(c[0]) > 1 && len(c[1]) > 1 {
		b.ReportMetric(welch(c[0], c[1]), "t90")
	}
	b.ReportMetric(median(x[fixed]), "ns-fixed")
	b.ReportMetric(median(x[random]), "ns-random")
}

// TestWelch computes an example by hand: means 2 and 4, variances 1 and 4, three
// and four values.
func TestWelch(t *testing.T) {
	t.Parallel()
	a, b := []float64{1, 2, 3}, []float64{2, 3, 4, 7}
	want := (2. - 4.) / math.Sqrt(1./3+(4+1+0+9)/3./4)
	if got := welch(a, b); math.Abs(got-want) > 1e-12 {
		t.Errorf("t = %v, want %v", got, want)
	}
	if got := crop([2][]float64{{1, 9, 2}, {3, 4, 100}}, 0.8); !slices.Equal(got[0], []float64{1, 9, 2}) || !slices.Equal(got[1], []float64{3, 4}) {
		t.Errorf("cropped: %v", got)
	}
}

// TestHarnessSeesALeak feeds the statistics with times that differ by a
// tenth of their spread.
func TestHarnessSeesALeak(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewChaCha8([32]byte{8}))
	sample := func(mean float64) (out []float64) {
		for range 100_000 {
			out = append(out, mean+rng.NormFloat64())
		}
		return out
	}
	if got := welch(sample(10), sample(10)); math.Abs(got) > 4.5 {
		t.Errorf("t = %.1f for times that are alike", got)
	}
	if got := welch(sample(10), sample(10+1./10)); math.Abs(got) < 10 {
		t.Errorf("t = %.1f for times that differ", got)
	}
}
