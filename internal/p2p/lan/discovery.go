package lan

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/zeroconf/v2"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/rate"
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
var sightings = rate.Limit{PerSecond: 20, Burst: 100}

// A Config is what a [Discovery] is told once. None of it may be nil or 0.
type Config struct {
	// Listen returns where this device listens.
	Listen func() []ma.Multiaddr

	// Poll is how often the network interfaces are looked at.
	Poll time.Duration

	// Now is the clock of the beacons' epochs.
	Now func() time.Time

	// Allowed says whether anybody wants to know where a peer is.
	Allowed func(peer.ID) bool

	// Sighted takes the addresses at which the peer of a slot may be dialed, at
	// most [MaxAddrs] and perhaps none.
	Sighted func(id peer.ID, slot uint16, addrs []ma.Multiaddr)

	Log *slog.Logger
}

// A Discovery shows this device's beacon on the local network and finds those of
// the other devices of its circle. Its methods may be called from any goroutine.
type Discovery struct {
	cfg    Config
	onLink func() func(netip.Addr) bool // onLinkNow
	relit  chan struct{}                // capacity 1: the circle changed

	mu   sync.Mutex
	now  circle
	seen seenBeacons
}

// A circle is what Set was given.
type circle struct {
	key   [32]byte
	older [][32]byte
	self  uint16
	peers map[uint16]peer.ID
}

// NewDiscovery returns a discovery that shows nothing and knows nobody.
func NewDiscovery(cfg Config) *Discovery {
	return &Discovery{cfg: cfg, onLink: onLinkNow, relit: make(chan struct{}, 1), seen: make(seenBeacons)}
}

// Set sets the discovery key of the circle, the older ones that members which are
// behind may still have, this device's slot and the binary peer ids of the other
// slots. Beacons of older keys are understood and never shown, those of any other
// key neither from now on. A zero key turns discovery off.
func (d *Discovery) Set(key [32]byte, older [][32]byte, self uint16, peers map[uint16][]byte) {
	c := circle{key: key, older: slices.Clone(older), self: self, peers: make(map[uint16]peer.ID)}
	for slot, id := range peers {
		c.peers[slot] = peer.ID(id)
	}
	d.mu.Lock()
	same := c.key == d.now.key && slices.Equal(c.older, d.now.older) && c.self == d.now.self && maps.Equal(c.peers, d.now.peers)
	d.now = c
	d.mu.Unlock()
	if same {
		return
	}
	select {
	case d.relit <- struct{}{}:
	default:
	}
}

func (d *Discovery) circle() circle {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

func (c circle) on() bool { return c.key != [32]byte{} }

// open is openBeacon under the key of the circle or an older one.
func (c circle) open(epoch uint64, instance, text string) (b beacon, of uint64, ok bool) {
	for _, key := range append([][32]byte{c.key}, c.older...) {
		if b, of, ok := openBeacon(key, epoch, instance, text); ok {
			return b, of, true
		}
	}
	return beacon{}, 0, false
}

// Run shows this device's beacon and looks for those of the others, until ctx is
// done. It begins anew, with a new name, at each epoch, when the network
// interfaces change and when Set says something new.
func (d *Discovery) Run(ctx context.Context) {
	limit := rate.NewBucket(sightings, time.Now())
	for ctx.Err() == nil {
		d.runOnce(ctx, limit)
	}
}

// runOnce runs from one beginning to the next.
func (d *Discovery) runOnce(ctx context.Context, limit *rate.Bucket) {
	c := d.circle()
	if !c.on() {
		select {
		case <-ctx.Done():
		case <-d.relit:
		}
		return
	}

	ctx, cancel := context.WithCancel(ctx)
	var browsing sync.WaitGroup
	defer browsing.Wait()
	defer cancel()
	interfaces := Now()
	name, epoch := randomName(), epochOf(d.cfg.Now())
	self := beacon{slot: c.self}
	self.v4, self.v6 = ListenPorts(d.cfg.Listen())
	if len(interfaces.multicast) > 0 && !self.v4.Or(self.v6).None() {
		// No IP addresses are given: zeroconf then answers on each
		// interface with those of that interface only.
		server, err := zeroconf.RegisterProxy(name, beaconService, beaconDomain, beaconPort, randomName(), nil,
			[]string{self.seal(c.key, epoch, name)}, interfaces.multicast, zeroconf.TTL(beaconTTL))
		if err != nil {
			d.cfg.Log.Debug("no beacon", "err", err)
		} else {
			defer server.Shutdown()
		}
	}
	found := make(chan *zeroconf.ServiceEntry)
	browsing.Go(func() { browse(ctx, beaconService, found, interfaces.multicast) })

	poll := time.NewTicker(d.cfg.Poll)
	defer poll.Stop()
	for seen := 0; seen < maxSightings; {
		select {
		case <-ctx.Done():
			return
		case <-d.relit:
			return
		case <-poll.C:
			if epochOf(d.cfg.Now()) != epoch || !Now().Equal(interfaces) {
				return
			}
		case e := <-found:
			seen++
			if limit.Take(1, time.Now()) {
				d.sighted(c, e)
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
func (d *Discovery) sighted(c circle, e *zeroconf.ServiceEntry) {
	if len(e.Text) != 1 {
		return
	}
	b, epoch, ok := c.open(epochOf(d.cfg.Now()), e.Instance, e.Text[0])
	if !ok || !d.cfg.Allowed(c.peers[b.slot]) {
		return
	}
	here := d.onLink()
	var ips []netip.Addr
	for _, list := range [][]net.IP{e.AddrIPv4, e.AddrIPv6} {
		for _, ip := range list {
			if a, ok := netip.AddrFromSlice(ip); ok && here(a) {
				ips = append(ips, a)
			}
		}
	}
	d.mu.Lock()
	ips = d.seen.take(b.slot, epoch, e.Text[0], ips)
	d.mu.Unlock()
	d.cfg.Sighted(c.peers[b.slot], b.slot, b.at(ips))
}
