package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warifu/warifu/node/api"
)

// TestWaitLooksSeldom: whatever goes on in the loop, a call that waits looks only so
// often, and it misses nothing that is there at the end.
func TestWaitLooksSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many, apart = 1000, 100 * time.Microsecond
		l := newLab(t, 3, 740)
		l.found(2, 3)
		phone := l.devices[0]
		r := phone.ask("something to wait for")
		n := phone.node()
		var w *watcher
		if err := n.call(t.Context(), func(c *counter) error { w = c.watch(r, false); return nil }); err != nil {
			t.Fatal(err)
		}
		events, looks, seen := 0, 0, 0
		over := make(chan error, 1)
		go func() {
			over <- n.follow(t.Context(), w,
				func(*counter) error { looks++; seen = events; return nil },
				func() bool { return seen == many }, nil)
		}()
		for range many {
			n.post(func(*counter) { events++ })
			time.Sleep(apart)
		}
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		if most := int(many*apart/lookPause) + 2; looks > most || looks < most/2 {
			t.Errorf("%d looks while %d things happened, want about %d", looks, many, most)
		}
	})
}

// TestWaitEndsWithItsContext: while nothing happens, and between two looks.
func TestWaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 741)
	l.found(2, 3)
	n := l.devices[0].node()
	r := l.devices[0].ask("something to wait for")
	var w *watcher
	if err := n.call(t.Context(), func(c *counter) error { w = c.watch(r, false); return nil }); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	errOver := errors.New("over")
	err := n.follow(ctx, w, func(*counter) error { stop(); return nil }, func() bool { return false }, func() error { return errOver })
	if !errors.Is(err, errOver) {
		t.Errorf("it ends with %v", err)
	}
	if err := n.call(t.Context(), func(c *counter) error {
		if len(c.watchers) != 0 {
			t.Error("the watch goes on")
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

// TestWaitEndsWithTheCircle: a newcomer whose re-deal comes to nothing is in no circle
// any more, and whoever waits there for a request is told so.
func TestWaitEndsWithTheCircle(t *testing.T) {
	t.Parallel()
	for name, wait := range map[string]func(*Desk, *watcher) error{
		"signature": func(n *Desk, w *watcher) error {
			_, err := n.await(t.Context(), w, func(api.Event) {})
			return err
		},
		"change": func(n *Desk, w *watcher) error { return n.awaitChange(t.Context(), w, func(api.Event) {}) },
	} {
		l := newLab(t, 3, 742)
		l.found(2, 3)
		r := l.devices[0].ask("something to wait for")
		n := l.devices[0].node()
		var w *watcher
		if err := n.call(t.Context(), func(c *counter) error { w = c.watch(r, false); return nil }); err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- wait(n, w) }()
		n.post(func(c *counter) { c.leaveCircle() })
		if err := <-over; api.CodeOf(err) != api.CodeNoCircle {
			t.Errorf("%s: %v", name, err)
		}
	}
}
