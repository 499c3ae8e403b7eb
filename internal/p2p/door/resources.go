package door

import (
	"fmt"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"
)

const (
	// MaxConnsPerPeer leaves room for both sides dialing at once on both
	// transports.
	MaxConnsPerPeer = 8

	// Bounds of the whole host.
	maxConns  = 96
	maxMemory = 64 << 20

	// Places for connections that have not shown yet who they are (lobby.go),
	// of TCP and as many again of QUIC: for anybody, kept for addresses at
	// which peers are known, and how many of either one address may hold.
	MaxWaiting = 32
	maxKept    = 16
	MaxPerAddr = 8
)

// How many connections a second may begin from an address of a stranger, from
// all of those, and from an address of a peer.
var (
	strangerRate     = rate.Limit{RPS: 4, Burst: 64}
	allStrangersRate = rate.Limit{RPS: 20, Burst: 200}
	peerRate         = rate.Limit{RPS: 16, Burst: 128}
)

// newResources bounds what the host as a whole, each peer and each protocol may
// occupy; streams says how many incoming streams of one peer a protocol may have. What a stranger may is the lobby's part: in here are only those who
// got past it.
func newResources(streams map[string]int) (network.ResourceManager, error) {
	scaling := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&scaling)
	const conns, waiting = maxConns, 2 * (MaxWaiting + maxKept) // of TCP, and of QUIC
	bounds := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: conns + waiting, ConnsInbound: conns + waiting, ConnsOutbound: conns,
			Streams: 1024, StreamsInbound: 512, StreamsOutbound: 512,
			Memory: maxMemory, FD: 2*conns + waiting,
		},
		// Connections whose other end is not known yet: those that wait in
		// the lobby, and those that this device dials.
		Transient: rcmgr.ResourceLimits{
			Conns: conns + waiting, ConnsInbound: 2 * waiting, ConnsOutbound: conns,
			Streams: 256, StreamsInbound: 128, StreamsOutbound: 256,
			Memory: maxMemory / 2, FD: conns + waiting,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Conns: MaxConnsPerPeer, ConnsInbound: MaxConnsPerPeer, ConnsOutbound: MaxConnsPerPeer,
			Streams: 128, StreamsInbound: 64, StreamsOutbound: 64,
			Memory: maxMemory / 4, FD: MaxConnsPerPeer,
		},
		ProtocolPeer: make(map[protocol.ID]rcmgr.ResourceLimits),
	}
	for name, n := range streams {
		bounds.ProtocolPeer[protocol.ID(name)] = streamsPerPeer(n)
	}
	m, err := rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(bounds.Build(scaling.Scale(0, 4*maxConns))),
		rcmgr.WithMetricsDisabled(),
		// By address it is the lobby that counts, which tells peers from
		// strangers. All devices of a home share their /64.
		rcmgr.WithConnRateLimiters(new(rate.Limiter)),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: conns + waiting}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 64, ConnCount: conns + waiting}},
		),
	)
	if err != nil {
		return nil, fmt.Errorf("p2p: resource limits: %w", err)
	}
	return m, nil
}

func streamsPerPeer(n int) rcmgr.ResourceLimits {
	return rcmgr.ResourceLimits{
		Streams:         rcmgr.LimitVal(2 * n),
		StreamsInbound:  rcmgr.LimitVal(n),
		StreamsOutbound: rcmgr.LimitVal(n),
		Memory:          maxMemory / 4,
	}
}
