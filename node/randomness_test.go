package node

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

func mustProposal(t *testing.T, o message.Open) share.Proposal {
	t.Helper()
	p, err := share.ParseProposal(o.Proposal)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// counted counts how often it is read.
type counted struct {
	io.Reader
	reads int
}

func (c *counted) Read(b []byte) (int, error) {
	c.reads++
	return c.Reader.Read(b)
}

// TestHedgedSource: each of clock, boot id and number of the draw makes other bytes
// of a source that repeats; the source itself makes others of a clock that stands;
// and the same of all makes the same.
func TestHedgedSource(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 1)
	draw := func(src byte, at time.Time, boot byte, n int) string {
		h, err := standing.NewHedgedSource(bytes.NewReader(bytes.Repeat([]byte{src}, 4096)), func() time.Time { return at }, [16]byte{boot})
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
		h, err := standing.NewHedgedSource(bytes.NewReader(make([]byte, 31)), time.Now, boot)
		if err == nil {
			_, err = h.Read(make([]byte, 8))
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("31 bytes are enough: %v", err)
		}
	}
	src := &counted{Reader: repeating{}}
	h, err := standing.NewHedgedSource(src, time.Now, [16]byte{})
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
	h, err := standing.NewHedgedSource(repeating{}, func() time.Time { return time.Unix(1, 0) }, [16]byte{1})
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

// repeating gives the same bytes for ever, to anybody.
type repeating struct{}

func (repeating) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// TestSetBackDeviceSaysOtherWords: a machine is resumed twice from one snapshot, with
// its disk and a source that gives the same bytes in both lives, and is shown the
// opening of the same session in both. In the second life it must draw other secrets:
// what it says with the same ones is a second equation about its share. The clock of
// the wall, the boot id, or one draw more is enough.
func TestSetBackDeviceSaysOtherWords(t *testing.T) {
	t.Parallel()
	life := func(later time.Duration, boot byte, extra int) map[wire.SessionID][32]byte {
		l := newLab(t, 3, 2702) // one seed decides everything: the laptop's source as well
		l.found(2, 3)
		phone, laptop := l.devices[0], l.devices[1]
		r := phone.ask("signed after a snapshot")
		r.NotUntil = l.now.Add(standing.LongestPause)
		laptop.approves(r.ID)
		if !l.run(time.Minute, func() bool { return len(r.Approved) == 2 }) {
			t.Fatal("no approvals")
		}
		p, err := phone.core.Proposal(r, []wire.Slot{1, 2})
		if err != nil {
			t.Fatal(err)
		}
		h, ok := laptop.core.Config.Rand.(*standing.HedgedSource)
		if !ok {
			t.Fatalf("the machines draw from a %T", laptop.core.Config.Rand)
		}
		h.Boot[0] ^= boot
		for range extra {
			// Drawn by another machine of this process, and the source is set back.
			h.Drawn++
		}
		l.now = l.now.Add(later)
		laptop.core.Now = l.now
		if err := laptop.core.OnOpen(1, message.Open{Proposal: p.Bytes(), Approvals: []message.Item{r.Approved[1], r.Approved[2]}}); err != nil {
			t.Fatal(err)
		}
		laptop.core.Flush()
		words := map[wire.SessionID][32]byte{}
		for _, x := range l.wire {
			if x.from == laptop && x.protocol == wire.ProtocolSession {
				f, err := wire.ParseFrame(x.msg)
				if err != nil {
					t.Fatal(err)
				}
				words[f.Session] = sha256.Sum256(x.msg)
			}
		}
		if len(words) != 1 {
			t.Fatalf("%d first words", len(words))
		}
		return words
	}
	first := life(0, 0, 0)
	for id, word := range life(0, 0, 0) {
		if first[id] != word {
			t.Fatal("two lives that differ in nothing differ: this test shows nothing")
		}
	}
	for name, second := range map[string]map[wire.SessionID][32]byte{
		"clock": life(time.Nanosecond, 0, 0), "boot": life(0, 1, 0), "draw": life(0, 0, 1),
	} {
		for id, word := range second {
			before, ok := first[id]
			if !ok {
				t.Fatalf("%s: not the same session", name)
			}
			if before == word {
				t.Errorf("%s: the same first word in both lives", name)
			}
		}
	}
}
