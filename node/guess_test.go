package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/journal/journaltest"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
)

// A guesser is a network on which somebody tries codes at every host that is
// opened, as fast as it answers.
type guesser struct {
	hosts int
	most  int
	open  atomic.Bool // the host that was made last admits visitors
	stop  context.CancelFunc
}

func (g *guesser) Host() (PairHost, error) {
	if g.hosts++; g.hosts > g.most {
		g.stop()
	}
	g.open.Store(false)
	return &guessedHost{g}, nil
}

func (*guesser) Dial(context.Context, []byte, [][]byte) (PairStream, error) {
	return nil, errors.ErrUnsupported
}

func (*guesser) DialAt(context.Context, string) (PairStream, error) {
	return nil, errors.ErrUnsupported
}

func (*guesser) Find(context.Context, pairing.Code, func([]byte, [][]byte) bool) error {
	return errors.ErrUnsupported
}

type guessedHost struct{ g *guesser }

func (*guessedHost) Peer() []byte    { return []byte("host") }
func (*guessedHost) Addrs() [][]byte { return [][]byte{{1}} }
func (*guessedHost) At() []string    { return nil }
func (*guessedHost) Close() error    { return nil }

func (*guessedHost) Announce(context.Context, pairing.Code) error { return nil }

func (h *guessedHost) Serve(ctx context.Context, ready func(), handle func(context.Context, PairStream)) error {
	code, err := pairing.ParseCode("0000 0000")
	if err != nil {
		return err
	}
	h.g.open.Store(true)
	ready()
	for range pairing.MaxTries {
		visitor, err := pairing.NewTypist(pairing.TypistConfig{Password: code.Password(), Self: []byte("visitor"), Peer: h.Peer()},
			rand.NewChaCha8([32]byte{byte(h.g.hosts)}))
		if err != nil {
			return err
		}
		handle(ctx, &guess{visitor: visitor, queue: visitor.Start()})
	}
	<-ctx.Done()
	return nil
}

// A guess is the stream of one visitor, who answers as soon as it is spoken to.
type guess struct {
	visitor *pairing.Typist
	queue   [][]byte
}

func (*guess) Local() []byte  { return []byte("host") }
func (*guess) Remote() []byte { return []byte("visitor") }
func (*guess) Close() error   { return nil }

func (s *guess) ReadMessage(time.Duration) ([]byte, error) {
	if len(s.queue) == 0 {
		return nil, io.EOF
	}
	msg := s.queue[0]
	s.queue = s.queue[1:]
	return msg, nil
}

func (s *guess) WriteMessage(msg []byte) error {
	out, err := s.visitor.Deliver(bytes.Clone(msg))
	if err == nil {
		s.queue = append(s.queue, out...)
	}
	return nil
}

// TestGuessingCodesEnds: three tries at each code are no bound while a new
// code follows at once. At a few milliseconds for each, somebody on the network
// who knows the six bits of the hint finds one in hours. And no code is shown
// before its door is open: whoever is handed one may be there at once.
func TestGuessingCodesEnds(t *testing.T) {
	t.Parallel()
	keeper := &labKeeper{keys: map[string]bool{}}
	store := journaltest.New()
	random := rand.NewChaCha8([32]byte{24})
	if _, err := Init(store, keeper, random, "phone", roster.Phone); err != nil {
		t.Fatal(err)
	}
	n, err := Open(Config{Journal: store, Keeper: keeper, Rand: random})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	g := &guesser{most: 20, stop: stop}
	n.invite = g
	var late sync.WaitGroup
	_, err = n.welcome(ctx, &late, 2, 3, func(e api.Event) {
		if e.Event == api.EventInvitation && !g.open.Load() {
			t.Error("a code was shown while its door was shut")
		}
	})
	stop()
	late.Wait()
	if g.hosts > g.most {
		t.Fatalf("%d codes were shown to somebody who guesses them", g.hosts)
	}
	if api.CodeOf(err) != api.CodeInvitationSpent {
		t.Errorf("%v", err)
	}
}
