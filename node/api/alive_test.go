package api

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// at is a client of the daemon in dir that has little patience.
func at(t *testing.T, dir string, p patience) *Client {
	t.Helper()
	c, err := NewClient(dir)
	if err != nil {
		t.Fatal(err)
	}
	c.patience = p
	t.Cleanup(c.Close)
	return c
}

func shortHome(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "warifu")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// stopped accepts connections as the system does for a process that is stopped,
// and says nothing. It counts them.
func stopped(t *testing.T) (dir string, visits *atomic.Int32) {
	t.Helper()
	dir, visits = shortHome(t), &atomic.Int32{}
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		var held []net.Conn
		for {
			conn, err := ln.Accept()
			if err != nil {
				for _, c := range held {
					c.Close()
				}
				return
			}
			visits.Add(1)
			held = append(held, conn)
		}
	}()
	return dir, visits
}

// TestStoppedDaemonIsNoticed: a call of a daemon that is stopped has an end, and
// says so. One that waits for persons says it first, and goes on for a while.
func TestStoppedDaemonIsNoticed(t *testing.T) {
	t.Parallel()
	p := patience{every: time.Millisecond, answer: time.Millisecond, silent: 2, gone: 7, calls: 100}
	for name, call := range map[string]func(*Client) error{
		"status": func(c *Client) error { _, err := c.Status(t.Context()); return err },
		"unlock": func(c *Client) error { return c.Unlock(t.Context(), []byte("correct horse")) },
		"freeze": func(c *Client) error { _, err := c.Freeze(t.Context(), PresenceArgs{}); return err },
	} {
		dir, visits := stopped(t)
		if err := call(at(t, dir, p)); CodeOf(err) != CodeNoAnswer || AsError(err).Hint == "" {
			t.Errorf("%s: %v", name, err)
		}
		// The call and two questions, of which one may not have come so far.
		if n := visits.Load(); n > int32(1+p.silent) {
			t.Errorf("%s: %d connections", name, n)
		}
	}
	dir, _ := stopped(t)
	told := 0
	_, err := at(t, dir, p).Lost(t.Context(), DeviceArgs{}, func(e Event) {
		if told++; e.Event != EventWaiting || e.Reason != "this device does not answer" {
			t.Errorf("told %+v", e)
		}
	})
	if CodeOf(err) != CodeNoAnswer || told != 1 {
		t.Errorf("lost: told %d times, %v", told, err)
	}
	// Whoever interrupts is not told another story.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := at(t, dir, p).Status(ctx); CodeOf(err) != CodeCanceled {
		t.Errorf("interrupted: %v", err)
	}
}

// A slow backend answers when it is let, and is alive or not.
type slow struct {
	Backend
	alive func(context.Context) error
	let   chan struct{}
}

func (s *slow) Alive(ctx context.Context) error { return s.alive(ctx) }

func (s *slow) Status(ctx context.Context) (Status, error) {
	select {
	case <-s.let:
		return Status{Name: "phone"}, nil
	case <-ctx.Done():
		return Status{}, ctx.Err()
	}
}

func (s *slow) Wait(ctx context.Context, _ string, _ func(Event)) (Signature, error) {
	st, err := s.Status(ctx)
	return Signature{Request: st.Name}, err
}

func serveSlow(t *testing.T, b *slow) string {
	t.Helper()
	dir := shortHome(t)
	ln, err := Listen(dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, ln, b, slog.New(slog.DiscardHandler)) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestSlowCallIsWaitedFor as long as its device gives signs of life; a device whose
// loop is held up gives none although its socket answers.
func TestSlowCallIsWaitedFor(t *testing.T) {
	t.Parallel()
	const questions = 20
	p := patience{every: time.Millisecond, answer: time.Minute, silent: 2, gone: 7, calls: 1000}
	for name, call := range map[string]func(*Client) (string, error){
		"status": func(c *Client) (string, error) { s, err := c.Status(t.Context()); return s.Name, err },
		"wait": func(c *Client) (string, error) {
			s, err := c.Wait(t.Context(), "beef", func(Event) { t.Error("told something") })
			return s.Request, err
		},
	} {
		b := &slow{let: make(chan struct{})}
		var asked atomic.Int32
		open := sync.OnceFunc(func() { close(b.let) })
		b.alive = func(context.Context) error {
			if asked.Add(1) == questions {
				open()
			}
			return nil
		}
		if got, err := call(at(t, serveSlow(t, b), p)); err != nil || got != "phone" || asked.Load() < questions {
			t.Errorf("%s: %q after %d signs of life: %v", name, got, asked.Load(), err)
		}
	}
	held := &slow{let: make(chan struct{}), alive: func(ctx context.Context) error {
		<-ctx.Done()
		return errors.New("held up")
	}}
	p.answer = time.Millisecond
	if _, err := at(t, serveSlow(t, held), p).Status(t.Context()); CodeOf(err) != CodeNoAnswer {
		t.Errorf("held up: %v", err)
	}
	// A call that waits for nobody has an end, whatever else is alive.
	lost := &slow{let: make(chan struct{}), alive: func(context.Context) error { return nil }}
	p = patience{every: time.Millisecond, answer: time.Minute, silent: 2, gone: 7, calls: 5}
	if _, err := at(t, serveSlow(t, lost), p).Status(t.Context()); CodeOf(err) != CodeTimeout {
		t.Errorf("never answered: %v", err)
	}
}
