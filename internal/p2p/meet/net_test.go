package meet_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/p2p/meet"
	"github.com/warifu/warifu/pairing"
)

// A shower is a device that shows a code and accepts whoever knows it.
type shower struct {
	now  uint64
	host *meet.Host
	runs chan *pairing.Shower // each run when it has ended

	mu sync.Mutex // guards the window and its runs
	w  *pairing.Window
}

func newShower(t *testing.T) *shower {
	t.Helper()
	s := &shower{now: uint64(time.Now().Unix()), host: newPairHost(t, true), runs: make(chan *pairing.Shower, 8)}
	var err error
	if s.w, err = pairing.NewWindow(s.now, rand.Reader); err != nil {
		t.Fatal(err)
	}
	servePair(t, s.host, func(_ context.Context, p *meet.Stream) {
		m, err := pairing.NewShower(pairing.ShowerConfig{Window: s.w, Self: p.Local(), Peer: p.Remote()}, rand.Reader)
		if err != nil {
			t.Error(err)
			return
		}
		s.run(m, p)
		s.mu.Lock()
		defer s.mu.Unlock()
		m.Close()
		s.runs <- m
	})
	return s
}

func (s *shower) run(m *pairing.Shower, p *meet.Stream) {
	for !m.Done() {
		msg, err := p.ReadMessage(pairPatience)
		if err != nil {
			return
		}
		s.mu.Lock()
		out, err := m.Deliver(s.now, msg)
		if _, ok := m.Payload(); ok && err == nil && !m.Done() {
			out, err = m.Accept([]byte("founding"))
		}
		s.mu.Unlock()
		for _, msg := range out {
			if p.WriteMessage(msg) != nil {
				return
			}
		}
		if err != nil {
			break
		}
	}
	p.Close()
}

// typist runs the other side at an address.
func typist(t *testing.T, pw pairing.Password, id []byte, addrs [][]byte) (*pairing.Typist, error) {
	t.Helper()
	s := dialPair(t, newPairHost(t, false), id, addrs)
	defer s.Close()
	m, err := pairing.NewTypist(pairing.TypistConfig{Password: pw, Self: s.Local(), Peer: s.Remote(), Payload: []byte("card")}, rand.Reader)
	if err != nil {
		return nil, err
	}
	defer m.Close()
	for out := m.Start(); ; {
		for _, msg := range out {
			if err := s.WriteMessage(msg); err != nil {
				return m, err
			}
		}
		if m.Done() {
			return m, nil
		}
		msg, err := s.ReadMessage(pairPatience)
		if err != nil {
			return m, err
		}
		if out, err = m.Deliver(msg); err != nil {
			return m, err
		}
		if _, ok := m.Payload(); ok {
			if out, err = m.Ack(); err != nil {
				return m, err
			}
		}
	}
}

func wantReason(t *testing.T, err error, code string) {
	t.Helper()
	if e, ok := errors.AsType[*pairing.Error](err); !ok || e.Code != code {
		t.Fatalf("error = %v, want code %s", err, code)
	}
}

// TestPairsOverTheNetwork runs the machines of package pairing over real
// sockets, as a device does.
func TestPairsOverTheNetwork(t *testing.T) {
	t.Parallel()
	b := newShower(t)
	inv, err := b.w.Invitation(b.host.Peer(), b.host.Addrs())
	if err != nil {
		t.Fatal(err)
	}

	// A wrong code, by address alone.
	digits := []byte(b.w.Code().Text())
	digits[0] = '0' + (digits[0]-'0'+1)%10
	wrong, err := pairing.ParseCode(string(digits))
	if err != nil {
		t.Fatal(err)
	}
	_, err = typist(t, wrong.Password(), nil, b.host.Addrs()[:1])
	wantReason(t, err, pairing.WrongCode)
	<-b.runs

	// Then the invitation, as it is read from a screen.
	read, err := pairing.ParseInvitation(strings.ToUpper(inv.Text()))
	if err != nil {
		t.Fatal(err)
	}
	m, err := typist(t, read.Password(), read.Peer, read.Addrs)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := m.Payload(); !ok || string(got) != "founding" {
		t.Errorf("payload %q", got)
	}
	if other := <-b.runs; !other.Done() {
		t.Error("the shower does not agree")
	}

	// And the same again.
	_, err = typist(t, read.Password(), read.Peer, read.Addrs)
	wantReason(t, err, pairing.Used)
	<-b.runs
}

// TestManInTheMiddleOfTheNetwork puts a relay between two honest devices. It
// passes on every message as it is; but its hosts have peer ids of their own.
func TestManInTheMiddleOfTheNetwork(t *testing.T) {
	t.Parallel()
	b := newShower(t)
	relay := newPairHost(t, true)
	servePair(t, relay, func(ctx context.Context, left *meet.Stream) {
		// It even answers under the id under which it dials.
		right, err := relay.Dial(ctx, b.host.Peer(), b.host.Addrs())
		if err != nil {
			return
		}
		var wg sync.WaitGroup
		pass := func(from, to *meet.Stream) {
			for {
				msg, err := from.ReadMessage(pairPatience)
				if err != nil || to.WriteMessage(msg) != nil {
					to.CloseWrite()
					return
				}
			}
		}
		wg.Go(func() { pass(left, right) })
		wg.Go(func() { pass(right, left) })
		wg.Wait()
		right.Reset()
	})
	_, err := typist(t, b.w.Code().Password(), nil, relay.Addrs())
	wantReason(t, err, pairing.WrongCode)
	if run := <-b.runs; run.Done() {
		t.Error("the shower paired through the relay")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := b.w.TriesLeft(); n != pairing.MaxTries-1 {
		t.Errorf("%d tries left", n)
	}
}
