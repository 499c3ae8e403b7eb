package lan

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/zeroconf/v2"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/pairing"
)

const (
	codeService = "_warifu-pair._udp"

	// codePoll is how often the interfaces are looked at while a code lives
	// or is looked for.
	codePoll = time.Second

	// maxCodeVisits is how often one device that seems to show a code may be
	// tried to reach, at other addresses each time.
	maxCodeVisits = 4
)

// A codeBeacon is what a device that shows a code says on the local network:
// who waits at which Ports, and six bits of the code by which the device that
// was told it finds the right one among several ([pairing.Code.Hint] says what
// that costs). The peer id is a throw-away one, as old as the code, so that
// the beacon tells no more than that somebody pairs here and now.
//
// Its text form is five fields with spaces between: version, peer id in
// base58, TCP port, UDP port of QUIC, hint; the numbers decimal, a port 0 if
// there is none.
type codeBeacon struct {
	peer      peer.ID
	tcp, quic uint16
	hint      byte
}

const codeVersion = "1"

func (b codeBeacon) text() string {
	return fmt.Sprintf("%s %s %d %d %d", codeVersion, b.peer, b.tcp, b.quic, b.hint)
}

// parseCodeBeacon accepts exactly what text produces.
func parseCodeBeacon(s string) (codeBeacon, bool) {
	f := strings.Split(s, " ")
	if len(s) > 255 || len(f) != 5 {
		return codeBeacon{}, false
	}
	id, err := peer.Decode(f[1])
	tcp, err2 := strconv.ParseUint(f[2], 10, 16)
	quic, err3 := strconv.ParseUint(f[3], 10, 16)
	hint, err4 := strconv.ParseUint(f[4], 10, 8)
	b := codeBeacon{peer: id, tcp: uint16(tcp), quic: uint16(quic), hint: byte(hint)}
	ok := errors.Join(err, err2, err3, err4) == nil && b.text() == s
	return b, ok && (b.tcp != 0 || b.quic != 0)
}

// A CodeHost is a device that seems to show a certain code.
type CodeHost struct {
	Peer  []byte
	Addrs [][]byte // binary multiaddrs, 1 to [pairing.MaxAddrs]
}

// host returns where the device behind a beacon can be reached, given the IP
// addresses that came with it, or false if it cannot. local admits those of the
// loopback interface: nobody on a network makes us dial ourselves.
func (b codeBeacon) host(ips []net.IP, local bool) (CodeHost, bool) {
	h := CodeHost{Peer: []byte(b.peer)}
	add := func(format string, args ...any) {
		a, err := ma.NewMultiaddr(fmt.Sprintf(format, args...))
		if err == nil && len(h.Addrs) < pairing.MaxAddrs {
			h.Addrs = append(h.Addrs, a.Bytes())
		}
	}
	for _, ip := range ips {
		a, ok := netip.AddrFromSlice(ip)
		if a = a.Unmap(); !ok || !dialable(a) && !(local && a.IsLoopback()) {
			continue
		}
		version := "ip4"
		if a.Is6() {
			version = "ip6"
		}
		if b.tcp != 0 {
			add("/%s/%s/tcp/%d", version, a, b.tcp)
		}
		if b.quic != 0 {
			add("/%s/%s/udp/%d/quic-v1", version, a, b.quic)
		}
	}
	return h, len(h.Addrs) > 0
}

// A codeLAN is where codes are announced and looked for.
type codeLAN struct {
	interfaces []net.Interface
	local      bool // the loopback interface and nothing else
}

// codeLANNow returns the interfaces that multicast. Without any, or if loopback
// is all that is wanted, it is the loopback interface, on which two homes on
// one machine find each other.
func codeLANNow(loopback bool) codeLAN {
	if !loopback {
		if list := Now().multicast; len(list) > 0 {
			return codeLAN{interfaces: list}
		}
	}
	all, err := net.Interfaces()
	if err != nil {
		return codeLAN{local: true}
	}
	return codeLAN{local: true, interfaces: slices.DeleteFunc(all, func(i net.Interface) bool {
		return i.Flags&net.FlagLoopback == 0 || i.Flags&net.FlagUp == 0
	})}
}

// AnnounceCode tells the local network that the host with this peer id, which
// listens at these addresses, shows code, until ctx is done, which is when the code
// dies. It follows the network as it comes and goes, and returns ctx's error.
// loopback keeps it to this machine.
func AnnounceCode(ctx context.Context, id peer.ID, listen []ma.Multiaddr, code pairing.Code, loopback bool) error {
	b := codeBeacon{peer: id, hint: code.Hint([]byte(id))}
	// A pairing host has one port for both IP versions.
	v4, v6 := ListenPorts(listen)
	at := v4.Or(v6)
	b.tcp, b.quic = at.TCP, at.QUIC
	if b.tcp == 0 && b.quic == 0 {
		return errors.New("p2p: pairing host does not listen")
	}
	poll := time.NewTicker(codePoll)
	defer poll.Stop()
	for ctx.Err() == nil {
		b.announce(ctx, loopback, poll.C)
	}
	return ctx.Err()
}

