package desk

import (
	"context"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
)

// A Watcher is a call of the control API that waits for something. It is
// poked, not told: the call then looks for itself, inside the loop, so that no
// slow client holds the loop up and none misses the last word.
type Watcher struct {
	request  *ledger.Request // nil: not a request
	founding bool
	failed   error // why the founding it waits for ended
	Poke     chan struct{}
}

// Watch has a call wait, for a request or for a founding.
func (c *Counter) Watch(r *ledger.Request, founding bool) *Watcher {
	w := &Watcher{request: r, founding: founding, Poke: make(chan struct{}, 1)}
	c.Watchers[w] = struct{}{}
	return w
}

func (c *Counter) unwatch(w *Watcher) { delete(c.Watchers, w) }

// EndWaits ends the waits for a founding.
func (c *Counter) EndWaits(err error) {
	for w := range c.Watchers {
		if w.founding {
			w.failed = err
		}
	}
}

// Signal has the call look.
func (w *Watcher) Signal() {
	select {
	case w.Poke <- struct{}{}:
	default: // a look is due already
	}
}

// LookPause is the least time between two looks of one call that waits. Every event
// pokes, also those that a peer may cause by the thousand, and what a look costs is
// charged to nobody.
const LookPause = 5 * time.Millisecond

// Follow is how a call waits. look looks at the core, in the loop: now, and
// whenever something may have changed; an error ends the call. tell then tells the
// client what is new, outside the loop, and reports whether the wait is over. When
// ctx ends, the call ends with what ended says. The watch is over in any case.
func (n *Desk) Follow(ctx context.Context, w *Watcher, look func(*Counter) error, tell func() bool, ended func() error) error {
	defer n.release(w)
	w.Signal()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		if !arrived(ctx, pause.C) || !arrived(ctx, w.Poke) {
			return ended()
		}
		pause.Reset(LookPause)
		if err := n.look(context.WithoutCancel(ctx), look); err != nil {
			return err
		}
		if tell() {
			return nil
		}
	}
}

// arrived waits for something to arrive, and reports false if ctx ends first.
func arrived[T any](ctx context.Context, ch <-chan T) bool {
	select {
	case <-ch:
		return true
	case <-ctx.Done():
		return false
	}
}

// within bounds a wait by the patience of whoever calls; 0 is no bound.
func within(ctx context.Context, patience api.Duration) (context.Context, context.CancelFunc) {
	if patience <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(patience))
}

// release ends a watch, also when ctx is gone.
func (n *Desk) release(w *Watcher) {
	n.Post(func(c *Counter) { c.unwatch(w) })
}
