package lan

import (
	"strconv"

	ma "github.com/multiformats/go-multiaddr"
)

// A Ports is at which ports one listens. 0 is nowhere.
type Ports struct{ TCP, QUIC uint16 }

// None reports whether p is nowhere.
func (p Ports) None() bool { return p == Ports{} }

// Or returns p, or o if p is none.
func (p Ports) Or(o Ports) Ports {
	if p.None() {
		return o
	}
	return p
}

// ListenPorts returns the ports of the host's sockets of either IP version.
func ListenPorts(addrs []ma.Multiaddr) (v4, v6 Ports) {
	for _, a := range addrs {
		p := &v6
		if len(a) > 0 && a[0].Protocol().Code == ma.P_IP4 {
			p = &v4
		}
		if v, err := a.ValueForProtocol(ma.P_TCP); err == nil && p.TCP == 0 {
			p.TCP = port(v)
		}
		if _, err := a.ValueForProtocol(ma.P_QUIC_V1); err == nil && p.QUIC == 0 {
			v, _ := a.ValueForProtocol(ma.P_UDP)
			p.QUIC = port(v)
		}
	}
	return v4, v6
}

// port parses the port of a multiaddr, 0 if it is none.
func port(s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
