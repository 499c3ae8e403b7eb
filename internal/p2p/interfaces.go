package p2p

import (
	"cmp"
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A netState is what of the machine's network interfaces matters to us.
type netState struct {
	multicast []net.Interface     // up, able to multicast and with a dialable address, loopback left out
	addrs     map[string][]string // by name of an interface that is up
	ips       map[netip.Addr]bool // all of them
	list      []netip.Addr        // the same, in the system's order
}

// dialable reports whether ip says where another device is: an address of a
// network, or one that IPv4 has for a single link. Those that IPv6 has for one
// (fe80::/10) mean nothing without the dialer's own name for the link, and
// libp2p dials none of them.
func dialable(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() || ip.Is4() && ip.IsLinkLocalUnicast()
}

func interfacesNow() netState {
	s := netState{addrs: make(map[string][]string), ips: make(map[netip.Addr]bool)}
	all, err := net.Interfaces()
	if err != nil {
		return s // some systems do not tell; then nothing ever changes
	}
	for _, i := range all {
		if i.Flags&net.FlagUp == 0 {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue
		}
		s.addrs[i.Name] = []string{}
		reachable := false
		for _, a := range list {
			s.addrs[i.Name] = append(s.addrs[i.Name], a.String())
			if n, ok := a.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok {
					ip = ip.Unmap()
					s.ips[ip] = true
					s.list = append(s.list, ip)
					reachable = reachable || dialable(ip)
				}
			}
		}
		if i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagLoopback == 0 && reachable {
			s.multicast = append(s.multicast, i)
		}
	}
	return s
}

// onlyLinkLocal reports whether the machine is on a network and has no address
// there at which another device can dial it.
func (s netState) onlyLinkLocal() bool {
	return slices.ContainsFunc(s.list, netip.Addr.IsLinkLocalUnicast) && !slices.ContainsFunc(s.list, dialable)
}

// OnlyLinkLocal reports whether this machine is on a network now and has no
// address there but those that IPv6 has for a single link (fe80::/10), over
// which devices do not connect.
func OnlyLinkLocal() bool { return interfacesNow().onlyLinkLocal() }

// reach returns where somebody who listens at the given multiaddrs can be
// dialed, the likeliest first: networks before single links before this machine,
// IPv4 before IPv6, TCP before QUIC.
func (s netState) reach(listen []ma.Multiaddr) []ma.Multiaddr {
	type ranked struct {
		addr ma.Multiaddr
		rank int
	}
	var all []ranked
	add := func(a ma.Multiaddr, ip netip.Addr) {
		r := 0
		switch {
		case ip.IsLoopback():
			r = 8
		case ip.IsLinkLocalUnicast():
			r = 4
		}
		if ip.Is6() {
			r += 2
		}
		if _, err := a.ValueForProtocol(ma.P_TCP); err != nil {
			r++
		}
		all = append(all, ranked{a, r})
	}
	for _, a := range listen {
		raw, err := manet.ToIP(a)
		if err != nil {
			continue
		}
		at, ok := netip.AddrFromSlice(raw)
		if at = at.Unmap(); !ok {
			continue
		}
		if !at.IsUnspecified() {
			add(a, at)
			continue
		}
		_, rest := ma.SplitFirst(a)
		for _, ip := range s.list {
			if ip.Is4() != at.Is4() || !dialable(ip) && !ip.IsLoopback() {
				continue
			}
			if host, err := manet.FromIP(ip.AsSlice()); err == nil {
				add(ma.Join(host, rest), ip)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b ranked) int { return cmp.Compare(a.rank, b.rank) })
	var out []ma.Multiaddr
	for _, a := range all {
		out = append(out, a.addr)
	}
	return out
}

func (s netState) equal(o netState) bool { return maps.EqualFunc(s.addrs, o.addrs, slices.Equal) }

// watchInterfaces looks for changes of the network until ctx is done. After one
// it closes connections from addresses that are gone, which would otherwise
// seem alive until they time out, tries the others, as QUIC does not tell its
// address and can survive the change of it, and dials.
func (l *Link) watchInterfaces(ctx context.Context) {
	before := interfacesNow()
	tick := time.NewTicker(l.limits.poll)
	defer tick.Stop()
	l.sayLinkLocal(before)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := interfacesNow()
		if now.equal(before) {
			continue
		}
		before = now
		l.cfg.Log.Info("network changed")
		l.sayLinkLocal(now)
		l.closeOrphans(now.ips)
		for _, r := range l.everyRemote() {
			nudge(r.doubt)
		}
		l.retryAll()
		l.cfg.OnAddrs()
	}
}

// sayLinkLocal says that nobody will find this device.
func (l *Link) sayLinkLocal(s netState) {
	if s.onlyLinkLocal() {
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

// port parses the port of a multiaddr, 0 if it is none.
func port(s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
