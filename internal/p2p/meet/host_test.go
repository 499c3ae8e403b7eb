package meet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/p2p"
	"github.com/warifu/warifu/internal/p2p/door"
	"github.com/warifu/warifu/internal/p2p/meet"
	"github.com/warifu/warifu/wire"
)

const pairPatience = 10 * time.Second

// TestMain silences libp2p, which would write to stderr by itself.
func TestMain(m *testing.M) {
	p2p.RedirectLibraryLogs(slog.DiscardHandler)
	m.Run()
}

func newPairHost(t *testing.T, listen bool) *meet.Host {
	t.Helper()
	var addrs []string
	if listen {
		addrs = meet.Listen(true)
	}
	h, err := meet.NewHost(addrs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// servePair runs Serve until the test ends, which waits for it. Visitors are
// admitted when it returns.
func servePair(t *testing.T, h *meet.Host, handler func(context.Context, *meet.Stream)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	open := make(chan struct{})
	wg.Go(func() {
		if err := h.Serve(ctx, func() { close(open) }, handler); !errors.Is(err, context.Canceled) {
			t.Errorf("Serve = %v", err)
		}
	})
	<-open
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	t.Cleanup(stop)
	return stop
}

// dialPair dials once: a host that serves admits whoever comes.
func dialPair(t *testing.T, h *meet.Host, id []byte, addrs [][]byte) *meet.Stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	s, err := h.Dial(ctx, id, addrs)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func echoPair(_ context.Context, s *meet.Stream) {
	for {
		msg, err := s.ReadMessage(pairPatience)
		if err != nil {
			s.Close()
			return
		}
		if s.WriteMessage(msg) != nil {
			return
		}
	}
}

func TestPairHostCarriesMessages(t *testing.T) {
	t.Parallel()
	a, b := newPairHost(t, false), newPairHost(t, true)
	servePair(t, b, echoPair)
	if bytes.Equal(a.Peer(), b.Peer()) || len(a.Peer()) != 38 {
		t.Fatalf("peer ids %x and %x", a.Peer(), b.Peer())
	}
	if n := len(b.Addrs()); n != 2 {
		t.Fatalf("%d addresses, want TCP and QUIC on loopback", n)
	}
	s := dialPair(t, a, b.Peer(), b.Addrs())
	if !bytes.Equal(s.Remote(), b.Peer()) || !bytes.Equal(s.Local(), a.Peer()) {
		t.Error("the stream's ends are not the hosts")
	}
	for _, n := range []int{1, 100, wire.MaxPairMessage} {
		msg := bytes.Repeat([]byte{byte(n)}, n)
		if err := s.WriteMessage(msg); err != nil {
			t.Fatal(err)
		}
		got, err := s.ReadMessage(pairPatience)
		if err != nil || !bytes.Equal(got, msg) {
			t.Fatalf("%d bytes came back for %d: %v", len(got), n, err)
		}
	}
	if _, err := s.ReadMessage(time.Millisecond); !meet.TimedOut(err) {
		t.Errorf("a message that never came: %v", err)
	}
	if s.WriteMessage(nil) == nil || s.WriteMessage(make([]byte, wire.MaxPairMessage+1)) == nil {
		t.Error("a message out of bounds was sent")
	}
	if err := s.Close(); err != nil {
		t.Errorf("Close = %v", err)
	}
	s.Reset()
}

// TestPairHostLearnsTheID dials each transport by address alone.
func TestPairHostLearnsTheID(t *testing.T) {
	t.Parallel()
	b := newPairHost(t, true)
	servePair(t, b, echoPair)
	for _, at := range b.At() {
		where, _, _ := strings.Cut(at, "/p2p/")
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			id, addr, err := meet.ParseAt(where)
			if err != nil || len(id) != 0 {
				t.Fatalf("ParseAt = %x, %v", id, err)
			}
			s := dialPair(t, newPairHost(t, false), nil, [][]byte{addr})
			if !bytes.Equal(s.Remote(), b.Peer()) {
				t.Errorf("reached %x", s.Remote())
			}
			s.Reset()
		})
		id, addr, err := meet.ParseAt(at)
		if err != nil || !bytes.Equal(id, b.Peer()) || len(addr) == 0 {
			t.Errorf("ParseAt(%s) = %x, %x, %v", at, id, addr, err)
		}
	}
}

func TestPairHostDialErrors(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	a, b := newPairHost(t, false), newPairHost(t, true)
	_, dead, err := meet.ParseAt("/ip4/127.0.0.1/tcp/1")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		id    []byte
		addrs [][]byte
	}{
		"no-address":      {b.Peer(), nil},
		"unknown-address": {b.Peer(), [][]byte{{0xff, 0xff}}},
		"nobody-there":    {b.Peer(), [][]byte{dead}},
		"nobody-to-learn": {nil, [][]byte{dead}},
		"not-serving":     {b.Peer(), b.Addrs()},
		"malformed-id":    {[]byte("x"), b.Addrs()},
		"itself":          {a.Peer(), b.Addrs()},
		"another-id":      {newPairHost(t, false).Peer(), b.Addrs()},
	} {
		if _, err := a.Dial(ctx, row.id, row.addrs); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if err := a.Serve(ctx, func() { t.Error("open") }, echoPair); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a host that does not listen serves: %v", err)
	}
}

