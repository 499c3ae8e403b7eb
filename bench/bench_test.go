package main

import (
	"math"
	"testing"
)

func TestSample(t *testing.T) {
	t.Parallel()
	s := sample{5, 1, 4, 2, 3}
	if s.median() != 3 || s.min() != 1 || s.max() != 5 || s.quantile(0.5) != 3 || s.quantile(0.9) != 5 || s.quantile(0.2) != 1 {
		t.Errorf("%v: median %v, least %v, most %v, p50 %v, p90 %v, p20 %v", []float64(s), s.median(), s.min(), s.max(), s.quantile(0.5), s.quantile(0.9), s.quantile(0.2))
	}
	if m := (sample{1, 2}).median(); m != 1.5 {
		t.Errorf("median of two is %v", m)
	}
	if p := make(sample, 20).quantile(0.9); p != 0 {
		t.Errorf("p90 of zeros is %v", p)
	}
	if r := s.over(sample{10, 2, 8, 4, 6}); r.min() != 0.5 || r.max() != 0.5 {
		t.Errorf("ratios of pairs: %v", []float64(r))
	}
	if got := (sample{0.01234, 1.5, 1234}).String(); got != "1.50 [0.0123, 1234]" {
		t.Errorf("printed as %s", got)
	}
}

func TestAim(t *testing.T) {
	t.Parallel()
	if !atMost(40).met(40) || below(40).met(40) || !below(40).met(39.9) || atMost(40).met(40.1) || atMost(40).met(math.Inf(1)) {
		t.Error("an aim is met where it is not, or not met where it is")
	}
}

// TestOurs runs what is measured of ours once, in both ways: a measurement of
// something that does not come to its end would be worth nothing.
func TestOurs(t *testing.T) {
	for _, size := range []struct{ t, n, signRounds int }{{2, 3, 5}, {3, 5, 5}} {
		c, err := newCircle(size.t, size.n)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := atOnce(c.found()); err != nil {
			t.Fatal(err)
		}
		if c, err = newCircle(size.t, size.n); err != nil {
			t.Fatal(err)
		}
		if _, err := inTurn(c.found()); err != nil {
			t.Fatal(err)
		}
		cost, err := measure(c.signature)
		if err != nil {
			t.Fatal(err)
		}
		if cost.rounds != float64(size.signRounds) || cost.cpu <= 0 || cost.wall <= 0 || cost.bytes <= 0 {
			t.Errorf("%d-of-%d: %+v", size.t, size.n, cost)
		}
		if _, err := measure(c.redeal); err != nil {
			t.Fatal(err)
		}
	}
}
