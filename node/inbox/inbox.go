package inbox

import (
	"context"
	"maps"
	"sync"
	"time"
)

// An Inbox is the [fairQueue] in front of the loop, for many goroutines. Whoever
// finds no room waits, and nobody else with it.
type Inbox[E any] struct {
	ended <-chan struct{} // the loop has
	wake  chan struct{}   // capacity 1: there is something new

	mu    sync.Mutex // guards all below
	queue *fairQueue[E]
	freed map[string]chan struct{} // closed when there is room again; by device, "" is local
	heard map[string]time.Time     // when a peer said something last, on the clock of the node
}

// New makes an empty one, of a loop that has ended when ended is closed.
func New[E any](ended <-chan struct{}) *Inbox[E] {
	return &Inbox[E]{ended: ended, wake: make(chan struct{}, 1), queue: newFairQueue[E](loopLimits), freed: map[string]chan struct{}{}, heard: map[string]time.Time{}}
}

// Local queues an event of this device. It returns false if the loop or ctx has
// ended before there was room.
func (in *Inbox[E]) Local(ctx context.Context, e E) bool {
	return in.put(ctx, "", func() bool { return in.queue.pushLocal(e) })
}

// Of queues an event of a peer, which it holds up while there is no room.
func (in *Inbox[E]) Of(peer string, c Class, e E, size int) bool {
	return in.put(context.Background(), peer, func() bool { return in.queue.push(time.Now(), peer, c, e, size) })
}

func (in *Inbox[E]) put(ctx context.Context, key string, push func() bool) bool {
	for {
		in.mu.Lock()
		if push() {
			in.mu.Unlock()
			select {
			case in.wake <- struct{}{}:
			default: // it is awake already
			}
			return true
		}
		freed := in.freed[key]
		if freed == nil {
			freed = make(chan struct{})
			in.freed[key] = freed
		}
		in.mu.Unlock()
		select {
		case <-freed:
		case <-ctx.Done():
			return false
		case <-in.ended:
			return false
		}
	}
}

// Next takes out what is to be done now, see [fairQueue.next].
func (in *Inbox[E]) Next() (e E, key string, wait time.Duration, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	e, key, wait, ok = in.queue.next(time.Now())
	if freed := in.freed[key]; ok && freed != nil {
		close(freed)
		delete(in.freed, key)
	}
	return e, key, wait, ok
}

// Charge notes what a peer has cost.
func (in *Inbox[E]) Charge(key string, cost time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.queue.charge(time.Now(), key, cost)
}

// Wake says that there may be something new.
func (in *Inbox[E]) Wake() <-chan struct{} { return in.wake }

// Says notes that a peer says something, which may have to wait.
func (in *Inbox[E]) Says(peer string, now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.heard) >= maxHeard {
		clear(in.heard) // there are not so many peers at a time
	}
	in.heard[peer] = now
}

// maxHeard bounds the peers of which it is known when they said something.
const maxHeard = 256

// Said tells when each peer said something last.
func (in *Inbox[E]) Said() map[string]time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	return maps.Clone(in.heard)
}

// Loads tells what each device costs.
func (in *Inbox[E]) Loads() map[string]Load {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.queue.loads(time.Now())
}
