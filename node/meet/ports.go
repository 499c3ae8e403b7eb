package meet

import (
	"context"
	"time"

	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
)

// A Device is the one that meets others, as far as they are concerned. Its methods
// may be called from any goroutine.
type Device interface {
	// Introduce returns what this device says of itself, with a card for nonce.
	Introduce(ctx context.Context, nonce [32]byte) (Self, error)

	// Consider is Introduce for a visitor that has introduced itself, if it may
	// come in now. If not the error may be a [*Refusal], which says what the
	// visitor is told; whether it comes in is decided by Admit.
	Consider(ctx context.Context, who roster.Card, nonce [32]byte) (Self, error)

	// Admit takes in a visitor that knows that it is welcome, if it still may, and
	// if still has no error to give when it is its turn.
	Admit(ctx context.Context, who Newcomer, still func() error) error

	// WouldJoin says why this device does not join a circle of that shape, or nil.
	WouldJoin(threshold, devices int) error
}

// A Self is what a device says of itself to one that it meets.
type Self struct {
	Card      roster.Card
	Addrs     []string // multiaddrs at which it can be dialled
	Threshold int      // of the circle that it invites into; 0 if it invites nobody
	Devices   int
}

// A Newcomer is a device that has been introduced and is in no circle yet.
type Newcomer struct {
	Card  roster.Card
	Addrs []string // multiaddrs; at most [reach.Max]
}

// A Refusal is why a device does not take in a visitor.
type Refusal struct {
	Code string // that the visitor is told: one of package pairing's
	Err  error  // for the log
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap returns what r is about.
func (r *Refusal) Unwrap() error { return r.Err }

// An Inviter opens and visits the throw-away hosts on which devices meet for
// the first time.
type Inviter interface {
	// Host starts a throw-away host that can be visited.
	Host() (Host, error)

	// Dial visits the throw-away host with that peer id at any of the binary
	// multiaddrs, and DialAt the one at a multiaddr in text, whose peer id it
	// learns from the connection if the text has none: the exchange that
	// follows proves who is there. The stream ends with ctx.
	Dial(ctx context.Context, peer []byte, addrs [][]byte) (Stream, error)
	DialAt(ctx context.Context, at string) (Stream, error)

	// Find looks on the local network for hosts that show code and calls
	// found for each, one at a time, until ctx ends or found returns false.
	Find(ctx context.Context, code pairing.Code, found func(peer []byte, addrs [][]byte) bool) error
}

// A Host is one throw-away host.
type Host interface {
	Peer() []byte    // transport peer id
	Addrs() [][]byte // binary multiaddrs for an invitation
	At() []string    // the same as text, with the peer id

	// Serve calls ready once visitors are admitted, and hands the stream of
	// each to handle, in goroutines of their own, until ctx ends; then it
	// resets what is open and waits for them.
	Serve(ctx context.Context, ready func(), handle func(ctx context.Context, s Stream)) error

	// Announce shows a beacon for code on the local network until ctx ends.
	Announce(ctx context.Context, code pairing.Code) error
	Close() error
}

// A Stream is a message stream between two throw-away hosts.
type Stream interface {
	Local() []byte
	Remote() []byte

	// ReadMessage waits that long for the next message to begin.
	ReadMessage(patience time.Duration) ([]byte, error)
	WriteMessage(msg []byte) error

	// Stay keeps the visitor's place at this side's host. Others are closed
	// to make room when too many come.
	Stay()

	// Close hangs up once what was written has arrived.
	Close() error
}
