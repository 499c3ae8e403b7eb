package door

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/tcpreuse"
	"github.com/libp2p/go-libp2p/x/rate"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A Lobby is where incoming connections wait that have not shown yet who they
// are, and all that a stranger can occupy before. It stands in front of
// libp2p's resource manager, which counts strangers and peers together: there,
// a few dozen idle sockets take all places, and each device on the network can
// use up the rates of all others.
//
// Addresses at which peers are known have places and rates of their own, which
// no other address can use up.
type Lobby struct {
	network.ResourceManager
	known     func(netip.Addr) bool
	patience  time.Duration // for a handshake
	strangers entrance
	peers     entrance
	tell      func(addr string, turnedAway bool)
}

// An entrance is what connections from one kind of address share. Those of TCP
// can be shown out for others. A handshake of QUIC cannot be ended from
// outside, only left to end by itself after ten seconds at most; so they have
// places of their own, and who finds none comes by TCP.
type entrance struct {
	tcp, quic *crowd
	rate      *rate.Limiter
}

// NewLobby makes a lobby and what lies behind it, where each protocol may have so
// many incoming streams of one peer. known tells addresses of peers, for which
// places are kept; tell is called for each connection that was turned away, or
// shown out, before it had said who it was. patience bounds its handshake.
func NewLobby(streams map[string]int, patience time.Duration, known func(netip.Addr) bool, tell func(addr string, turnedAway bool)) (*Lobby, error) {
	resources, err := newResources(streams)
	if err != nil {
		return nil, err
	}
	return newLobby(resources, patience, known, tell), nil
}

func newLobby(m network.ResourceManager, patience time.Duration, known func(netip.Addr) bool, tell func(addr string, turnedAway bool)) *Lobby {
	return &Lobby{
		ResourceManager: m, known: known, patience: patience, tell: tell,
		strangers: entrance{
			tcp: newCrowd(MaxWaiting, MaxPerAddr), quic: newCrowd(MaxWaiting, MaxPerAddr),
			rate: perAddress(strangerRate, allStrangersRate),
		},
		peers: entrance{
			tcp: newCrowd(maxKept, MaxPerAddr), quic: newCrowd(maxKept, MaxPerAddr),
			rate: perAddress(peerRate, rate.Limit{}),
		},
	}
}

// perAddress limits how many connections an address may begin, and how many all
// addresses together. Whoever is on this machine has other means to keep it
// busy, and may share its address with a device: there, the places are the
// limit.
func perAddress(each, all rate.Limit) *rate.Limiter {
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")},
			{Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: each}},
			IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 64, Limit: each}},
		},
		GlobalLimit: all,
	}
}

// entrance returns where an address comes in, and what counts as one address
// there: a peer's own is told from its neighbours'.
func (l *Lobby) entrance(ip netip.Addr) (*entrance, netip.Prefix) {
	if ip.IsValid() && l.known(ip) {
		return &l.peers, netip.PrefixFrom(ip, ip.BitLen())
	}
	return &l.strangers, household(ip)
}

// IPOf returns the IP address of a multiaddr, the invalid one if it has none.
func IPOf(a ma.Multiaddr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	b, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}
	}
	ip, _ := netip.AddrFromSlice(b)
	return ip.Unmap().WithZone("")
}

// OpenConnection implements [network.ResourceManager]. libp2p asks it before
// the handshake of QUIC; TCP comes in by [lobbyListener]. What this device
// dials is not waiting for anything.
func (l *Lobby) OpenConnection(dir network.Direction, usefd bool, endpoint ma.Multiaddr) (network.ConnManagementScope, error) {
	if dir != network.DirInbound {
		return l.ResourceManager.OpenConnection(dir, usefd, endpoint)
	}
	return l.admit(usefd, endpoint, nil)
}

