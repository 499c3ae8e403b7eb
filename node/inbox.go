package node

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/warifu/warifu/node/desk"
)

// An inbox is the [fairQueue] in front of the loop, for many goroutines. Whoever
// finds no room waits, and nobody else with it.
type inbox struct {
	ended <-chan struct{} // the loop has
	wake  chan struct{}   // capacity 1: there is something new

	mu    sync.Mutex // guards all below
	queue *fairQueue
	freed map[string]chan struct{} // closed when there is room again; by device, "" is local
	heard map[string]time.Time     // when a peer said something last, on the clock of the node
}

func newInbox(ended <-chan struct{}) *inbox {
	return &inbox{ended: ended, wake: make(chan struct{}, 1), queue: newFairQueue(loopLimits), freed: map[string]chan struct{}{}, heard: map[string]time.Time{}}
}

// local queues an event of this device. It returns false if the loop or ctx has
// ended before there was room.
func (in *inbox) local(ctx context.Context, e event) bool {
	return in.put(ctx, "", func() bool { return in.queue.pushLocal(e) })
}

// of queues an event of a peer, which it holds up while there is no room.
func (in *inbox) of(peer string, c class, e event, size int) bool {
	return in.put(context.Background(), peer, func() bool { return in.queue.push(time.Now(), peer, c, e, size) })
}

func (in *inbox) put(ctx context.Context, key string, push func() bool) bool {
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

// next takes out what is to be done now, see [fairQueue.next].
func (in *inbox) next() (e event, key string, wait time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	e, key, wait = in.queue.next(time.Now())
	if freed := in.freed[key]; e != nil && freed != nil {
		close(freed)
		delete(in.freed, key)
	}
	return e, key, wait
}

// charge notes what a peer has cost.
func (in *inbox) charge(key string, cost time.Duration) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.queue.charge(time.Now(), key, cost)
}

// says notes that a peer says something, which may have to wait.
func (in *inbox) says(peer string, now time.Time) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if len(in.heard) >= maxHeard {
		clear(in.heard) // there are not so many peers at a time
	}
	in.heard[peer] = now
}

// maxHeard bounds the peers of which it is known when they said something.
const maxHeard = 256

// said tells when each peer said something last.
func (in *inbox) said() map[string]time.Time {
	in.mu.Lock()
	defer in.mu.Unlock()
	return maps.Clone(in.heard)
}

func (in *inbox) loads() map[string]desk.Load {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.queue.loads(time.Now())
}
