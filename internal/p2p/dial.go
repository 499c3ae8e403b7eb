package p2p

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"

	"github.com/warifu/warifu/internal/p2p/rate"
)

// dialer tries to reach the peer whenever there is no connection, until it is
// taken out or ctx is done.
func (r *remote) dialer(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for try := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-r.gone:
			return
		case <-r.retry:
			try = 0
		case <-timer.C:
		}
		if r.hasConns() || len(r.book.all()) == 0 {
			// Nothing to do, and no timer: wait until that changes.
			select {
			case <-ctx.Done():
				return
			case <-r.gone:
				return
			case <-r.retry:
				try = 0
			case <-r.idle:
			}
			timer.Reset(backoff(try))
			continue
		}
		r.dial(ctx, try)
		try++
		timer.Reset(backoff(try))
	}
}

// dial makes one attempt. That it succeeds means nothing yet: the hello decides
// (hello.go).
func (r *remote) dial(ctx context.Context, try int) {
	if r.quarantined(time.Now()) {
		return
	}
	patience := rate.Doubled(firstDial, lastDial, try)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n := r.link.host.Network()
	if s, ok := n.(*swarm.Swarm); ok {
		// We have our own pace. The swarm's would silently refuse to dial.
		s.Backoff().Clear(r.id)
	}
	r.link.host.Peerstore().AddAddrs(r.id, r.book.all(), peerstore.TempAddrTTL)
	if _, err := n.DialPeer(ctx, r.id); err != nil {
		r.log.Debug("not reached", "try", try, "err", err)
	}
}

// backoff returns how long to wait before attempt try: nothing before the
// first, then a jittered wait that doubles.
func backoff(try int) time.Duration {
	if try == 0 {
		return 0
	}
	d := rate.Doubled(firstBackoff, lastBackoff, try-1)
	return d*3/4 + rand.N(d/2)
}