// admit gives a place to an incoming connection, which out closes. It is
// libp2p's to tell the scope who came, or that it is over.
func (l *Lobby) admit(usefd bool, from ma.Multiaddr, out func()) (network.ConnManagementScope, error) {
	ip := IPOf(from)
	e, at := l.entrance(ip)
	if !e.rate.Allow(ip) {
		l.tell(from.String(), true)
		return nil, network.ErrResourceLimitExceeded
	}
	places := e.quic
	if out != nil {
		places = e.tcp
	}
	s := new(lobbyScope)
	shown := func() {
		l.tell(from.String(), false)
		out()
	}
	if out == nil {
		shown = nil
	}
	g, _ := places.enter(at, shown)
	if g == nil {
		l.tell(from.String(), true)
		return nil, network.ErrResourceLimitExceeded
	}
	scope, err := l.ResourceManager.OpenConnection(network.DirInbound, usefd, from)
	if err != nil {
		g.leave()
		return nil, err
	}
	s.ConnManagementScope, s.guest = scope, g
	if shown != nil {
		s.timer = time.AfterFunc(l.patience, func() {
			if g.leave() {
				shown()
			}
		})
	}
	return s, nil
}

// VerifySourceAddress implements [network.ResourceManager]: whether QUIC asks
// for a proof of the sender's address before it does anything else. It does as
// soon as anybody else waits who could have been made up.
func (l *Lobby) VerifySourceAddress(addr net.Addr) bool {
	from, err := netip.ParseAddrPort(addr.String())
	if err != nil {
		return true
	}
	e, at := l.entrance(from.Addr().Unmap().WithZone(""))
	all, here := e.quic.size(at)
	return here > 0 || all > e.quic.places/4 || l.ResourceManager.VerifySourceAddress(addr)
}

// A lobbyScope is the scope of a connection that is in the lobby until its
// handshake has shown whose it is.
type lobbyScope struct {
	network.ConnManagementScope
	guest *guest
	timer *time.Timer // nil: its handshake ends by itself
	once  sync.Once
}

func (s *lobbyScope) leave() {
	s.once.Do(func() {
		if s.timer != nil {
			s.timer.Stop()
		}
		s.guest.leave()
	})
}

// SetPeer implements [network.ConnManagementScope]. libp2p calls it for whoever
// the gater has admitted.
func (s *lobbyScope) SetPeer(id peer.ID) error {
	s.leave()
	return s.ConnManagementScope.SetPeer(id)
}

// Done implements [network.ConnManagementScope].
func (s *lobbyScope) Done() {
	s.leave()
	s.ConnManagementScope.Done()
}

// TCP is libp2p's TCP transport with the lobby at its listeners. With
// SO_REUSEPORT two daemons could listen on one port, and each would get some of
// the connections.
func (l *Lobby) TCP(gater connmgr.ConnectionGater) any {
	return func(u transport.Upgrader, m network.ResourceManager, shared *tcpreuse.ConnMgr) (*tcp.TcpTransport, error) {
		return tcp.NewTCPTransport(lobbyUpgrader{u, l, gater}, m, shared, tcp.DisableReuseport())
	}
}

type lobbyUpgrader struct {
	transport.Upgrader
	lobby *Lobby
	gater connmgr.ConnectionGater
}

// GateMaListener implements [transport.Upgrader].
func (u lobbyUpgrader) GateMaListener(l manet.Listener) transport.GatedMaListener {
	return lobbyListener{l, u.lobby, u.gater}
}

// A lobbyListener lets connections of TCP into the lobby.
type lobbyListener struct {
	manet.Listener
	lobby *Lobby
	gater connmgr.ConnectionGater
}

// Accept implements [transport.GatedMaListener].
func (l lobbyListener) Accept() (manet.Conn, network.ConnManagementScope, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, nil, err
		}
		if l.gater.InterceptAccept(c) {
			scope, err := l.lobby.admit(true, c.RemoteMultiaddr(), func() { c.Close() })
			if err == nil {
				return c, scope, nil
			}
		}
		c.Close()
	}
}
