package p2p

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/zeroconf/v2"
)

const (
	beaconService = "_warifu._udp"
	beaconDomain  = "local."

	// The port in an SRV record is in the clear and would link the beacons
	// of one device, so all show that of the discard service.
	beaconPort = 9

	// beaconTTL in seconds is how long others may remember a beacon.
	beaconTTL = 120

	// Each service that was found is remembered. After maxSightings looking
	// begins afresh, so that a flood of names is forgotten.
	maxSightings = 512
)

// sightings limits how many services are looked at.
var sightings = rateOf{perSecond: 20, burst: 100}

// shine shows this device's beacon and looks for those of the others, until ctx
// is done. It begins anew, with a new name, at each epoch, when the network
// interfaces change and when SetBeacon says something new.
func (l *Link) shine(ctx context.Context) {
	limit := newBucket(sightings, time.Now())
	for ctx.Err() == nil {
		l.shineOnce(ctx, limit)
	}
}

// shineOnce runs from one beginning to the next.
func (l *Link) shineOnce(ctx context.Context, limit *bucket) {
	l.mu.Lock()
	cfg := l.beacon
	l.mu.Unlock()
	if !cfg.on() {
		select {
		case <-ctx.Done():
		case <-l.relit:
		}
		return
	}

	ctx, cancel := context.WithCancel(ctx)
	var browsing sync.WaitGroup
	defer browsing.Wait()
	defer cancel()
	interfaces := interfacesNow()
	name, epoch := randomName(), epochOf(l.cfg.Now())
	self := beacon{slot: cfg.self}
	self.v4, self.v6 = listenPorts(l.host.Network().ListenAddresses())
	if len(interfaces.multicast) > 0 && !self.v4.or(self.v6).none() {
		// No IP addresses are given: zeroconf then answers on each
		// interface with those of that interface only.
		server, err := zeroconf.RegisterProxy(name, beaconService, beaconDomain, beaconPort, randomName(), nil,
			[]string{self.seal(cfg.key, epoch, name)}, interfaces.multicast, zeroconf.TTL(beaconTTL))
		if err != nil {
			l.cfg.Log.Debug("no beacon", "err", err)
		} else {
			defer server.Shutdown()
		}
	}
	found := make(chan *zeroconf.ServiceEntry)
	browsing.Go(func() { browse(ctx, beaconService, found, interfaces.multicast) })

	poll := time.NewTicker(l.limits.poll)
	defer poll.Stop()
	for seen := 0; seen < maxSightings; {
		select {
		case <-ctx.Done():
			return
		case <-l.relit:
			return
		case <-poll.C:
			if epochOf(l.cfg.Now()) != epoch || !interfacesNow().equal(interfaces) {
				return
			}
		case e := <-found:
			seen++
			if limit.take(1, time.Now()) {
				l.sighted(cfg, e)
			}
		}
	}
	// Too many: somebody plays. Wait before looking again.
	select {
	case <-ctx.Done():
	case <-poll.C:
	}
}

// sighted judges a service that was found.
func (l *Link) sighted(cfg beaconConfig, e *zeroconf.ServiceEntry) {
	if len(e.Text) != 1 {
		return
	}
	b, epoch, ok := cfg.open(epochOf(l.cfg.Now()), e.Instance, e.Text[0])
	if !ok {
		return
	}
	r := l.remote(cfg.peers[b.slot])
	if r == nil {
		return
	}
	var ips []netip.Addr
	for _, list := range [][]net.IP{e.AddrIPv4, e.AddrIPv6} {
		for _, ip := range list {
			if a, ok := netip.AddrFromSlice(ip); ok {
				ips = append(ips, a)
			}
		}
	}
	ips = l.keepOnLink(ips)
	l.mu.Lock()
	ips = l.seen.take(b.slot, epoch, e.Text[0], ips)
	l.mu.Unlock()
	addrs := b.at(ips)
	r.log.Debug("peer sighted", "slot", b.slot, "addrs", len(addrs))
	if len(addrs) > 0 {
		r.sighted(addrs)
	}
}
