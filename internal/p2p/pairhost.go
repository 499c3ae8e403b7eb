package p2p

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/wire"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// maxPairGuests bounds the connections of visitors, and maxPairPerGuest
	// the incoming streams of one that are handled at once.
	maxPairGuests   = 16
	maxPairPerGuest = 2

	// pairIdle is how long a visitor may be there without a stream.
	pairIdle = 5 * time.Second

	// maxPairRest bounds in bytes what is read and thrown away while a stream
	// is closed.
	maxPairRest = 4 * wire.MaxPairMessage

	// pairDialTimeout bounds reaching the other device, and pairCloseTimeout
	// waiting for it to hang up.
	pairDialTimeout  = 10 * time.Second
	pairCloseTimeout = 5 * time.Second

	// pairBodyTimeout bounds one message from its first byte to its last, and
	// pairWriteTimeout writing one.
	pairBodyTimeout  = 10 * time.Second
	pairWriteTimeout = 10 * time.Second
)

// A PairHost is a throw-away libp2p host on which two devices meet that do not
// know each other yet. It has a fresh key, so that its peer id says nothing of
// the device, and admits anybody: whoever connects must prove to know a secret
// (package pairing). Make one for each code or invitation and close it after.
type PairHost struct {
	host       host.Host
	listen     bool
	everywhere bool        // it listens on more than loopback
	onNetwork  atomic.Bool // it was reachable from another machine
	gate       *pairGate
}

// PairListen returns what a host listens on that waits for another device: all
// interfaces, or the loopback ones.
func PairListen(loopback bool) []string {
	if !loopback {
		return slices.Clone(defaultListen)
	}
	return []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}
}

// NewPairHost binds the multiaddrs of listen. Without any the host can only
// dial. It admits nobody before Serve.
func NewPairHost(listen []string) (*PairHost, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("p2p: throw-away key: %w", err)
	}
	g := new(pairGate)
	h, _, err := bindHost(Config{
		Key:       key,
		Listen:    listen,
		Protocols: map[string]int{wire.ProtocolPair: wire.MaxPairMessage},
	}, g, normalLimits.handshake, func(netip.Addr) bool { return false }, func(string, bool) {})
	clear(key)
	if err != nil {
		return nil, err
	}
	return &PairHost{
		host:       h,
		listen:     len(listen) > 0,
		everywhere: slices.ContainsFunc(h.Network().ListenAddresses(), manet.IsIPUnspecified),
		gate:       g,
	}, nil
}

// Peer returns the host's peer id, 38 bytes.
func (h *PairHost) Peer() []byte { return []byte(h.host.ID()) }

// Addrs returns up to [pairing.MaxAddrs] binary multiaddrs at which the host
// can be reached now, the likeliest first. Loopback addresses are among them
// only if there never was anything else: there are none on a network on which
// the host has no address but those of [OnlyLinkLocal], and none after the host
// has lost a network.
func (h *PairHost) Addrs() [][]byte {
	var out [][]byte
	for _, a := range h.reachable() {
		out = append(out, a.Bytes())
	}
	return out
}

// At returns [PairHost.Addrs] as text with the peer id, for `--at`.
func (h *PairHost) At() []string {
	var out []string
	for _, a := range h.reachable() {
		out = append(out, a.String()+"/p2p/"+h.host.ID().String())
	}
	return out
}

func (h *PairHost) reachable() []ma.Multiaddr {
	now := interfacesNow()
	addrs := now.reach(h.host.Network().ListenAddresses())
	others := slices.DeleteFunc(slices.Clone(addrs), manet.IsIPLoopback)
	if len(others) > 0 {
		h.onNetwork.Store(true)
	}
	if len(others) > 0 || h.everywhere && (now.onlyLinkLocal() || h.onNetwork.Load()) {
		addrs = others
	}
	return addrs[:min(len(addrs), pairing.MaxAddrs)]
}

// Serve admits visitors, calls ready, and hands each incoming stream to handler,
// in a goroutine of its own, until ctx is done. Then it resets what is still
// open, waits for the handlers and returns ctx's error. A stream is reset when
// its handler returns without having closed it. Whoever learns of the host
// before ready was called finds it closed.
func (h *PairHost) Serve(ctx context.Context, ready func(), handler func(context.Context, *PairStream)) error {
	if !h.listen {
		return errors.New("p2p: pairing host does not listen")
	}
	var (
		mu      sync.Mutex
		over    bool
		running sync.WaitGroup
	)
	// enter counts a handler in, unless the host is closing.
	enter := func() bool {
		mu.Lock()
		defer mu.Unlock()
		if !over {
			running.Add(1)
		}
		return !over
	}
	guests := newGuestBook(pairIdle)
	seen := &network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) {
			if c.Stat().Direction == network.DirInbound {
				guests.arrive(c)
			}
		},
		DisconnectedF: func(_ network.Network, c network.Conn) { guests.leave(c) },
	}
	h.host.Network().Notify(seen)
	defer h.host.Network().StopNotify(seen)
	name, _, _ := cutVersion(wire.ProtocolPair)
	// Whoever has another version is heard, so that both sides learn of it from
	// the first byte of what each says.
	anyVersion := func(id protocol.ID) bool {
		n, _, ok := cutVersion(string(id))
		return ok && n == name
	}
	h.host.SetStreamHandlerMatch(wire.ProtocolPair, anyVersion, func(s network.Stream) {
		if !enter() {
			s.Reset()
			return
		}
		defer running.Done()
		g, ok := guests.talk(s.Conn())
		if !ok {
			s.Reset()
			return
		}
		defer guests.hangUp(g)
		p := newPairStream(ctx, s)
		p.guest = g.guest
		defer p.Reset()
		handler(ctx, p)
	})
	h.gate.open(true)
	ready()
	<-ctx.Done()
	h.gate.open(false)
	h.host.RemoveStreamHandler(wire.ProtocolPair)
	mu.Lock()
	over = true
	mu.Unlock()
	running.Wait()
	return ctx.Err()
}

