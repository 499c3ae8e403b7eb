package p2p

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/warifu/warifu/internal/p2p/stream"
)

// An inbox lets one stream of one peer and protocol deliver at a time. Streams
// that come later wait: the sender opens one only when it has given up the one
// before, and what is left in that must be delivered first.
type inbox struct {
	turn  chan struct{} // capacity 1: full while a stream delivers
	grace time.Duration // limits.grace

	mu      sync.Mutex
	open    int            // streams that deliver or wait
	current network.Stream // the one that delivers, or nil
}

// arrive counts a new stream. It reports false if there are too many. The one
// that delivers has not much longer.
func (in *inbox) arrive() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.open == maxStreams {
		return false
	}
	in.open++
	if in.current != nil {
		in.current.SetReadDeadline(time.Now().Add(in.grace))
	}
	return true
}

// leave undoes arrive and, if s was delivering, lets the next one.
func (in *inbox) leave(s network.Stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.open--
	if in.current == s {
		in.current = nil
		<-in.turn
	}
}

// await waits until it is the turn of s.
func (in *inbox) await(done <-chan struct{}, s network.Stream) bool {
	select {
	case in.turn <- struct{}{}:
	case <-done:
		return false
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.current = s
	return true
}

// superseded reports whether another stream waits for s to end.
func (in *inbox) superseded() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.open > 1
}

// rest sets the deadline of s between messages: none, unless it is superseded.
func (in *inbox) rest(s network.Stream) {
	in.mu.Lock()
	defer in.mu.Unlock()
	var until time.Time
	if in.open > 1 {
		until = time.Now().Add(in.grace)
	}
	s.SetReadDeadline(until)
}

var errFlood = errors.New("p2p: rate limit exceeded")

// receive serves one incoming stream: it waits until the peer is up and earlier
// streams have ended, and then delivers message after message.
func (r *remote) receive(ctx context.Context, s network.Stream, name string, limit int) {
	in := r.inboxes[name]
	if !in.arrive() {
		s.Reset()
		r.fault("it opens too many streams")
		return
	}
	defer in.leave(s)

	wait, cancel := context.WithTimeout(ctx, r.link.limits.turn)
	defer cancel()
	if !r.awaitUp(wait) || !in.await(wait.Done(), s) {
		s.Reset()
		return
	}
	for {
		in.rest(s)
		err := r.receiveOne(s, name, limit)
		if err == nil {
			continue
		}
		if err == io.EOF {
			s.Close()
			return
		}
		s.Reset()
		if what := blame(err); what != "" && !in.superseded() {
			r.fault(what)
		}
		return
	}
}

// receiveOne reads one message and hands it over.
func (r *remote) receiveOne(s network.Stream, name string, limit int) error {
	reserved := 0
	defer func() { s.Scope().ReleaseMemory(reserved) }()
	msg, err := stream.ReadMessage(s, limit,
		func() { s.SetReadDeadline(time.Now().Add(r.link.limits.body)) },
		func(n int) error {
			now := time.Now()
			if !r.recvMessages.Take(1, now) || !r.recvBytes.Take(n, now) {
				return errFlood
			}
			if err := s.Scope().ReserveMemory(n, network.ReservationPriorityAlways); err != nil {
				return err
			}
			reserved = n
			return nil
		})
	if err != nil {
		return err
	}
	select {
	case <-r.gone:
		return net.ErrClosed
	default:
	}
	r.link.cfg.OnMessage(r.key, name, msg)
	return nil
}

// blame says in words for a person what the peer did, if err is its doing. A
// connection that was lost is nobody's fault.
func blame(err error) string {
	switch {
	case errors.Is(err, stream.ErrMessage):
		return "it sends malformed messages"
	case errors.Is(err, errFlood):
		return "it floods"
	case timedOut(err):
		return "it stalls in the middle of a message"
	default:
		return ""
	}
}

// timedOut reports whether err is a deadline's. The two stream muxers have an
// error each.
func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// awaitUp waits until the peer is up and the caller has been told so.
func (r *remote) awaitUp(ctx context.Context) bool {
	r.mu.Lock()
	upped := r.upped
	r.mu.Unlock()
	select {
	case <-upped:
		return true
	case <-r.gone:
		return false
	case <-ctx.Done():
		return false
	}
}
