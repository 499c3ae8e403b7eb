package meet

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/door"
	"github.com/warifu/warifu/internal/p2p/stream"
	"github.com/warifu/warifu/wire"
)

// A Stream is one conversation between two throw-away hosts. One goroutine
// may read while another writes.
type Stream struct {
	s       network.Stream
	stop    func() bool
	done    sync.Once
	visitor *door.Visitor // nil on the side that visits
}

// Stay keeps the visitor's place: from here on its connection is not closed to
// make room for another's.
func (p *Stream) Stay() {
	if p.visitor != nil {
		p.visitor.Stay()
	}
}

// newStream wraps s, which is reset when ctx ends.
func newStream(ctx context.Context, s network.Stream) *Stream {
	return &Stream{s: s, stop: context.AfterFunc(ctx, func() { s.Reset() })}
}

// Local and Remote return the peer ids of both ends, as the transport's
// handshake has authenticated them.
func (p *Stream) Local() []byte  { return []byte(p.s.Conn().LocalPeer()) }
func (p *Stream) Remote() []byte { return []byte(p.s.Conn().RemotePeer()) }

// RemoteAddr returns where the other end is, as a multiaddr, for a log.
func (p *Stream) RemoteAddr() string { return p.s.Conn().RemoteMultiaddr().String() }

// ReadMessage returns the next message, of 1 to [wire.MaxPairMessage] bytes. It
// waits for patience until the message begins, and no longer than bodyTimeout
// for the rest of it. It returns [io.EOF] if the other side has hung up.
func (p *Stream) ReadMessage(patience time.Duration) ([]byte, error) {
	if err := p.s.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, fmt.Errorf("p2p: read deadline: %w", err)
	}
	begun := func() { p.s.SetReadDeadline(time.Now().Add(bodyTimeout)) }
	msg, err := stream.ReadMessage(p.s, wire.MaxPairMessage, begun, func(int) error { return nil })
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("p2p: read pairing message: %w", err)
	}
	return msg, err
}

// WriteMessage sends one message of 1 to [wire.MaxPairMessage] bytes.
func (p *Stream) WriteMessage(msg []byte) error {
	if len(msg) == 0 || len(msg) > wire.MaxPairMessage {
		return fmt.Errorf("p2p: pairing message of %d bytes", len(msg))
	}
	if err := p.s.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return fmt.Errorf("p2p: write deadline: %w", err)
	}
	if _, err := p.s.Write(stream.AppendMessage(nil, msg)); err != nil {
		return fmt.Errorf("p2p: write pairing message: %w", err)
	}
	return nil
}

// CloseWrite says that nothing more will be written.
func (p *Stream) CloseWrite() error { return p.s.CloseWrite() }

// Close hangs up and waits for the other side to do the same, so that what was
// written last has arrived when the host is thrown away. What the other side
// still says is thrown away. It ends after closeTimeout at the latest.
func (p *Stream) Close() error {
	var err error
	p.done.Do(func() {
		defer p.stop()
		if err = p.s.CloseWrite(); err != nil {
			p.s.Reset()
			return
		}
		p.s.SetReadDeadline(time.Now().Add(closeTimeout))
		n, rerr := io.CopyN(io.Discard, p.s, maxRest)
		if n < maxRest && errors.Is(rerr, io.EOF) {
			err = p.s.Close()
			return
		}
		err = p.s.Reset()
	})
	return err
}

// Reset drops the conversation at once, and what was written may be lost.
// After Close it does nothing.
func (p *Stream) Reset() {
	p.done.Do(func() {
		p.stop()
		p.s.Reset()
	})
}

// ParseAt reads what a person gives to `--at`: a multiaddr that may end in
// /p2p/ID. It returns the id, empty if there is none, and the binary address.
func ParseAt(s string) (id, addr []byte, err error) {
	if len(s) > 512 {
		return nil, nil, errors.New("p2p: this is too long for an address")
	}
	a, err := ma.NewMultiaddr(s)
	if err != nil {
		return nil, nil, errors.New("p2p: this is no multiaddr; one looks like /ip4/192.0.2.7/tcp/4001")
	}
	where, who := peer.SplitAddr(a)
	if len(where) == 0 {
		return nil, nil, errors.New("p2p: the address says who but not where")
	}
	return []byte(who), where.Bytes(), nil
}

// ed25519PeerID returns the peer id of a public key.
func ed25519PeerID(public ed25519.PublicKey) (peer.ID, error) {
	k, err := crypto.UnmarshalEd25519PublicKey(public)
	if err != nil {
		return "", fmt.Errorf("p2p: public key: %w", err)
	}
	id, err := peer.IDFromPublicKey(k)
	if err != nil {
		return "", fmt.Errorf("p2p: peer id: %w", err)
	}
	return id, nil
}
