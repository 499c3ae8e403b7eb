package meet

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/pairing"
)

// The tests of this file hold a door open in time that only passes while
// everybody waits, and let visitors come in goroutines of their own.

// A street is a network that leads to one door.
type street struct {
	code  chan pairing.Code
	come  chan *visitor
	hosts int
	moved atomic.Pointer[[][]byte] // where the door is, if not where it was at first
}

func (s *street) Host() (Host, error) { s.hosts++; return s, nil }

func (*street) Dial(context.Context, []byte, [][]byte) (Stream, error) {
	return nil, errors.ErrUnsupported
}

func (*street) DialAt(context.Context, string) (Stream, error) {
	return nil, errors.ErrUnsupported
}

func (*street) Find(context.Context, pairing.Code, func([]byte, [][]byte) bool) error {
	return errors.ErrUnsupported
}

// wait lets a minute pass, and takes what is announced in it.
func (s *street) wait() {
	minute := time.After(time.Minute)
	for {
		select {
		case <-s.code:
		case <-minute:
			return
		}
	}
}

func (s *street) Addrs() [][]byte {
	if moved := s.moved.Load(); moved != nil {
		return *moved
	}
	return [][]byte{{1}}
}

func (*street) Peer() []byte { return []byte("host") }
func (*street) At() []string { return nil }
func (*street) Close() error { return nil }

func (s *street) Announce(ctx context.Context, code pairing.Code) error {
	select {
	case s.code <- code:
	case <-ctx.Done():
	}
	return nil
}

func (s *street) Serve(ctx context.Context, ready func(), handle func(context.Context, Stream)) error {
	ready()
	var all sync.WaitGroup
	defer all.Wait()
	for {
		select {
		case v := <-s.come:
			all.Go(func() { handle(ctx, v) })
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// A visitor is a stream whose other end a test moves.
type visitor struct {
	name     string
	in, out  chan []byte
	hungUp   chan struct{}
	hangUp   func()
	hangsOut chan struct{} // the visitor is gone
	stays    bool          // the door keeps its place
}

func newVisitor(name string) *visitor {
	v := &visitor{name: name, in: make(chan []byte), out: make(chan []byte, 16), hungUp: make(chan struct{}), hangsOut: make(chan struct{})}
	v.hangUp = sync.OnceFunc(func() { close(v.hungUp) })
	return v
}

func (*visitor) Local() []byte    { return []byte("host") }
func (v *visitor) Remote() []byte { return []byte(v.name) }
func (v *visitor) Close() error   { v.hangUp(); return nil }
func (v *visitor) Stay()          { v.stays = true }

func (v *visitor) ReadMessage(patience time.Duration) ([]byte, error) {
	select {
	case msg := <-v.in:
		return msg, nil
	case <-v.hangsOut:
		return nil, io.EOF
	case <-time.After(patience):
		return nil, context.DeadlineExceeded
	}
}

func (v *visitor) WriteMessage(msg []byte) error { v.out <- msg; return nil }

// say hands a message to the door, which may have hung up.
func (v *visitor) say(msgs [][]byte) {
	for _, m := range msgs {
		select {
		case v.in <- m:
		case <-v.hungUp:
		}
	}
}

// hear waits for a message of the door.
func (v *visitor) hear() ([]byte, bool) {
	select {
	case m := <-v.out:
		return m, true
	case <-v.hungUp:
		select {
		case m := <-v.out:
			return m, true
		default:
			return nil, false
		}
	}
}

// typist makes the machine of a device that was told p, and that introduces
// itself under a name.
func (v *visitor) typist(t *testing.T, p pairing.Password) *pairing.Typist {
	t.Helper()
	random := rand.NewChaCha8([32]byte{31: byte(len(v.name)), 0: v.name[0]})
	self, err := newDevice(v.name, random).Introduce(t.Context(), cardNonce([]byte("host"), []byte(v.name)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := pairing.NewTypist(pairing.TypistConfig{Password: p, Self: []byte(v.name), Peer: []byte("host"), Payload: self.encode()}, random)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// visit plays a typist's side to its end, waiting before each word after the
// first, and returns how it ended.
func (v *visitor) visit(m *pairing.Typist, before func(word int)) error {
	v.say(m.Start())
	for word := 1; ; word++ {
		msg, ok := v.hear()
		if !ok {
			return io.EOF
		}
		out, err := m.Deliver(msg)
		if err != nil {
			return err
		}
		if _, ok := m.Payload(); ok {
			if out, err = m.Ack(); err != nil {
				return err
			}
		}
		if before != nil {
			before(word)
		}
		v.say(out)
		if m.Done() {
			return nil
		}
	}
}

// A held is a door that a test holds open.
type held struct {
	mu sync.Mutex // guards events

	device  *device
	greeter *Greeter
	street  *street
	code    pairing.Code
	opened  time.Time
	result  chan error
	who     Newcomer
	events  []api.Event
	log     bytes.Buffer // from level info on
}

// end waits until the door closes.
func (h *held) end() error {
	select {
	case err := <-h.result:
		return err
	case <-time.After(time.Hour):
		return errors.New("the door does not close")
	}
}

// holdWith is hold with another way to show invitations.
func holdWith(t *testing.T, f func(*held), show func(context.Context, *Reception) (Newcomer, error)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(700 * time.Millisecond) // not at a full second
		random := &lockedReader{r: rand.NewChaCha8([32]byte{25})}
		h := &held{street: &street{code: make(chan pairing.Code, 1), come: make(chan *visitor)}, result: make(chan error, 1), opened: time.Now()}
		h.device = newDevice("founder", random)
		h.device.threshold, h.device.devices = 2, 3
		h.greeter = New(Config{Device: h.device, Inviter: h.street, Now: time.Now, Rand: random, Log: slog.New(slog.NewTextHandler(&h.log, nil))})
		ctx, stop := context.WithCancel(t.Context())
		var all sync.WaitGroup
		all.Go(func() {
			var err error
			h.who, err = show(ctx, h.greeter.Receive(3, func(e api.Event) {
				h.mu.Lock()
				defer h.mu.Unlock()
				h.events = append(h.events, e)
			}))
			h.result <- err
		})
		h.code = <-h.street.code
		f(h)
		stop()
		h.greeter.End(errStopped)
		all.Wait()
	})
}

// hold opens the door of a device that founds a circle of three.
func hold(t *testing.T, f func(*held)) {
	t.Helper()
	holdWith(t, f, func(ctx context.Context, r *Reception) (Newcomer, error) { return r.show(ctx, 2) })
}

// lockedReader is randomness that goroutines share.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(b)
}

// wrong is a password that is not the one of the door.
func wrong(t *testing.T) pairing.Password {
	t.Helper()
	c, err := pairing.ParseCode("0000 0000")
	if err != nil {
		t.Fatal(err)
	}
	return c.Password()
}

// TestSilentVisitorsKeepNobodyWaiting: a visitor that says nothing, one that
// stops in the middle, and one that has the door wait for a long time, are
// there when the right one comes.
func TestSilentVisitorsKeepNobodyWaiting(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		for _, name := range []string{"silent", "also silent"} {
			h.street.come <- newVisitor(name)
		}
		half := newVisitor("stops in the middle")
		h.street.come <- half
		half.say(half.typist(t, h.code.Password()).Start())
		right := newVisitor("laptop")
		h.street.come <- right
		if err := right.visit(right.typist(t, h.code.Password()), nil); err != nil {
			t.Errorf("the right visitor: %v", err)
		}
		if err := h.end(); err != nil || h.who.Card.Name != "laptop" {
			t.Errorf("%v, %q came in", err, h.who.Card.Name)
		}
		if waited := time.Since(h.opened); waited != 0 {
			t.Errorf("the right visitor waited for %v", waited)
		}
	})
}

// TestSilentVisitorsAreShownOut: their places are for others.
func TestSilentVisitorsAreShownOut(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		v := newVisitor("silent")
		h.street.come <- v
		<-v.hungUp
		if waited := time.Since(h.opened); waited != helloTimeout {
			t.Errorf("a visitor without a word was there for %v, want %v", waited, helloTimeout)
		}
		v = newVisitor("stops in the middle")
		h.street.come <- v
		came := time.Now()
		v.say(v.typist(t, h.code.Password()).Start())
		<-v.hungUp
		if waited := time.Since(came); waited != helloTimeout {
			t.Errorf("a visitor that stops in the middle was there for %v, want %v", waited, helloTimeout)
		}
	})
}

