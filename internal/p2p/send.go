package p2p

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"

	"github.com/warifu/warifu/internal/p2p/stream"
)

// An uptime is the time from one OnUp to the following OnDown, with what is
// queued in it. It belongs to one connection and ends with it, even if there is
// another: only so is each message of an uptime either delivered or the uptime
// ended. All fields but conn and cancel are guarded by remote.mu.
type uptime struct {
	conn     network.Conn
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
	if !r.upLocked() {
		return ErrDown
	}
	up := r.up
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

// sendAll writes the messages of one outbox, in order, to one stream. It
// returns when ctx, the uptime, is done. What could not be written ends the
// uptime, so that the caller learns that messages may be missing.
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
		if s == nil {
			var err error
			s, err = openStream(ctx, up.conn, box.protocol, r.link.limits.write)
			if errors.Is(err, multistream.ErrNotSupported[protocol.ID]{}) {
				r.refuse(up, box)
				continue
			}
			if err != nil {
				r.giveUp(ctx, up, box, err)
				return
			}
			s.CloseRead()
		}
		if err := r.write(s, box, msg); err != nil {
			r.giveUp(ctx, up, box, err)
			return
		}
	}
}

// giveUp closes the connection of the uptime, which ends it.
func (r *remote) giveUp(ctx context.Context, up *uptime, box *outbox, err error) {
	if ctx.Err() == nil {
		r.log.Info("connection given up", "protocol", box.protocol, "err", err)
	}
	up.conn.Close()
}

// pace waits until a message of n bytes may be sent without coming near the
// receiver's limit. It reports false if ctx was done first.
func (r *remote) pace(ctx context.Context, n int) bool {
	now := time.Now()
	wait := max(r.sendMessages.Reserve(1, now), r.sendBytes.Reserve(n, now))
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

// write puts one message on s.
func (r *remote) write(s network.Stream, box *outbox, msg []byte) error {
	box.buf = stream.AppendMessage(box.buf[:0], msg)
	s.SetWriteDeadline(time.Now().Add(r.link.limits.write))
	_, err := s.Write(box.buf)
	if cap(box.buf) > keepBuffer {
		box.buf = nil
	}
	return err
}

// refuse empties an outbox whose protocol the peer does not speak, and keeps it
// empty for the rest of the uptime.
func (r *remote) refuse(up *uptime, box *outbox) {
	r.mu.Lock()
	for _, msg := range box.queue {
		up.messages--
		up.bytes -= len(msg)
	}
	box.queue = nil
	box.refused = true
	r.mu.Unlock()
	r.log.Warn("peer does not speak the protocol", "protocol", box.protocol)
}
