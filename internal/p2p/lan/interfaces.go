// Package lan is the local network: what this machine's interfaces have, and what
// devices say there of themselves by multicast DNS: beacons that only a circle can
// read ([Discovery]), and codes that are shown to be typed elsewhere
// ([AnnounceCode], [FindCode]).
package lan

import (
	"cmp"
	"maps"
	"net"
	"net/netip"
	"slices"

	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A State is what of the machine's network interfaces matters to us.
type State struct {
	multicast []net.Interface     // up, able to multicast and with a dialable address, loopback left out
	addrs     map[string][]string // by name of an interface that is up
	IPs       map[netip.Addr]bool // all of them
	list      []netip.Addr        // the same, in the system's order
}

// dialable reports whether ip says where another device is: an address of a
// network, or one that IPv4 has for a single link. Those that IPv6 has for one
// (fe80::/10) mean nothing without the dialer's own name for the link, and
// libp2p dials none of them.
func dialable(ip netip.Addr) bool {
	return ip.IsGlobalUnicast() || ip.Is4() && ip.IsLinkLocalUnicast()
}

// Now returns the state of the interfaces.
func Now() State {
	s := State{addrs: make(map[string][]string), IPs: make(map[netip.Addr]bool)}
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
					s.IPs[ip] = true
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

// OnlyLinkLocal reports whether the machine is on a network and has no address
// there at which another device can dial it.
func (s State) OnlyLinkLocal() bool {
	return slices.ContainsFunc(s.list, netip.Addr.IsLinkLocalUnicast) && !slices.ContainsFunc(s.list, dialable)
}

// OnlyLinkLocal reports whether this machine is on a network now and has no
// address there but those that IPv6 has for a single link (fe80::/10), over
// which devices do not connect.
func OnlyLinkLocal() bool { return Now().OnlyLinkLocal() }

// Reach returns where somebody who listens at the given multiaddrs can be
// dialed, the likeliest first: networks before single links before this machine,
// IPv4 before IPv6, TCP before QUIC.
func (s State) Reach(listen []ma.Multiaddr) []ma.Multiaddr {
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

// Equal reports whether nothing has changed.
func (s State) Equal(o State) bool { return maps.EqualFunc(s.addrs, o.addrs, slices.Equal) }
