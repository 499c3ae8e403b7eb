package p2p

import (
	"sync"
	"time"
)

// A rateOf is the shape of a token bucket.
type rateOf struct {
	perSecond float64
	burst     float64
}

// A bucket is a token bucket that starts full.
type bucket struct {
	rate rateOf

	mu     sync.Mutex
	tokens float64
	last   time.Time
}

func newBucket(r rateOf, now time.Time) *bucket {
	return &bucket{rate: r, tokens: r.burst, last: now}
}

// refillLocked adds what has flowed in since the last call.
func (b *bucket) refillLocked(now time.Time) {
	if d := now.Sub(b.last); d > 0 {
		b.tokens = min(b.rate.burst, b.tokens+d.Seconds()*b.rate.perSecond)
		b.last = now
	}
}

// take removes n tokens and reports whether they were there. Nothing is taken
// if they were not.
func (b *bucket) take(n int, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refillLocked(now)
	if b.tokens < float64(n) {
		return false
	}
	b.tokens -= float64(n)
	return true
}

// reserve removes n tokens, going into debt if need be, and returns how long
// the caller must wait until the debt is paid.
func (b *bucket) reserve(n int, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.refillLocked(now)
	b.tokens -= float64(n)
	if b.tokens >= 0 {
		return 0
	}
	return time.Duration(-b.tokens / b.rate.perSecond * float64(time.Second))
}
