package p2p

import (
	"context"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	manet "github.com/multiformats/go-multiaddr/net"
)

// A netState is what of the machine's network interfaces matters to us.
type netState struct {
	multicast []net.Interface     // up and able to multicast, loopback left out
	addrs     map[string][]string // by name of an interface that is up
	ips       map[netip.Addr]bool // all of them
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
		for _, a := range list {
			s.addrs[i.Name] = append(s.addrs[i.Name], a.String())
			if n, ok := a.(*net.IPNet); ok {
				if ip, ok := netip.AddrFromSlice(n.IP); ok {
					s.ips[ip.Unmap()] = true
				}
			}
		}
		if i.Flags&net.FlagMulticast != 0 && i.Flags&net.FlagLoopback == 0 && len(list) > 0 {
			s.multicast = append(s.multicast, i)
		}
	}
	return s
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
		l.closeOrphans(now.ips)
		for _, r := range l.everyRemote() {
			nudge(r.doubt)
		}
		l.retryAll()
		l.cfg.OnAddrs()
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
