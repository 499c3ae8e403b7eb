package bind

import (
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/libp2p/go-libp2p/core/host"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

const (
	// Ports that are left to us are drawn from firstPort to lastPort: below
	// those that systems give to outgoing connections (from 32768 on Linux,
	// from 49152 elsewhere), so that one that is kept is likely to be free
	// at the next start.
	firstPort = 16384
	lastPort  = 32767

	// drawPort bounds the ports that are tried, bindTries how often somebody
	// may take the one that was found free.
	drawPort  = 64
	bindTries = 4
)

// Everywhere returns the multiaddrs of all interfaces: TCP and QUIC, IPv4 and IPv6.
func Everywhere() []string {
	return []string{
		"/ip4/0.0.0.0/tcp/0",
		"/ip4/0.0.0.0/udp/0/quic-v1",
		"/ip6/::/tcp/0",
		"/ip6/::/udp/0/quic-v1",
	}
}

// Host binds the sockets of cfg and returns a host without handlers. All addresses
// that name port 0 have one port, so that a beacon and a person need one number
// whatever the transport and the IP version are.
func Host(cfg Config) (host.Host, error) {
	for try := 1; ; try++ {
		at := cfg
		var want int
		at.Listen, want = onePort(cfg.Listen, cfg.Port)
		h, err := newHost(at)
		if try == bindTries || err == nil && len(h.Network().ListenAddresses()) >= want || err != nil && want == 0 {
			return h, err
		}
		// Somebody was faster.
		if err == nil {
			h.Close()
		}
	}
}

// onePort replaces port 0 in the multiaddrs of list by a port that is free for
// all of them together, prefer if it can be, and returns how many it replaced.
// Those that cannot be had at any port, as where IPv6 is switched off, stay as
// they are; so do all if there is no such port.
func onePort(list []string, prefer uint16) (out []string, replaced int) {
	var open []int // indexes into list
	for i, a := range list {
		if withPort(a, lastPort) != a && free(a) {
			open = append(open, i)
		}
	}
	if len(open) == 0 {
		return list, 0
	}
	for n := range drawPort {
		port := uint16(firstPort + rand.N(lastPort-firstPort+1))
		if n == 0 && prefer != 0 {
			port = prefer
		}
		out := slices.Clone(list)
		var at []string
		for _, i := range open {
			out[i] = withPort(list[i], port)
			at = append(at, out[i])
		}
		if free(at...) {
			return out, len(open)
		}
	}
	return list, 0
}

// withPort replaces port 0 in a multiaddr.
func withPort(addr string, port uint16) string {
	to := strconv.Itoa(int(port))
	addr = strings.Replace(addr+"/", "/tcp/0/", "/tcp/"+to+"/", 1)
	addr = strings.Replace(addr, "/udp/0/", "/udp/"+to+"/", 1)
	return strings.TrimSuffix(addr, "/")
}

// free reports whether all of the addresses could be had at once, a moment ago.
func free(addrs ...string) bool {
	for _, addr := range addrs {
		a, err := ma.NewMultiaddr(addr)
		if err != nil {
			return false
		}
		// QUIC stands above the socket.
		socket, _ := ma.SplitFunc(a, func(c ma.Component) bool { return c.Protocol().Code == ma.P_QUIC_V1 })
		network, text, err := manet.DialArgs(socket)
		if err != nil {
			return false
		}
		var c io.Closer
		if strings.HasPrefix(network, "udp") {
			c, err = net.ListenPacket(network, text)
		} else {
			c, err = net.Listen(network, text)
		}
		if err != nil {
			return false
		}
		defer c.Close()
	}
	return true
}
