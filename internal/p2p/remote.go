package p2p

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/rate"
)

// A remote is one allowed peer, from SetPeers that names it to SetPeers that no
// longer does. Its goroutines are run and the dialer that run starts, one
// sender per protocol while it is up, and those of incoming streams.
type remote struct {
	link *Link
	id   peer.ID
	key  []byte // id in binary, as callers know it
	name string // id for the log
	log  *slog.Logger

	started bool            // by Link.startRemotes; guarded by Link.mu
	prev    <-chan struct{} // closed when an earlier remote of this id is done
	gone    chan struct{}   // closed when the peer is taken out
	done    chan struct{}   // closed when run has returned
	wake    chan struct{}   // capacity 1: run should look again
	retry   chan struct{}   // capacity 1: dial now, patience renewed
	idle    chan struct{}   // capacity 1: the last connection went
	doubt   chan struct{}   // capacity 1: the connections may be dead

	recvMessages, recvBytes *rate.Bucket
	sendMessages, sendBytes *rate.Bucket

	book addressBook

	mu       sync.Mutex
	conns    map[network.Conn]*greeted // nil value: hello not yet answered
	lostWhy  string                    // why the uptime's connection went
	up       *uptime                   // nil while down
	upped    chan struct{}             // closed while up, after OnUp has returned
	inboxes  map[string]*inbox
	sightedT time.Time
	faults   []time.Time
	barred   time.Time // in quarantine until then
	unfit    Misfit    // told last,
	unfitT   time.Time // at this time
}

// greeted is a connection whose hello was answered.
type greeted struct {
	boot    [bootSize]byte
	at      time.Time
	probing bool // another hello is under way
}

func newRemote(l *Link, id peer.ID, before *remote) *remote {
	now := time.Now()
	name := shortID(id)
	r := &remote{
		link:         l,
		id:           id,
		key:          []byte(id),
		name:         name,
		log:          l.cfg.Log.With("peer", name),
		gone:         make(chan struct{}),
		done:         make(chan struct{}),
		wake:         make(chan struct{}, 1),
		retry:        make(chan struct{}, 1),
		idle:         make(chan struct{}, 1),
		doubt:        make(chan struct{}, 1),
		recvMessages: rate.NewBucket(l.limits.recvMessages, now),
		recvBytes:    rate.NewBucket(l.limits.recvBytes, now),
		sendMessages: rate.NewBucket(l.limits.sendMessages, now),
		sendBytes:    rate.NewBucket(l.limits.sendBytes, now),
		conns:        make(map[network.Conn]*greeted),
		upped:        make(chan struct{}),
		inboxes:      make(map[string]*inbox),
	}
	for p := range l.cfg.Protocols {
		r.inboxes[p] = &inbox{turn: make(chan struct{}, 1), grace: l.limits.grace}
	}
	if before != nil {
		r.prev = before.done
	}
	return r
}

// shortID returns the end of a peer id in its usual text form. The beginning is
// the same for all.
func shortID(id peer.ID) string {
	s := id.String()
	return s[max(0, len(s)-8):]
}

// run tells the caller about the peer's coming and going until it is taken out
// or ctx is done.
func (r *remote) run(ctx context.Context) {
	defer close(r.done)
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if r.prev != nil {
		// The earlier remote may still be saying OnDown.
		select {
		case <-r.prev:
		case <-ctx.Done():
			return
		}
	}
	wg.Go(func() { r.dialer(ctx) })
	for {
		r.settle(ctx, &wg)
		select {
		case <-ctx.Done():
			return
		case <-r.gone:
			cancel()
			r.bringDown("it is no longer allowed")
			return
		case <-r.doubt:
			r.probe(ctx, &wg)
		case <-r.wake:
		}
	}
}

// settle makes what the caller was told agree with the connections.
func (r *remote) settle(ctx context.Context, wg *sync.WaitGroup) {
	r.mu.Lock()
	stale := r.up != nil && !r.upLocked()
	why := r.lostWhy
	r.mu.Unlock()
	if stale {
		r.bringDown(why)
	}

	r.mu.Lock()
	c := r.newestLocked()
	if r.up != nil || c == nil {
		r.mu.Unlock()
		return
	}
	upCtx, cancel := context.WithCancel(ctx)
	up := &uptime{conn: c, cancel: cancel, boxes: make(map[string]*outbox)}
	for p := range r.link.cfg.Protocols {
		box := &outbox{protocol: p, wake: make(chan struct{}, 1)}
		up.boxes[p] = box
		wg.Go(func() { r.sendAll(upCtx, up, box) })
	}
	r.up = up
	ready := r.upped
	r.mu.Unlock()

	r.log.Info("peer up")
	r.link.cfg.OnUp(r.key)
	close(ready)
}

