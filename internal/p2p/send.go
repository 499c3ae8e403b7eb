package p2p

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// An uptime is the time from one OnUp to the following OnDown, with what is
// queued in it. All fields but cancel are guarded by remote.mu.
type uptime struct {
	lost     int // remote.lost when it began
	cancel   context.CancelFunc
	boxes    map[string]*outbox
	messages int // queued, over all boxes
	bytes    int
}

// An outbox is the queue of one protocol.
type outbox struct {
	protocol string
	wake     chan struct{} // capacity 1: queue may have grown
	queue    [][]byte      // guarded by remote.mu
	refused  bool          // the peer does not speak it; guarded by remote.mu
	buf      []byte        // owned by the sender
}

// enqueue appends msg to the protocol's outbox.
func (r *remote) enqueue(name string, msg []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	up := r.up
	if up == nil || up.lost != r.lost {
		return ErrDown
	}
	box := up.boxes[name]
	if box.refused {
		return ErrProtocol
	}
	if up.messages == maxQueuedMessages || up.bytes+len(msg) > maxQueuedBytes {
		return ErrQueueFull
	}
	up.messages++
	up.bytes += len(msg)
	box.queue = append(box.queue, msg)
	nudge(box.wake)
	return nil
}

// dequeue takes the oldest message of box, or nil.
func (r *remote) dequeue(up *uptime, box *outbox) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(box.queue) == 0 {
		return nil
	}
	msg := box.queue[0]
	box.queue = slices.Delete(box.queue, 0, 1)
	up.messages--
	up.bytes -= len(msg)
	return msg
}

// sendAll writes the messages of one outbox, in order, to one stream, and
// replaces the stream when it fails. It returns when ctx, the uptime, is done.
func (r *remote) sendAll(ctx context.Context, up *uptime, box *outbox) {
	var s network.Stream
	defer func() {
		if s != nil {
			s.Reset()
		}
	}()
	for {
		msg := r.dequeue(up, box)
		if msg == nil {
			select {
			case <-ctx.Done():
				return
			case <-box.wake:
			}
			continue
		}
		if !r.pace(ctx, len(msg)) {
			return
		}
		s = r.write(ctx, s, box, msg)
	}
}

// pace waits until a message of n bytes may be sent without coming near the
// receiver's limit. It reports false if ctx was done first.
func (r *remote) pace(ctx context.Context, n int) bool {
	now := time.Now()
	wait := max(r.sendMessages.reserve(1, now), r.sendBytes.reserve(n, now))
	if wait == 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// write puts one message on s, or on a new stream if s is nil or fails, and
// returns the stream to go on with. When that cannot be had it gives up the
// connection: the peer goes down, and whoever sent the message learns it so.
func (r *remote) write(ctx context.Context, s network.Stream, box *outbox, msg []byte) network.Stream {
	box.buf = appendMessage(box.buf[:0], msg)
	defer func() {
		if cap(box.buf) > keepBuffer {
			box.buf = nil
		}
	}()
	var c network.Conn
	for range sendAttempts {
		if s == nil {
			if c = r.newest(); c == nil {
				return nil
			}
			var err error
			s, err = openStream(ctx, c, box.protocol, r.link.limits.write)
			if errors.Is(err, multistream.ErrNotSupported[protocol.ID]{}) {
				r.refuse(box)
				return nil
			}
			if err != nil {
				r.log.Debug("no stream", "protocol", box.protocol, "err", err)
				continue
			}
			s.CloseRead()
		}
		s.SetWriteDeadline(time.Now().Add(r.link.limits.write))
		_, err := s.Write(box.buf)
		if err == nil {
			return s
		}
		r.log.Debug("message not written", "protocol", box.protocol, "err", err)
		c = s.Conn()
		s.Reset()
		s = nil
	}
	if ctx.Err() == nil {
		r.log.Info("connection given up", "protocol", box.protocol)
	}
	c.Close()
	return nil
}

// refuse empties an outbox whose protocol the peer does not speak, and keeps it
// empty until the peer has been down.
func (r *remote) refuse(box *outbox) {
	r.mu.Lock()
	first := !box.refused
	box.refused = true
	if r.up != nil && r.up.boxes[box.protocol] == box {
		for _, msg := range box.queue {
			r.up.messages--
			r.up.bytes -= len(msg)
		}
	}
	box.queue = nil
	r.mu.Unlock()
	if first {
		r.log.Warn("peer does not speak the protocol", "protocol", box.protocol)
	}
}
