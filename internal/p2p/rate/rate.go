// Package rate bounds how often something may happen.
package rate

import (
	"sync"
	"time"
)

// A Limit is the shape of a token bucket: what flows in, and what it holds.
type Limit struct {
	PerSecond float64
	Burst     float64
}

// A Bucket is a token bucket that starts full.
type Bucket struct {
	rate Limit

	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// NewBucket returns a full bucket.
func NewBucket(r Limit, now time.Time) *Bucket {
	return &Bucket{rate: r, tokens: r.Burst, last: now}
}

// refillLocked adds what has flowed in since the last call.
func (b *Bucket) refillLocked(now time.Time) {
	if d := now.Sub(b.last); d > 0 {
		b.tokens = min(b.rate.Burst, b.tokens+d.Seconds()*b.rate.PerSecond)
		b.last = now
	}
}

// Take removes n tokens and reports whether they were there. Nothing is taken
// if they were not.
func (b *Bucket) Take(n int, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refillLocked(now)
	if b.tokens < float64(n) {
		return false
	}
	b.tokens -= float64(n)
	return true
}

// Reserve removes n tokens, going into debt if need be, and returns how long
// the caller must wait until the debt is paid.
func (b *Bucket) Reserve(n int, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refillLocked(now)
	b.tokens -= float64(n)
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.rate.PerSecond * float64(time.Second))
}

// Doubled returns first doubled n times, at most last.
func Doubled(first, last time.Duration, n int) time.Duration {
	for range n {
		if first *= 2; first >= last {
			return last
		}
	}
	return first
}