// TestVisitorsDoNotFillTheScreen: whoever knows nothing can come again and again,
// and is not told of each time, on the screen or in the log.
func TestVisitorsDoNotFillTheScreen(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		const each = 20
		for i := range each {
			for _, word := range [][]byte{
				{9, 1},                   // of another version
				{1, byte(7 + i)},         // of no kind
				{1, 1, byte(i)},          // too short
				make([]byte, 9000+100*i), // too long
				nil,                      // gone
			} {
				v := newVisitor("nobody")
				h.street.come <- v
				if word == nil {
					close(v.hangsOut)
				} else {
					v.say([][]byte{word})
				}
				<-v.hungUp
			}
		}
		for i := range pairing.MaxTries {
			half := newVisitor(string(rune('a'+i)) + " half")
			h.street.come <- half
			half.say(half.typist(t, wrong(t)).Start())
			half.hear()
		}
		for range each {
			v := newVisitor("too late")
			h.street.come <- v
			v.say(v.typist(t, wrong(t)).Start())
			<-v.hungUp
		}
		// Malformed, of another version, too many tries; and the one that left.
		told := slices.DeleteFunc(slices.Clone(h.events), func(e api.Event) bool { return e.Event != api.EventProgress })
		if len(told) != 3 {
			t.Errorf("the person is told %d things, want 3: %v", len(told), told)
		}
		if lines := strings.Count(h.log.String(), "\n"); lines != 4 {
			t.Errorf("%d lines in the log, want 4:\n%s", lines, h.log.String())
		}
	})
}

