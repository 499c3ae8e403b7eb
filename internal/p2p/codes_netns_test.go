//go:build netns

package p2p_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/zeroconf/v2"

	"github.com/warifu/warifu/internal/p2p/lan"
	"github.com/warifu/warifu/internal/p2p/meet"
	"github.com/warifu/warifu/pairing"
)

// The code of all these tests; each has a network of its own.
const netCode = "1234 5678"

// cable connects a namespace with the LAN by one more interface, without an
// address of IPv4.
func (d *device) cable(name string) {
	d.t.Helper()
	l := d.lan
	l.cables++
	port := fmt.Sprintf("c%d", l.cables)
	l.ip("-n", l.ns, "link", "add", port, "type", "veth", "peer", "name", name, "netns", d.ns)
	l.ip("-n", l.ns, "link", "set", port, "master", "br0", "up")
	l.ip("-n", d.ns, "link", "set", name, "up")
}

// addr gives an interface an address, which is usable at once.
func (d *device) addrOn(iface, addr string) {
	d.t.Helper()
	args := []string{"-n", d.ns, "addr", "add", addr, "dev", iface}
	if strings.Contains(addr, ":") {
		args = append(args, "nodad")
	}
	d.lan.ip(args...)
}

// show starts a process that shows a code, and waits until it does.
func (d *device) show() {
	d.t.Helper()
	d.start(role{Show: true})
	d.wait("shown")
}

// find starts a process that looks for the code, and waits until it does.
func (d *device) find() {
	d.t.Helper()
	d.start(role{Find: true})
	d.wait("looking")
}

// offers asks the process that shows a code for what it would put into an
// invitation now, without transports and ports.
func (d *device) offers() []string {
	d.t.Helper()
	fmt.Fprintln(d.tell, "at")
	for timeout := time.After(time.Minute); ; {
		select {
		case got := <-d.lines:
			if list, ok := strings.CutPrefix(got, "at"); ok {
				var ips []string
				for _, at := range strings.Fields(list) {
					if ip := strings.Split(at, "/")[2]; !slices.Contains(ips, ip) {
						ips = append(ips, ip)
					}
				}
				return ips // loopback, too
			}
		case <-timeout:
			d.t.Fatalf("%s never said what it offers", d.ns)
		}
	}
}

// wantOffers fails the test unless exactly these addresses are offered.
func (d *device) wantOffers(when string, want ...string) {
	d.t.Helper()
	if got := d.offers(); !slices.Equal(got, want) {
		d.t.Errorf("%s %q is offered, want %q", when, got, want)
	}
}

// showCode is the body of a process that shows a code.
func showCode(ctx context.Context, t *testing.T) {
	h, err := meet.NewHost(meet.Listen(false))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	code, err := pairing.ParseCode(netCode)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer stop()
	parts.Go(func() {
		h.Serve(ctx, func() { fmt.Println("shown") }, func(_ context.Context, s *meet.Stream) {
			fmt.Println("visited")
			s.Close()
		})
	})
	parts.Go(func() { h.Announce(ctx, code, false) })
	go func() {
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			fmt.Println("at", strings.Join(h.At(), " "))
		}
	}()
	<-ctx.Done()
}

// findCode is the body of a process that looks for the code.
func findCode(ctx context.Context, t *testing.T) {
	code, err := pairing.ParseCode(netCode)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("looking")
	err = lan.FindCode(ctx, code, false, func(c lan.CodeHost) bool {
		h, err := meet.NewHost(nil)
		if err != nil {
			t.Fatal(err)
		}
		defer h.Close()
		s, err := h.Dial(ctx, c.Peer, c.Addrs)
		if err != nil {
			fmt.Println("missed")
			return true
		}
		s.Close()
		fmt.Println("reached")
		return false
	})
	fmt.Println("ended", err)
	<-ctx.Done()
}

// firstCode is the body of a process that looks for codes with zeroconf's own
// browser, and says what the first answer has.
func firstCode(ctx context.Context, t *testing.T) {
	entries := make(chan *zeroconf.ServiceEntry)
	go func() {
		e := <-entries
		fmt.Println("first", e.AddrIPv4)
		for range entries {
		}
	}()
	fmt.Println("looking")
	if err := zeroconf.Browse(ctx, "_warifu-pair._udp", "local.", entries); err != nil {
		t.Fatal(err)
	}
}

// A device that shows a code gets another address, and then another cable: what
// it offers is what it has, and who looks for the code reaches it.
func TestNetnsCodeFollowsNetwork(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.plug(), l.plug()
	a.up()
	b.up()
	a.show()
	a.wantOffers("at first", "10.77.0.1")

	l.ip("-n", a.ns, "addr", "del", a.addr, "dev", "eth0")
	a.addrOn("eth0", "10.77.0.91/24")
	a.wantOffers("with another address", "10.77.0.91")
	b.find()
	b.wait("reached")

	c := l.plug()
	c.up()
	l.ip("-n", a.ns, "link", "set", "eth0", "down")
	a.wantOffers("without a network")
	a.cable("eth1")
	a.addrOn("eth1", "10.77.0.92/24")
	a.wantOffers("with another cable", "10.77.0.92")
	c.find()
	c.wait("reached")
}

