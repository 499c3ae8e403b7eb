package standing

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
	"time"
)

// counted counts how often it is read.
type counted struct {
	io.Reader
	reads int
}

// TestHedgedSource: each of clock, boot id and number of the draw makes other bytes
// of a source that repeats; the source itself makes others of a clock that stands;
// and the same of all makes the same.
func TestHedgedSource(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 1)
	draw := func(src byte, at time.Time, boot byte, n int) string {
		h, err := newHedgedSource(bytes.NewReader(bytes.Repeat([]byte{src}, 4096)), func() time.Time { return at }, [16]byte{boot})
		if err != nil {
			t.Fatal(err)
		}
		out := make([]byte, 64)
		for range n {
			if _, err := io.ReadFull(h, out); err != nil {
				t.Fatal(err)
			}
		}
		return string(out)
	}
	first := draw(1, now, 1, 1)
	if draw(1, now, 1, 1) != first {
		t.Error("not a function of what it is made of")
	}
	seen := map[string]string{first: "the first"}
	for name, got := range map[string]string{
		"a nanosecond later": draw(1, now.Add(time.Nanosecond), 1, 1),
		"another boot":       draw(1, now, 2, 1),
		"the next draw":      draw(1, now, 1, 2),
		"another source":     draw(2, now, 1, 1),
	} {
		if was, ok := seen[got]; ok {
			t.Errorf("%s gives the bytes of %s", name, was)
		}
		seen[got] = name
	}
}

// TestHedgedSourceNeedsItsSource: what is mixed in never stands in for randomness.
func TestHedgedSourceNeedsItsSource(t *testing.T) {
	t.Parallel()
	for _, boot := range [][16]byte{{}, {1}} {
		h, err := newHedgedSource(bytes.NewReader(make([]byte, 31)), time.Now, boot)
		if err == nil {
			_, err = h.Read(make([]byte, 8))
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("31 bytes are enough: %v", err)
		}
	}
	src := &counted{Reader: repeating{}}
	h, err := newHedgedSource(src, time.Now, [16]byte{})
	if err != nil || src.reads != 1 {
		t.Fatalf("%d reads for a boot id: %v", src.reads, err)
	}
	for i := range 5 {
		if n, err := h.Read(make([]byte, 100)); n != 100 || err != nil || src.reads != i+2 {
			t.Errorf("draw %d: %d bytes, %d reads of the source, %v", i, n, src.reads, err)
		}
	}
}

// TestHedgedSourceIsSafe: an inviting device draws beside its loop.
func TestHedgedSourceIsSafe(t *testing.T) {
	t.Parallel()
	h, err := newHedgedSource(repeating{}, func() time.Time { return time.Unix(1, 0) }, [16]byte{1})
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := map[[32]byte]bool{}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				var b [32]byte
				if _, err := h.Read(b[:]); err != nil {
					t.Error(err)
				}
				mu.Lock()
				seen[b] = true
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if len(seen) != 400 {
		t.Errorf("%d different draws of 400", len(seen))
	}
}

func (c *counted) Read(b []byte) (int, error) {
	c.reads++
	return c.Reader.Read(b)
}

// repeating gives the same bytes for ever, to anybody.
type repeating struct{}

func (repeating) Read(b []byte) (int, error) { clear(b); return len(b), nil }
