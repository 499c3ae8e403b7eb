// Package meet is where two devices meet that do not know each other yet: hosts
// that are thrown away after it, and the one conversation that is held on them.
package meet

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
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/warifu/warifu/internal/p2p/bind"
	"github.com/warifu/warifu/internal/p2p/door"
	"github.com/warifu/warifu/internal/p2p/lan"
	"github.com/warifu/warifu/internal/p2p/stream"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/wire"
)

const (
	// maxStreams is how many incoming streams of one visitor libp2p lets through.
	// How many are heard is for the guest book to say.
	maxStreams = 8

	// handshake bounds the time from an incoming connection of TCP to the proof
	// of whose it is.
	handshake = 5 * time.Second

	// idle is how long a visitor may be there without a stream.
	idle = 5 * time.Second

	// maxRest bounds in bytes what is read and thrown away while a stream
	// is closed.
	maxRest = 4 * wire.MaxPairMessage

	// dialTimeout bounds reaching the other device, and closeTimeout
	// waiting for it to hang up.
	dialTimeout  = 10 * time.Second
	closeTimeout = 5 * time.Second

	// bodyTimeout bounds one message from its first byte to its last, and
	// writeTimeout writing one.
	bodyTimeout  = 10 * time.Second
	writeTimeout = 10 * time.Second
)

// A Host is a throw-away libp2p host on which two devices meet that do not
// know each other yet. It has a fresh key, so that its peer id says nothing of
// the device, and admits anybody: whoever connects must prove to know a secret
// (package pairing). Make one for each code or invitation and close it after.
type Host struct {
	host       host.Host
	listen     bool
	everywhere bool        // it listens on more than loopback
	onNetwork  atomic.Bool // it was reachable from another machine
	gate       *gate
}

// Listen returns what a host listens on that waits for another device: all
// interfaces, or the loopback ones.
func Listen(loopback bool) []string {
	if !loopback {
		return bind.Everywhere()
	}
	return []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}
}

// NewHost binds the multiaddrs of listen. Without any the host can only
// dial. It admits nobody before Serve.
func NewHost(listen []string) (*Host, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("p2p: throw-away key: %w", err)
	}
	g := new(gate)
	h, err := bind.Host(bind.Config{
		Key:      key,
		Listen:   listen,
		Streams:  map[string]int{wire.ProtocolPair: maxStreams},
		Gater:    g,
		Patience: handshake,
		Known:    func(netip.Addr) bool { return false },
		Tell:     func(string, bool) {},
	})
	clear(key)
	if err != nil {
		return nil, err
	}
	return &Host{
		host:       h,
		listen:     len(listen) > 0,
		everywhere: slices.ContainsFunc(h.Network().ListenAddresses(), manet.IsIPUnspecified),
		gate:       g,
	}, nil
}

// Peer returns the host's peer id, 38 bytes.
func (h *Host) Peer() []byte { return []byte(h.host.ID()) }

// Addrs returns up to [pairing.MaxAddrs] binary multiaddrs at which the host
// can be reached now, the likeliest first. Loopback addresses are among them
// only if there never was anything else: there are none on a network on which
// the host has no address but those of [lan.OnlyLinkLocal], and none after the host
// has lost a network.
func (h *Host) Addrs() [][]byte {
	var out [][]byte
	for _, a := range h.reachable() {
		out = append(out, a.Bytes())
	}
	return out
}

// At returns [Host.Addrs] as text with the peer id, for `--at`.
func (h *Host) At() []string {
	var out []string
	for _, a := range h.reachable() {
		out = append(out, a.String()+"/p2p/"+h.host.ID().String())
	}
	return out
}

func (h *Host) reachable() []ma.Multiaddr {
	now := lan.Now()
	addrs := now.Reach(h.host.Network().ListenAddresses())
	others := slices.DeleteFunc(slices.Clone(addrs), manet.IsIPLoopback)
	if len(others) > 0 {
		h.onNetwork.Store(true)
	}
	if len(others) > 0 || h.everywhere && (now.OnlyLinkLocal() || h.onNetwork.Load()) {
		addrs = others
	}
	return addrs[:min(len(addrs), pairing.MaxAddrs)]
}

// Serve admits visitors, calls ready, and hands each incoming stream to handler,
// in a goroutine of its own, until ctx is done. Then it resets what is still
// open, waits for the handlers and returns ctx's error. A stream is reset when
// its handler returns without having closed it. Whoever learns of the host
// before ready was called finds it closed.
func (h *Host) Serve(ctx context.Context, ready func(), handler func(context.Context, *Stream)) error {
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
	guests := door.NewGuestBook(idle)
	seen := &network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) {
			if c.Stat().Direction == network.DirInbound {
				guests.Arrive(c)
			}
		},
		DisconnectedF: func(_ network.Network, c network.Conn) { guests.Leave(c) },
	}
	h.host.Network().Notify(seen)
	defer h.host.Network().StopNotify(seen)
	name, _, _ := stream.CutVersion(wire.ProtocolPair)
	// Whoever has another version is heard, so that both sides learn of it from
	// the first byte of what each says.
	anyVersion := func(id protocol.ID) bool {
		n, _, ok := stream.CutVersion(string(id))
		return ok && n == name
	}
	h.host.SetStreamHandlerMatch(wire.ProtocolPair, anyVersion, func(s network.Stream) {
		if !enter() {
			s.Reset()
			return
		}
		defer running.Done()
		g, ok := guests.Talk(s.Conn())
		if !ok {
			s.Reset()
			return
		}
		defer guests.HangUp(g)
		p := newStream(ctx, s)
		p.visitor = g
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
func (h *Host) Dial(ctx context.Context, id []byte, addrs [][]byte) (*Stream, error) {
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
	dialing, cancel := context.WithTimeout(ctx, dialTimeout)
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
		if m, ok := stream.FindMisfit([]string{wire.ProtocolPair}, stream.Spoken(h.host.Peerstore(), remote)); ok {
			return nil, pairing.VersionError(m.Theirs, m.Ours)
		}
		return nil, fmt.Errorf("p2p: open pairing stream: %w", err)
	}
	return newStream(ctx, s), nil
}

func (h *Host) connect(ctx context.Context, id peer.ID, addrs []ma.Multiaddr) error {
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
func (h *Host) learn(ctx context.Context, addrs []ma.Multiaddr) (peer.ID, error) {
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

// Announce tells the local network that the host shows code, until ctx is done
// ([lan.AnnounceCode]).
func (h *Host) Announce(ctx context.Context, code pairing.Code, loopback bool) error {
	return lan.AnnounceCode(ctx, h.host.ID(), h.host.Network().ListenAddresses(), code, loopback)
}

// Close ends every connection and frees the sockets.
func (h *Host) Close() error { return h.host.Close() }

// A gate admits nobody but while the host serves. Dialing is free.
type gate struct {
	mu      sync.Mutex
	serving bool
}

func (g *gate) open(yes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.serving = yes
}

func (g *gate) isOpen() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.serving
}

func (*gate) InterceptPeerDial(peer.ID) bool               { return true }
func (*gate) InterceptAddrDial(peer.ID, ma.Multiaddr) bool { return true }

func (g *gate) InterceptAccept(network.ConnMultiaddrs) bool { return g.isOpen() }

func (g *gate) InterceptSecured(dir network.Direction, _ peer.ID, _ network.ConnMultiaddrs) bool {
	return dir == network.DirOutbound || g.isOpen()
}

func (*gate) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
