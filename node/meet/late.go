package meet

import (
	"context"
	"sync"
)

// maxLate bounds what runs behind calls that have ended: for each invitation
// its door and its beacon.
const maxLate = 2 * 8

// A latecare runs what answers for invitations that nobody shows any more, until
// it ends by itself or the device stops. When there is too much of it the
// oldest is ended.
type latecare struct {
	mu      sync.Mutex
	over    error       // why nothing is run any more
	running []*lateTask // oldest first
	all     sync.WaitGroup
}

type lateTask struct{ stop context.CancelFunc }

// run begins f, unless the device stops.
func (l *latecare) run(f func(context.Context)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over != nil {
		return l.over
	}
	if len(l.running) == maxLate {
		l.running[0].stop()
		l.running = l.running[1:]
	}
	ctx, stop := context.WithCancel(context.Background())
	t := &lateTask{stop}
	l.running = append(l.running, t)
	l.all.Go(func() {
		defer l.forget(t)
		defer stop()
		f(ctx)
	})
	return nil
}

func (l *latecare) forget(t *lateTask) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, o := range l.running {
		if o == t {
			l.running = append(l.running[:i:i], l.running[i+1:]...)
			return
		}
	}
}

// end stops all of it, because of cause, and waits for it.
func (l *latecare) end(cause error) {
	l.mu.Lock()
	l.over = cause
	for _, t := range l.running {
		t.stop()
	}
	l.mu.Unlock()
	l.all.Wait()
}
