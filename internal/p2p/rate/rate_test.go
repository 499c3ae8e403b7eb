package rate_test

import (
	"testing"
	"time"

	"github.com/warifu/warifu/internal/p2p/rate"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
	b := rate.NewBucket(rate.Limit{PerSecond: 10, Burst: 20}, now)
	if !b.Take(20, now) || b.Take(1, now) {
		t.Error("burst")
	}
	if now = now.Add(500 * time.Millisecond); !b.Take(5, now) || b.Take(1, now) {
		t.Error("refill")
	}
	if now = now.Add(-time.Hour); b.Take(1, now) {
		t.Error("a clock set back fills it")
	}
	if now = now.Add(2 * time.Hour); !b.Take(20, now) || b.Take(1, now) {
		t.Error("it holds more than its burst")
	}
	if got := b.Reserve(5, now); got != 500*time.Millisecond {
		t.Errorf("wait %v", got)
	}
	if got := b.Reserve(5, now); got != time.Second {
		t.Errorf("wait %v for the second", got)
	}
}