// Dial connects to the host with peer id at any of the binary multiaddrs, and
// opens a stream that lives no longer than ctx.
//
// If id is empty Dial asks each address whose it is first, by dialing with an
// id that nobody has. What answers may be anybody, and that is well: the two
// sides prove themselves afterwards, and the proof covers the ids.
func (h *PairHost) Dial(ctx context.Context, id []byte, addrs [][]byte) (*PairStream, error) {
	var mas []ma.Multiaddr
	for _, b := range addrs {
		a, err := ma.NewMultiaddrBytes(b)
		if err != nil {
			// An address of a kind that this release does not know.
			continue
		}
		mas = append(mas, a)
	}
	if len(mas) == 0 {
		return nil, errors.New("p2p: no address to dial")
	}
	dialing, cancel := context.WithTimeout(ctx, pairDialTimeout)
	defer cancel()
	if len(id) == 0 {
		found, err := h.learn(dialing, mas)
		if err != nil {
			return nil, err
		}
		id = []byte(found)
	}
	remote, err := peer.IDFromBytes(id)
	if err != nil {
		return nil, errors.New("p2p: malformed peer id")
	}
	if remote == h.host.ID() {
		return nil, errors.New("p2p: this is the device itself")
	}
	if err := h.connect(dialing, remote, mas); err != nil {
		return nil, fmt.Errorf("p2p: dial: %w", oneLine(err))
	}
	s, err := h.host.NewStream(network.WithNoDial(dialing, "pairing"), remote, wire.ProtocolPair)
	if err != nil {
		if m, ok := misfit([]string{wire.ProtocolPair}, speaks(h.host.Peerstore(), remote)); ok {
			return nil, pairing.VersionError(m.Theirs, m.Ours)
		}
		return nil, fmt.Errorf("p2p: open pairing stream: %w", err)
	}
	return newPairStream(ctx, s), nil
}

func (h *PairHost) connect(ctx context.Context, id peer.ID, addrs []ma.Multiaddr) error {
	n := h.host.Network()
	if s, ok := n.(*swarm.Swarm); ok {
		// A person tries again when a person wants to.
		s.Backoff().Clear(id)
	}
	h.host.Peerstore().ClearAddrs(id)
	h.host.Peerstore().AddAddrs(id, addrs, peerstore.TempAddrTTL)
	_, err := n.DialPeer(ctx, id)
	return err
}

// learn returns the id of whoever answers at addrs, which the handshake shows to
// anybody who dials.
func (h *PairHost) learn(ctx context.Context, addrs []ma.Multiaddr) (peer.ID, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return "", fmt.Errorf("p2p: throw-away key: %w", err)
	}
	nobody, err := ed25519PeerID(public)
	if err != nil {
		return "", err
	}
	err = h.connect(ctx, nobody, addrs)
	if m, ok := errors.AsType[sec.ErrPeerIDMismatch](err); ok {
		return m.Actual, nil
	}
	return "", fmt.Errorf("p2p: nobody answers there: %w", oneLine(err))
}

// oneLine keeps of a failed dial what each address answered. libp2p's own text
// has a line for each, and the id of a host that was made up for the occasion.
func oneLine(err error) error {
	d, ok := errors.AsType[*swarm.DialError](err)
	if !ok || len(d.DialErrors) == 0 {
		return err
	}
	var all []string
	for _, e := range d.DialErrors {
		text, _, _ := strings.Cut(e.Cause.Error(), "\n")
		all = append(all, text)
	}
	return errors.New(strings.Join(all, "; "))
}

// Close ends every connection and frees the sockets.
func (h *PairHost) Close() error { return h.host.Close() }

// A pairGate admits nobody but while the host serves. Dialing is free.
type pairGate struct {
	mu      sync.Mutex
	serving bool
}

func (g *pairGate) open(yes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serving = yes
}

func (g *pairGate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.serving
}

func (*pairGate) InterceptPeerDial(peer.ID) bool               { return true }
func (*pairGate) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

func (g *pairGate) InterceptAccept(network.ConnMultiaddrs) bool { return g.isOpen() }

func (g *pairGate) InterceptSecured(dir network.Direction, _ peer.ID, _ network.ConnMultiaddrs) bool {
	return dir == network.DirOutbound || g.isOpen()
}

func (*pairGate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
