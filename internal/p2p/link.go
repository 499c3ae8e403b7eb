package p2p

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/door"
	"github.com/warifu/warifu/internal/p2p/lan"
)

// The ways in which [Link.Send] refuses a message. None of them is about the
// message, and each can be different a moment later.
var (
	ErrNotAllowed = errors.New("peer is not allowed")
	ErrDown       = errors.New("peer is not connected")
	ErrQueueFull  = errors.New("queue to the peer is full")
	ErrProtocol   = errors.New("peer does not speak the protocol")
)

// A Link is this device's end of its connections to the other devices. All
// methods may be called at any time and from any goroutine.
type Link struct {
	cfg    Config
	limits limits
	host   host.Host
	lan    *lan.Discovery

	// boot tells peers that this process is not the one that they knew.
	boot [bootSize]byte

	strangers *door.Census
	changed   chan struct{} // capacity 1: there may be remotes to start

	mu      sync.Mutex
	begun   bool // Run was called
	run     bool // whoever is admitted is let in
	remotes map[peer.ID]*remote
	leaving map[peer.ID]*remote // taken out, their goroutines not yet done

	// work counts the goroutines that libp2p starts for us: streams and
	// notifications. It is only added to while run is true.
	work sync.WaitGroup
}

// New binds the sockets and returns a link that admits nobody. Run must be
// called afterwards, if only to close it.
func New(cfg Config) (*Link, error) { return newLink(cfg, normalLimits) }

func newLink(cfg Config, lim limits) (*Link, error) {
	explicit := len(cfg.Listen) > 0
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	l := &Link{
		cfg:     cfg,
		limits:  lim,
		changed: make(chan struct{}, 1),
		remotes: make(map[peer.ID]*remote),
		leaving: make(map[peer.ID]*remote),
	}
	told := newStrangerLog(cfg.Log, lim.strangerLog)
	l.strangers = door.NewCensus(lim.stranger, l.spawn, func(s Strangers) {
		told.take(s)
		cfg.OnStrangers(s)
	})
	rand.Read(l.boot[:])
	if l.host, err = l.bind(); err != nil {
		return nil, err
	}
	// libp2p is content with one address. Of the defaults some may be
	// missing, but what somebody asked for must be had.
	if got := len(l.host.Network().ListenAddresses()); explicit && got < len(cfg.Listen) {
		l.host.Close()
		return nil, fmt.Errorf("p2p: listen: only %d of %d addresses can be had", got, len(cfg.Listen))
	}
	// What the key is for now sits in the host.
	l.cfg.Key = nil
	l.lan = l.discovery()
	return l, nil
}

// ID returns this device's peer id in its binary form.
func (l *Link) ID() []byte { return []byte(l.host.ID()) }

// Addrs returns the multiaddrs under which this device can be dialed now, without
// its peer id, the likeliest first, loopback included.
func (l *Link) Addrs() []string {
	var out []string
	for _, a := range lan.Now().Reach(l.host.Network().ListenAddresses()) {
		out = append(out, a.String())
	}
	return out
}

// SetPeers says who is allowed: the keys are binary peer ids, the values known
// multiaddrs of that peer, with or without its /p2p part. Whoever is not named
// any more is cut before SetPeers returns. A key that is no peer id, an address
// that is none or belongs to somebody else, and this device itself are left out
// with a line in the log. Naming a peer again makes it be dialed at once.
func (l *Link) SetPeers(peers map[string][]string) {
	var cut []*remote
	l.mu.Lock()
	for id, r := range l.remotes {
		if _, ok := peers[string(id)]; !ok {
			delete(l.remotes, id)
			if r.started {
				l.leaving[id] = r
			}
			close(r.gone)
			cut = append(cut, r)
		}
	}
	for raw, addrs := range peers {
		id, err := peer.IDFromBytes([]byte(raw))
		if err != nil || id == l.host.ID() || (l.remotes[id] == nil && len(l.remotes) == maxPeers) {
			l.cfg.Log.Warn("peer left out", "reason", leftOut(err, id == l.host.ID()))
			continue
		}
		r := l.remotes[id]
		if r == nil {
			r = newRemote(l, id, l.leaving[id])
			l.remotes[id] = r
		}
		r.setAddrs(addrs)
	}
	l.mu.Unlock()

	for _, r := range cut {
		l.host.Network().ClosePeer(r.id)
		l.host.Peerstore().RemovePeer(r.id)
	}
	nudge(l.changed)
}

func leftOut(err error, self bool) string {
	switch {
	case err != nil:
		return "no peer id"
	case self:
		return "it is this device"
	default:
		return "too many peers"
	}
}

// Send queues msg for delivery and returns at once. The link keeps msg, which
// must not change any more; the same slice may be sent to several peers. A nil
// error means that msg was queued while the peer was up, not that it arrives.
func (l *Link) Send(to []byte, protocol string, msg []byte) error {
	limit, ok := l.cfg.Protocols[protocol]
	if !ok {
		return fmt.Errorf("p2p: send on %q: unknown protocol", protocol)
	}
	if len(msg) == 0 || len(msg) > limit {
		return fmt.Errorf("p2p: send on %s: message of %d bytes where 1 to %d are allowed", protocol, len(msg), limit)
	}
	r := l.remote(peer.ID(to))
	if r == nil {
		return fmt.Errorf("p2p: send: %w", ErrNotAllowed)
	}
	if err := r.enqueue(protocol, msg); err != nil {
		return fmt.Errorf("p2p: send to %s: %w", r.name, err)
	}
	return nil
}