// TestPairHostCutsBadStreams: garbage, silence, and the end of Serve.
func TestPairHostCutsBadStreams(t *testing.T) {
	t.Parallel()
	b := newPairHost(t, true)
	failed := make(chan error, 8)
	stop := servePair(t, b, func(_ context.Context, s *meet.Stream) {
		_, err := s.ReadMessage(pairPatience)
		failed <- err
	})
	a := newPairHost(t, false)
	s := dialPair(t, a, b.Peer(), b.Addrs())
	if err := meet.WriteRaw(s, []byte{0xff, 0xff, 0xff, 0xff, 1}); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("an oversized message: %v", err)
	}
	if _, err := s.ReadMessage(pairPatience); err == nil {
		t.Error("the stream goes on after garbage")
	}
	s = dialPair(t, a, b.Peer(), b.Addrs())
	if err := meet.WriteRaw(s, []byte{0, 0}); err != nil {
		t.Fatal(err)
	}
	s.CloseWrite()
	if err := <-failed; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a message that is cut short: %v", err)
	}
	s = dialPair(t, a, b.Peer(), b.Addrs())
	// One byte, and then silence, until the end of Serve.
	if err := meet.WriteRaw(s, []byte{0}); err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := s.ReadMessage(pairPatience); err == nil {
		t.Error("the stream outlives Serve")
	}
	ctx, cancel := context.WithTimeout(context.Background(), pairPatience)
	defer cancel()
	if _, err := newPairHost(t, false).Dial(ctx, b.Peer(), b.Addrs()); err == nil {
		t.Error("a host that no longer serves takes a stream")
	}
}

// TestPairHostBoundsStreams opens more streams than one visitor may have, and
// lets more visitors come than there are places: they all say a word and hang
// on. Each newcomer is heard, at the cost of whoever has been there longest,
// and one that is to stay is not shown out.
func TestPairHostBoundsStreams(t *testing.T) {
	t.Parallel()
	b := newPairHost(t, true)
	var mu sync.Mutex
	now, most := 0, 0
	count := func(by int) {
		mu.Lock()
		defer mu.Unlock()
		now += by
		most = max(most, now)
	}
	servePair(t, b, func(_ context.Context, s *meet.Stream) {
		count(1)
		defer count(-1)
		word, err := s.ReadMessage(pairPatience)
		if err != nil {
			return
		}
		if word[0] == 2 {
			s.Stay()
		}
		s.WriteMessage(word)
		for err == nil { // until it is shown out
			_, err = s.ReadMessage(time.Hour)
		}
	})
	heard := func(a *meet.Host, word byte) (*meet.Stream, bool) {
		s := dialPair(t, a, b.Peer(), b.Addrs())
		t.Cleanup(s.Reset)
		s.WriteMessage([]byte{word}) // fails if the stream was reset already
		_, err := s.ReadMessage(pairPatience)
		if meet.TimedOut(err) {
			t.Fatal("neither heard nor refused")
		}
		return s, err == nil
	}
	first := newPairHost(t, false)
	stays, ok := heard(first, 2)
	if !ok {
		t.Fatal("the first visitor is not heard")
	}
	for i := 1; i <= door.MaxTalks; i++ {
		if _, ok := heard(first, 1); ok != (i < door.MaxTalks) {
			t.Errorf("stream %d of one visitor: heard %v", i+1, ok)
		}
	}
	var all []*meet.Stream
	for i := range 2 * door.MaxGuests {
		s, ok := heard(newPairHost(t, false), 1)
		if !ok {
			t.Errorf("visitor %d is not heard", i+2)
		}
		all = append(all, s)
	}
	if _, err := all[0].ReadMessage(pairPatience); err == nil || meet.TimedOut(err) {
		t.Errorf("the oldest visitor is still there: %v", err)
	}
	mu.Lock()
	if limit := door.MaxGuests * door.MaxTalks; most > limit {
		t.Errorf("%d visitors were heard at once, at most %d may be", most, limit)
	}
	mu.Unlock()
	if err := stays.WriteMessage([]byte{1}); err != nil {
		t.Errorf("the visitor that is to stay was shown out: %v", err)
	}
}

// FuzzParseAt reads what a person may type for `--at`.
func FuzzParseAt(f *testing.F) {
	f.Add("/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf")
	f.Add("/dns4/example.org/udp/4001/quic-v1")
	f.Fuzz(func(t *testing.T, s string) {
		_, addr, err := meet.ParseAt(s)
		if err == nil && len(addr) == 0 {
			t.Errorf("%q is taken and says nowhere", s)
		}
	})
}

func TestParseAt(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"", "x", "192.0.2.7:4001", "/ip4/192.0.2.7/tcp/99999", "/p2p/12D3KooWGzxzKZYveHXtpG6AsrUJBcWxHBFS2HsEoGTxrMLvKXtf", "/ip4/\x1b[2J", strings.Repeat("/ip4/1.2.3.4", 100)} {
		_, _, err := meet.ParseAt(s)
		if err == nil {
			t.Errorf("%q: no error", s)
		} else if len(s) > 1 && strings.Contains(err.Error(), s) {
			t.Errorf("the error quotes its input: %v", err)
		}
	}
}