// Who looks for a code hears of a device at an address that leads nowhere. When
// that device has one that does, it is reached.
func TestNetnsCodeFoundAfterMove(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	ear := l.plug()
	ear.up()
	ear.start(role{Eaves: true})
	ear.wait("listening")
	a, b := l.plug(), l.plug()
	a.addr = "10.99.0.1/24" // of a network that the other is not in
	a.up()
	b.up()
	b.find()
	a.show()
	ear.hear(3) // what is said has been heard by all, and leads nowhere
	l.ip("-n", a.ns, "addr", "del", a.addr, "dev", "eth0")
	a.addrOn("eth0", "10.77.0.91/24")
	b.wait("reached")
}

// What leads nowhere is heard first: an interface that has an address of IPv6
// for its own link and no other, or one that is of another network. The way
// that does is found all the same.
func TestNetnsCodeBehindUseless(t *testing.T) {
	t.Parallel()
	for _, useless := range []string{"", "10.99.0.1/24"} {
		t.Run("address="+useless, func(t *testing.T) {
			t.Parallel()
			l := newLAN(t)
			a, b := l.plug(), l.plug()
			l.ip("-n", a.ns, "link", "set", "eth0", "up")
			if useless != "" {
				a.addrOn("eth0", useless)
			}
			a.cable("eth1")
			a.addrOn("eth1", "10.77.0.91/24")
			b.up()
			b.find()
			a.show()
			b.wait("reached")
		})
	}
}

// Releases that take the first answer get one that leads somewhere: nothing is
// said on an interface that has only an address of IPv6 for its own link.
func TestNetnsCodeForOldReleases(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.plug(), l.plug()
	l.ip("-n", a.ns, "link", "set", "eth0", "up")
	a.cable("eth1")
	a.addrOn("eth1", "10.77.0.91/24")
	b.up()
	b.start(role{Old: true})
	b.wait("looking")
	a.show()
	b.wait("first [10.77.0.91]")
}

// An interface has an address that leads nowhere first, and one that does later:
// on the side that shows the code, or on the side that looks for it.
func TestNetnsCodeLateAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		shows bool   // it is the one that shows
		first string // its first address, beside that of IPv6 for the link
	}{
		"shows, link-local": {true, ""},
		"looks, link-local": {false, ""},
		"looks, elsewhere":  {false, "10.99.0.1/24"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLAN(t)
			ear := l.plug()
			ear.up()
			ear.start(role{Eaves: true})
			ear.wait("listening")
			late, other := l.plug(), l.plug()
			other.up()
			l.ip("-n", late.ns, "link", "set", "eth0", "up")
			if tc.first != "" {
				late.addrOn("eth0", tc.first)
			}
			finder := late
			if tc.shows {
				finder = other
				late.show()
			}
			finder.find()
			if !tc.shows {
				other.show()
			}
			ear.hear(2) // what is said has been heard by all
			if tc.first != "" {
				l.ip("-n", late.ns, "addr", "del", tc.first, "dev", "eth0")
			}
			late.addrOn("eth0", late.addr)
			finder.wait("reached")
		})
	}
}

// hear waits until n packets about codes were heard.
func (d *device) hear(n int) {
	d.t.Helper()
	for timeout := time.After(time.Minute); n > 0; {
		select {
		case line := <-d.lines:
			if strings.Contains(line, fmt.Sprintf("%x", "_warifu-pair")) {
				n--
			}
		case <-timeout:
			d.t.Fatalf("%d packets are missing", n)
		}
	}
}

// Devices that have no address but those that IPv4 has for one link find each
// other and offer these.
func TestNetnsLinkLocal4(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.plug(), l.plug()
	a.addr, b.addr = "169.254.7.1/16", "169.254.7.2/16"
	a.up()
	b.up()
	a.show()
	a.wantOffers("link-local", "169.254.7.1")
	b.find()
	b.wait("reached")

	c, d := l.plug(), l.plug()
	c.addr, d.addr = "169.254.7.3/16", "169.254.7.4/16"
	c.up()
	d.up()
	c.start(role{Key: 1, Circle: 1, Slot: 1, Others: map[uint16]byte{2: 2}})
	d.start(role{Key: 2, Circle: 1, Slot: 2, Others: map[uint16]byte{1: 1}})
	c.wait("up 2")
	d.wait("up 1")
}

// A device whose only addresses are those that IPv6 has for one link offers
// nothing, and says so.
func TestNetnsLinkLocal6(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a := l.plug()
	l.ip("-n", a.ns, "link", "set", "eth0", "up")
	a.show()
	a.wantOffers("link-local")
	a.start(role{Key: 1, Circle: 1, Slot: 1, Others: map[uint16]byte{2: 2}})
	a.wait("the network has given this device no address but link-local ones of IPv6 (fe80::), over which devices do not connect")
	a.addrOn("eth0", a.addr)
	a.wait("network changed")
}

// A network of IPv6 alone: codes are found, and devices find each other.
func TestNetnsIPv6Only(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.plug(), l.plug()
	for i, d := range []*device{a, b} {
		l.ip("-n", d.ns, "link", "set", "eth0", "up")
		d.addrOn("eth0", fmt.Sprintf("fd77::%d/64", i+1))
	}
	a.show()
	a.wantOffers("IPv6 only", "fd77::1")
	b.find()
	b.wait("reached")
	a.start(role{Key: 1, Circle: 1, Slot: 1, Others: map[uint16]byte{2: 2}})
	b.start(role{Key: 2, Circle: 1, Slot: 2, Others: map[uint16]byte{1: 1}})
	a.wait("up 2")
	b.wait("up 1")
}
