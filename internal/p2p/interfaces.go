package p2p

import (
	"context"
	"net/netip"
	"time"

	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/warifu/warifu/internal/p2p/lan"
)

// watchInterfaces looks for changes of the network until ctx is done. After one
// it closes connections from addresses that are gone, which would otherwise
// seem alive until they time out, tries the others, as QUIC does not tell its
// address and can survive the change of it, and dials.
func (l *Link) watchInterfaces(ctx context.Context) {
	before := lan.Now()
	tick := time.NewTicker(l.limits.poll)
	defer tick.Stop()
	l.sayLinkLocal(before)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := lan.Now()
		if now.Equal(before) {
			continue
		}
		before = now
		l.cfg.Log.Info("network changed")
		l.sayLinkLocal(now)
		l.closeOrphans(now.IPs)
		for _, r := range l.everyRemote() {
			nudge(r.doubt)
		}
		l.retryAll()
		l.cfg.OnAddrs()
	}
}

// sayLinkLocal says that nobody will find this device.
func (l *Link) sayLinkLocal(s lan.State) {
	if s.OnlyLinkLocal() {
		l.cfg.Log.Warn("the network has given this device no address but link-local ones of IPv6 (fe80::), over which devices do not connect")
	}
}

// closeOrphans closes connections whose local address is none of ips.
func (l *Link) closeOrphans(ips map[netip.Addr]bool) {
	if len(ips) == 0 {
		return // the system does not tell
	}
	for _, c := range l.host.Network().Conns() {
		local, err := manet.ToIP(c.LocalMultiaddr())
		if err != nil || local.IsUnspecified() {
			continue
		}
		ip, ok := netip.AddrFromSlice(local)
		if ok && !ips[ip.Unmap().WithZone("")] {
			c.Close()
		}
	}
}
