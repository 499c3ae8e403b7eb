package node

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/desk"
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
		var w *desk.Watcher
		if err := n.Call(t.Context(), func(c *desk.Counter) error { w = c.Watch(r, false); return nil }); err != nil {
			t.Fatal(err)
		}
		events, looks, seen := 0, 0, 0
		over := make(chan error, 1)
		go func() {
			over <- n.Follow(t.Context(), w,
				func(*desk.Counter) error { looks++; seen = events; return nil },
				func() bool { return seen == many }, nil)
		}()
		for range many {
			n.Post(func(*desk.Counter) { events++ })
			time.Sleep(apart)
		}
		if err := <-over; err != nil {
			t.Fatal(err)
		}
		if most := int(many*apart/desk.LookPause) + 2; looks > most || looks < most/2 {
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
	var w *desk.Watcher
	if err := n.Call(t.Context(), func(c *desk.Counter) error { w = c.Watch(r, false); return nil }); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	errOver := errors.New("over")
	err := n.Follow(ctx, w, func(*desk.Counter) error { stop(); return nil }, func() bool { return false }, func() error { return errOver })
	if !errors.Is(err, errOver) {
		t.Errorf("it ends with %v", err)
	}
	if err := n.Call(t.Context(), func(c *desk.Counter) error {
		if len(c.Watchers) != 0 {
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
	for name, wait := range map[string]func(*desk.Desk, *desk.Watcher) error{
		"signature": func(n *desk.Desk, w *desk.Watcher) error {
			_, err := n.Await(t.Context(), w, func(api.Event) {})
			return err
		},
		"change": func(n *desk.Desk, w *desk.Watcher) error { return n.AwaitChange(t.Context(), w, func(api.Event) {}) },
	} {
		l := newLab(t, 3, 742)
		l.found(2, 3)
		r := l.devices[0].ask("something to wait for")
		n := l.devices[0].node()
		var w *desk.Watcher
		if err := n.Call(t.Context(), func(c *desk.Counter) error { w = c.Watch(r, false); return nil }); err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		go func() { over <- wait(n, w) }()
		n.Post(func(c *desk.Counter) { c.LeaveCircle() })
		if err := <-over; codeOf(err) != api.CodeNoCircle {
			t.Errorf("%s: %v", name, err)
		}
	}
}