// bringDown ends the uptime, if there is one, and what is queued in it.
func (r *remote) bringDown(why string) {
	r.mu.Lock()
	up := r.up
	if up == nil {
		r.mu.Unlock()
		return
	}
	r.up = nil
	r.upped = make(chan struct{})
	r.mu.Unlock()
	up.cancel()

	r.log.Info("peer down", "reason", why)
	r.link.cfg.OnDown(r.key, why)
}

func (r *remote) isUp() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.upLocked()
}

// upLocked reports whether the uptime's connection still stands.
func (r *remote) upLocked() bool { return r.up != nil && r.conns[r.up.conn] != nil }

// addConn takes note of a connection that was not greeted yet.
func (r *remote) addConn(c network.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.conns[c] = nil
}

// dropConn takes note that c is closed.
func (r *remote) dropConn(c network.Conn) {
	r.mu.Lock()
	was, ok := r.conns[c]
	delete(r.conns, c)
	last := ok && len(r.conns) == 0
	renew := false
	if r.up != nil && r.up.conn == c && ok {
		if !time.Now().Before(r.barred) {
			r.lostWhy = "the connection was lost"
		}
		renew = time.Since(was.at) > stableAfter
	}
	r.mu.Unlock()

	nudge(r.wake)
	if renew {
		nudge(r.retry)
	} else if last {
		nudge(r.idle)
	}
}

// greetedConn takes note that the peer answered the hello on c as the process
// boot. Connections of an earlier process are closed: over QUIC, one that was
// killed would otherwise seem alive for the better part of a minute.
func (r *remote) greetedConn(c network.Conn, boot [bootSize]byte) {
	var stale []network.Conn
	r.mu.Lock()
	if g, ok := r.conns[c]; !ok || g != nil {
		if g != nil {
			g.probing = false // found alive
		}
		r.mu.Unlock()
		return // closed meanwhile, or greeted before
	}
	for other, g := range r.conns {
		if g != nil && g.boot != boot {
			stale = append(stale, other)
			delete(r.conns, other)
		}
	}
	if len(stale) > 0 {
		r.lostWhy = "it was restarted"
	}
	r.conns[c] = &greeted{boot: boot, at: time.Now()}
	another := r.up != nil && r.up.conn != c
	r.mu.Unlock()

	nudge(r.wake)
	if another {
		// Perhaps both sides dialed at once; perhaps the peer has lost the
		// other connection and we do not know it yet.
		nudge(r.doubt)
	}
	for _, other := range stale {
		other.Close()
	}
	r.remember(c)
	r.book.meetAt(c.RemoteMultiaddr())
}

// newestLocked returns the connection that was greeted last, or nil.
func (r *remote) newestLocked() (best network.Conn) {
	var at time.Time
	for c, g := range r.conns {
		if g != nil && (best == nil || g.at.After(at)) {
			best, at = c, g.at
		}
	}
	return best
}

func (r *remote) hasConns() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.conns) > 0
}

// setAddrs replaces the addresses given by the caller.
func (r *remote) setAddrs(addrs []string) {
	var fixed []ma.Multiaddr
	for _, s := range addrs {
		if a := stripPeer(s, r.id); a != nil && len(fixed) < maxFixedAddrs {
			fixed = append(fixed, a)
		}
	}
	if n := len(addrs) - len(fixed); n > 0 {
		r.log.Warn("addresses left out", "number", n)
	}
	r.book.fix(fixed)
	nudge(r.retry)
}

// remember learns the address of a connection that this side dialed. That of
// one that came in has a port at which nobody listens.
func (r *remote) remember(c network.Conn) {
	if c.Stat().Direction == network.DirOutbound {
		r.book.learn(c.RemoteMultiaddr())
	}
}

// sighted takes addresses from a beacon and dials.
func (r *remote) sighted(addrs []ma.Multiaddr) {
	r.book.learn(addrs...)
	now := time.Now()
	r.mu.Lock()
	soon := now.Sub(r.sightedT) < r.link.limits.sighting
	if !soon {
		r.sightedT = now
	}
	r.mu.Unlock()
	if !soon {
		nudge(r.retry)
	}
}

// fault takes note that the peer broke a rule, and cuts it off for a while if
// it keeps doing so.
func (r *remote) fault(what string) {
	now := time.Now()
	r.mu.Lock()
	r.faults = slices.DeleteFunc(r.faults, func(t time.Time) bool { return now.Sub(t) > r.link.limits.faultWindow })
	r.faults = append(r.faults, now)
	bar := len(r.faults) >= maxFaults
	if bar {
		r.faults = nil
		r.barred = now.Add(r.link.limits.quarantine)
		r.lostWhy = "it was cut off for breaking the rules"
	}
	r.mu.Unlock()

	r.log.Warn("peer at fault", "what", what, "cut_off", bar)
	if bar {
		r.link.host.Network().ClosePeer(r.id)
	}
}

func (r *remote) quarantined(now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return now.Before(r.barred)
}
