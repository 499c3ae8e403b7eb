package node

import (
	"context"
	"time"

	"github.com/warifu/warifu/node/api"
)

// A watcher is a call of the control API that waits for something. It is
// poked, not told: the call then looks for itself, inside the loop, so that no
// slow client holds the loop up and none misses the last word.
type watcher struct {
	request  *openRequest // nil: not a request
	founding bool
	failed   error // why the founding it waits for ended
	poke     chan struct{}
}

func (c *counter) watch(r *openRequest, founding bool) *watcher {
	w := &watcher{request: r, founding: founding, poke: make(chan struct{}, 1)}
	c.watchers[w] = struct{}{}
	return w
}

func (c *counter) unwatch(w *watcher) { delete(c.watchers, w) }

// endWaits ends the waits for a founding.
func (c *counter) endWaits(err error) {
	for w := range c.watchers {
		if w.founding {
			w.failed = err
		}
	}
}

// signal has the call look.
func (w *watcher) signal() {
	select {
	case w.poke <- struct{}{}:
	default: // a look is due already
	}
}

// lookPause is the least time between two looks of one call that waits. Every event
// pokes, also those that a peer may cause by the thousand, and what a look costs is
// charged to nobody.
const lookPause = 5 * time.Millisecond

// follow is how a call waits. look looks at the core, in the loop: now, and
// whenever something may have changed; an error ends the call. tell then tells the
// client what is new, outside the loop, and reports whether the wait is over. When
// ctx ends, the call ends with what ended says. The watch is over in any case.
func (n *Desk) follow(ctx context.Context, w *watcher, look func(*counter) error, tell func() bool, ended func() error) error {
	defer n.release(w)
	w.signal()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		if !arrived(ctx, pause.C) || !arrived(ctx, w.poke) {
			return ended()
		}
		pause.Reset(lookPause)
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
func (n *Desk) release(w *watcher) {
	n.post(func(c *counter) { c.unwatch(w) })
}