// announce answers on the network as it is now, until that changes.
func (b codeBeacon) announce(ctx context.Context, loopback bool, poll <-chan time.Time) {
	before := Now()
	lan := codeLANNow(loopback)
	announced := false
	if len(lan.interfaces) > 0 {
		// Without IP addresses zeroconf answers on each interface with those
		// of that interface, but never with a loopback address.
		var ips []string
		if lan.local {
			ips = []string{"127.0.0.1"}
		}
		// Neither the instance nor the host name may name the device.
		server, err := zeroconf.RegisterProxy(randomName(), codeService, beaconDomain, beaconPort, randomName(), ips,
			[]string{b.text()}, lan.interfaces, zeroconf.TTL(beaconTTL))
		if err == nil {
			defer server.Shutdown()
			announced = true
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll:
			if !announced || !Now().Equal(before) {
				return
			}
		}
	}
}

// errCodeHosts ends a search that found only wrong devices.
var errCodeHosts = fmt.Errorf("p2p: %d devices seemed to show this code, and none did", pairing.MaxTries)

// FindCode looks on the local network for devices that may show code and calls
// found with one after the other, until found returns false, which makes it
// return nil, or ctx is done, which makes it return ctx's error. loopback keeps
// it to this machine.
//
// It calls found for at most [pairing.MaxTries] devices and then errs. Each of
// them that the caller reaches is proved to that the caller knows the code, and
// who does not know it gains one guess from that: a neighbour that answers to
// every code must not gain more from this side than the other side would give.
// When a device is seen at another address, or the network of this one has
// changed, found is called for it again, at most maxCodeVisits times in all. It
// is for the caller to remember whom it has reached.
func FindCode(ctx context.Context, code pairing.Code, loopback bool, found func(CodeHost) (more bool)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// As large as all that is ever sent, so that looking never waits.
	hosts := make(chan CodeHost, pairing.MaxTries*maxCodeVisits)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel()
	looking.Go(func() {
		defer close(hosts)
		s := codeSearch{code: code, hosts: hosts, seen: make(map[string]*codeVisits), onLink: func(ip netip.Addr) bool { return onLinkNow()(ip) }}
		for ctx.Err() == nil && !s.full() {
			s.look(ctx, loopback)
		}
	})
	for h := range hosts {
		if !found(h) {
			return nil
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return errCodeHosts
}

// A codeSearch collects the devices that seem to show code.
type codeSearch struct {
	code  pairing.Code
	hosts chan<- CodeHost
	seen  map[string]*codeVisits // by peer id, at most pairing.MaxTries

	onLink func(netip.Addr) bool // whether an address belongs to a network of this machine
}

// codeVisits is what was sent of one device.
type codeVisits struct {
	number int
	addrs  map[string]bool // on the network as it is now
}

func (s *codeSearch) full() bool { return len(s.seen) >= pairing.MaxTries }

// take judges one service that was found.
func (s *codeSearch) take(e *zeroconf.ServiceEntry, local bool) {
	if s.full() || len(e.Text) != 1 {
		return
	}
	b, ok := parseCodeBeacon(e.Text[0])
	if !ok || b.hint != s.code.Hint([]byte(b.peer)) {
		return
	}
	// Whoever announces a code chooses these.
	ips := slices.DeleteFunc(slices.Concat(e.AddrIPv4, e.AddrIPv6), func(ip net.IP) bool {
		a, ok := netip.AddrFromSlice(ip)
		return !ok || !s.onLink(a)
	})
	h, ok := b.host(ips, local)
	if !ok {
		return
	}
	v := s.seen[string(b.peer)]
	if v == nil {
		v = &codeVisits{addrs: make(map[string]bool)}
		s.seen[string(b.peer)] = v
	}
	known := true
	for _, a := range h.Addrs {
		known = known && v.addrs[string(a)]
	}
	if known || v.number == maxCodeVisits {
		return
	}
	for _, a := range h.Addrs {
		v.addrs[string(a)] = true
	}
	v.number++
	s.hosts <- h
}

// look searches the network as it is now, until that changes or enough is
// found.
func (s *codeSearch) look(ctx context.Context, loopback bool) {
	ctx, cancel := context.WithCancel(ctx)
	entries := make(chan *zeroconf.ServiceEntry)
	gaveUp := make(chan struct{})
	var browsing sync.WaitGroup
	defer browsing.Wait()
	defer cancel()
	before := Now()
	lan := codeLANNow(loopback)
	browsing.Go(func() {
		defer close(gaveUp)
		browse(ctx, codeService, entries, lan.interfaces)
	})
	poll := time.NewTicker(codePoll)
	defer poll.Stop()
	for services := 0; services < maxSightings; {
		select {
		case <-ctx.Done():
			return
		case e := <-entries:
			services++
			if s.take(e, lan.local); s.full() {
				return
			}
		case <-poll.C:
			if !Now().Equal(before) {
				for _, v := range s.seen {
					clear(v.addrs) // they may lead somewhere now
				}
				return
			}
			select {
			case <-gaveUp:
				return
			default:
			}
		}
	}
	// Each service that was found is remembered. So many are a flood: forget
	// them, and wait before looking again.
	cancel()
	browsing.Wait()
	select {
	case <-ctx.Done():
	case <-poll.C:
	}
}
