package main

import (
	"bytes"
	"io"
	"sync"
	"time"
)

// What a lossyWriter holds at most.
const (
	maxHeldLines = 1000
	maxHeldBytes = 256 << 10
)

// drainTime is how long the end of the program waits for a lossyWriter.
const drainTime = time.Second

// A lossyWriter passes on what is written to it, and never waits: a terminal in
// which somebody has typed Ctrl-S, or a pipe that nobody reads, must not stop a
// device. What there is no room for is dropped and counted, and the count is
// written as soon as something can be.
type lossyWriter struct {
	to   io.Writer
	lost func(lines int) []byte // says how many lines were not written

	mu      sync.Mutex // guards the rest
	held    [][]byte
	bytes   int
	dropped int
	closed  bool
	ended   chan struct{} // closed once all is written
	more    *sync.Cond
}

// newLossyWriter returns a writer to to, which Close ends.
func newLossyWriter(to io.Writer, lost func(lines int) []byte) *lossyWriter {
	w := &lossyWriter{to: to, lost: lost, ended: make(chan struct{})}
	w.more = sync.NewCond(&w.mu)
	go w.pass()
	return w
}

// Write takes whole lines. It never fails.
func (w *lossyWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.held) == maxHeldLines || w.bytes+len(p) > maxHeldBytes {
		w.dropped += max(bytes.Count(p, []byte("\n")), 1)
		return len(p), nil
	}
	w.held = append(w.held, bytes.Clone(p))
	w.bytes += len(p)
	w.more.Signal()
	return len(p), nil
}

// Close waits, but not longer than d, until all is written that is held.
func (w *lossyWriter) Close(d time.Duration) {
	w.mu.Lock()
	w.closed = true
	w.more.Signal()
	w.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-w.ended:
	case <-timer.C:
	}
}

// pass writes what is held until the end. That it cannot be written is nothing
// that could be told anywhere.
func (w *lossyWriter) pass() {
	defer close(w.ended)
	for {
		w.mu.Lock()
		for len(w.held) == 0 && w.dropped == 0 && !w.closed {
			w.more.Wait()
		}
		held, dropped := w.held, w.dropped
		w.held, w.bytes, w.dropped = nil, 0, 0
		end := w.closed && len(held) == 0 && dropped == 0
		w.mu.Unlock()
		if end {
			return
		}
		for _, p := range held {
			_, _ = w.to.Write(p)
		}
		if dropped > 0 {
			_, _ = w.to.Write(w.lost(dropped))
		}
	}
}