// TestTriesOfVisitorsAtOnce: however many guess at the same time, no more are
// answered than there are guesses, and the invitation goes on.
func TestTriesOfVisitorsAtOnce(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		var all sync.WaitGroup
		var mu sync.Mutex
		var codes []string
		for i := range 20 {
			v := newVisitor(string(rune('a'+i)) + " guesser")
			h.street.come <- v
			m := v.typist(t, wrong(t))
			all.Go(func() {
				err := v.visit(m, nil)
				mu.Lock()
				defer mu.Unlock()
				e, _ := errors.AsType[*pairing.Error](err)
				if e == nil {
					t.Errorf("%s: %v", v.name, err)
					return
				}
				codes = append(codes, e.Code)
			})
		}
		all.Wait()
		// Some of them may have come when the next code was shown already.
		wrong := 0
		for _, code := range codes {
			switch code {
			case pairing.WrongCode:
				wrong++
			case pairing.TooManyTries:
			default:
				t.Errorf("a guesser hears %s", code)
			}
		}
		if wrong < pairing.MaxTries || wrong > pairing.MaxGuesses {
			t.Errorf("%d guesses were answered, want %d to %d", wrong, pairing.MaxTries, pairing.MaxGuesses)
		}
		select {
		case err := <-h.result:
			t.Errorf("the door closes: %v", err)
			h.result <- err
		default:
		}
	})
}

// TestOneVisitorWins: two that know the code at the same time. One comes in,
// and the other is told that the code is used.
func TestOneVisitorWins(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		var all, begun sync.WaitGroup
		begun.Add(2)
		errs := make([]error, 2)
		for i, name := range []string{"laptop", "tablet"} {
			v := newVisitor(name)
			h.street.come <- v
			m := v.typist(t, h.code.Password())
			all.Go(func() {
				errs[i] = v.visit(m, func(word int) {
					if word == 1 { // both have begun before either proves anything
						begun.Done()
						begun.Wait()
					}
				})
			})
		}
		all.Wait()
		won := slices.Index(errs, nil)
		if won < 0 {
			t.Fatalf("nobody comes in: %v", errs)
		}
		if e, _ := errors.AsType[*pairing.Error](errs[1-won]); e == nil || e.Code != pairing.Used {
			t.Errorf("the other hears %v", errs[1-won])
		}
		if err := h.end(); err != nil || h.who.Card.Name != []string{"laptop", "tablet"}[won] {
			t.Errorf("%v, %q came in", err, h.who.Card.Name)
		}
	})
}

// TestWinnerIsWaitedFor: one that has proved to know the code may take its time
// with the rest. Neither another that fails meanwhile nor the end of the five
// minutes closes the door on it.
func TestWinnerIsWaitedFor(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(t *testing.T, h *held){
		"another fails": func(t *testing.T, h *held) {
			v := newVisitor("guesser")
			h.street.come <- v
			if err := v.visit(v.typist(t, wrong(t)), nil); err == nil {
				t.Error("a guesser comes in")
			}
			<-v.hungUp
		},
		"time is up": func(*testing.T, *held) { time.Sleep(20 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hold(t, func(h *held) {
				time.Sleep(pairing.Lifetime*time.Second - 10*time.Second)
				v := newVisitor("laptop")
				h.street.come <- v
				if err := v.visit(v.typist(t, h.code.Password()), func(word int) {
					if word == 2 { // the door has heard the proof
						between(t, h)
						synctest.Wait()
						select {
						case err := <-h.result:
							t.Errorf("the door closes before the winner is in: %v", err)
							h.result <- err
						default:
						}
					}
				}); err != nil {
					t.Errorf("the winner: %v", err)
				}
				if err := h.end(); err != nil || h.who.Card.Name != "laptop" {
					t.Errorf("%v, %q came in", err, h.who.Card.Name)
				}
			})
		})
	}
}

// TestWinnerThatDoesNotComeIn: the code is used up; the door says so when the
// one that proved itself has gone, and not at the end of five minutes.
func TestWinnerThatDoesNotComeIn(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		v := newVisitor("laptop")
		h.street.come <- v
		m := v.typist(t, h.code.Password())
		v.visit(m, func(word int) {
			if word == 2 {
				close(v.hangsOut)
				v.hangUp()
			}
		})
		e, _ := errors.AsType[*pairing.Error](h.end())
		if e == nil || e.Code != pairing.Used {
			t.Errorf("the door closes with %v", e)
		}
		if waited := time.Since(h.opened); waited != 0 {
			t.Errorf("it closes after %v", waited)
		}
	})
}

// TestInvitationExpires: five minutes later to the second, whatever fraction of
// a second it began with.
func TestInvitationExpires(t *testing.T) {
	t.Parallel()
	hold(t, func(h *held) {
		e, _ := errors.AsType[*pairing.Error](h.end())
		if e == nil || e.Code != pairing.Expired {
			t.Errorf("the door closes with %v, and %q came in", e, h.who.Card.Name)
		}
		if lived := time.Since(h.opened); lived != pairing.Lifetime*time.Second {
			t.Errorf("it lived for %v", lived)
		}
	})
}