// Fault counts against peer that it broke a rule of the caller's, as if it were one
// of the link's own, and returns at once: what is a few words to say in a minute,
// more often cuts the peer off for a while.
func (l *Link) Fault(id []byte, what string) {
	if r := l.remote(peer.ID(id)); r != nil {
		l.spawn(func() { r.fault(what) })
	}
}

// Connected reports whether peer is up: it can be sent to.
func (l *Link) Connected(id []byte) bool {
	r := l.remote(peer.ID(id))
	return r != nil && r.isUp()
}

// Run admits peers, keeps trying to reach them and serves them until ctx is
// done. It returns when everything is closed and every goroutine has ended,
// which waits for callbacks to return. It must be called once.
func (l *Link) Run(ctx context.Context) error {
	l.mu.Lock()
	if l.begun {
		l.mu.Unlock()
		return errors.New("p2p: run: called twice")
	}
	l.begun = true
	l.mu.Unlock()

	var own sync.WaitGroup // the goroutines started here
	defer own.Wait()
	defer l.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	l.host.Network().Notify(&network.NotifyBundle{
		ConnectedF:    func(_ network.Network, c network.Conn) { l.connected(ctx, c) },
		DisconnectedF: func(_ network.Network, c network.Conn) { l.disconnected(c) },
	})
	l.host.SetStreamHandler(protocolHello, func(s network.Stream) { l.serve(ctx, s, l.answerHello) })
	for name, limit := range l.cfg.Protocols {
		l.host.SetStreamHandler(protocol.ID(name), func(s network.Stream) {
			l.serve(ctx, s, func(ctx context.Context, r *remote, s network.Stream) { r.receive(ctx, s, name, limit) })
		})
	}
	moved, err := l.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated))
	if err != nil {
		return fmt.Errorf("p2p: watch own addresses: %w", err)
	}
	defer moved.Close()

	// From here on libp2p tells of every connection. Of one let in before, it
	// would not have.
	l.mu.Lock()
	l.run = true
	l.mu.Unlock()
	own.Go(func() { l.watchInterfaces(ctx) })
	if l.cfg.LAN {
		own.Go(func() { l.lan.Run(ctx) })
	}
	for {
		l.startRemotes(ctx, &own)
		select {
		case <-ctx.Done():
			return nil
		case <-l.changed:
		case <-moved.Out():
			l.retryAll()
			l.cfg.OnAddrs()
		}
	}
}

// close ends what libp2p runs for us.
func (l *Link) close() {
	l.mu.Lock()
	l.run = false
	l.mu.Unlock()
	if err := l.host.Close(); err != nil {
		l.cfg.Log.Debug("host closed", "err", err)
	}
	l.work.Wait()
}

func (l *Link) startRemotes(ctx context.Context, wg *sync.WaitGroup) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, r := range l.remotes {
		if r.started {
			continue
		}
		r.started = true
		wg.Go(func() {
			r.run(ctx)
			l.mu.Lock()
			if l.leaving[r.id] == r {
				delete(l.leaving, r.id)
			}
			l.mu.Unlock()
		})
	}
}

// enter counts a goroutine of libp2p's as ours, unless the link has ended. The
// caller calls l.work.Done when it is through.
func (l *Link) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.run {
		return false
	}
	l.work.Add(1)
	return true
}

// spawn runs f in a goroutine of the link's, and reports false if the link does
// not run.
func (l *Link) spawn(f func()) bool {
	if !l.enter() {
		return false
	}
	go func() {
		defer l.work.Done()
		f()
	}()
	return true
}

func (l *Link) running() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.run
}

func (l *Link) remote(id peer.ID) *remote {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.remotes[id]
}

func (l *Link) everyRemote() []*remote {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []*remote
	for _, r := range l.remotes {
		out = append(out, r)
	}
	return out
}

func (l *Link) retryAll() {
	for _, r := range l.everyRemote() {
		nudge(r.retry)
	}
}

// connected takes a new connection, in or out, and begins its hello.
func (l *Link) connected(ctx context.Context, c network.Conn) {
	r := l.remote(c.RemotePeer())
	if r != nil {
		r.addConn(c)
	}
	l.spawn(func() {
		if r == nil {
			c.Close() // taken out while the handshake went on
			return
		}
		r.greet(ctx, c, l.limits.hello)
	})
}

func (l *Link) disconnected(c network.Conn) {
	if r := l.remote(c.RemotePeer()); r != nil {
		r.dropConn(c)
	}
}

// serve runs one incoming stream of an allowed peer.
func (l *Link) serve(ctx context.Context, s network.Stream, f func(context.Context, *remote, network.Stream)) {
	r := l.remote(s.Conn().RemotePeer())
	if r == nil || !l.enter() {
		s.Reset()
		return
	}
	defer l.work.Done()
	f(ctx, r, s)
}

// stripPeer returns addr without its /p2p part. It returns nil if addr is not a
// multiaddr or names another peer.
func stripPeer(addr string, id peer.ID) ma.Multiaddr {
	a, err := ma.NewMultiaddr(addr)
	if err != nil {
		return nil
	}
	transport, named := peer.SplitAddr(a)
	if len(transport) == 0 || (named != "" && named != id) {
		return nil
	}
	return transport
}

// nudge makes a channel of capacity 1 readable.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
