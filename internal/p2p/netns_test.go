//go:build netns

// Discovery on a real local network: one bridge, one network namespace for each
// device, nobody told an address. It needs root and ip(8):
//
//	go test -tags netns -run Netns ./internal/p2p
package p2p_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/p2p"
)

// A segment is a bridge in a namespace of its own.
type segment struct {
	t      *testing.T
	ns     string
	n      int
	cables int // that came after the first of a device
}

func newLAN(t *testing.T) *segment {
	l := &segment{t: t, ns: fmt.Sprintf("warifu-%d-%d", os.Getpid(), time.Now().UnixNano()%1e9)}
	l.ip("netns", "add", l.ns)
	t.Cleanup(func() { exec.Command("ip", "netns", "del", l.ns).Run() })
	l.ip("-n", l.ns, "link", "add", "br0", "type", "bridge")
	l.ip("-n", l.ns, "link", "set", "br0", "up")
	return l
}

func (l *segment) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// A device is a process of the test binary in a namespace of the LAN.
type device struct {
	t     *testing.T
	lan   *segment
	ns    string
	addr  string
	lines chan string // one for each event
	tell  io.Writer   // key numbers of peers to send a message to
}

// plug adds a namespace that is connected to the LAN but has no address yet.
func (l *segment) plug() *device {
	l.t.Helper()
	l.n++
	d := &device{
		t:     l.t,
		lan:   l,
		ns:    fmt.Sprintf("%s-%d", l.ns, l.n),
		addr:  fmt.Sprintf("10.77.0.%d/24", l.n),
		lines: make(chan string, 1000),
	}
	l.ip("netns", "add", d.ns)
	l.t.Cleanup(func() { exec.Command("ip", "netns", "del", d.ns).Run() })
	port := fmt.Sprintf("v%d", l.n)
	l.ip("-n", l.ns, "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", d.ns)
	l.ip("-n", l.ns, "link", "set", port, "master", "br0", "up")
	l.ip("-n", d.ns, "link", "set", "lo", "up")
	return d
}

func (d *device) up() {
	d.t.Helper()
	d.lan.ip("-n", d.ns, "addr", "add", d.addr, "dev", "eth0")
	d.lan.ip("-n", d.ns, "link", "set", "eth0", "up")
}

// hostName is the name of the host of every device: a short one, as the machine
// that runs the tests may have, would stand by chance in what is random.
const hostName = "laptop-of-somebody"

// A role is what a device's process is told.
type role struct {
	Key    byte            // its key number
	Circle byte            // the first byte of the discovery key
	Slot   uint16          // its slot
	Others map[uint16]byte // slots and key numbers of the others
	Eaves  bool            // only listen to what is said to all
	Show   bool            // only show a code
	Find   bool            // only look for the code
	Old    bool            // look for it as releases did that took the first answer
}

func (d *device) start(r role) {
	d.t.Helper()
	arg, err := json.Marshal(r)
	if err != nil {
		d.t.Fatal(err)
	}
	cmd := exec.Command("ip", "netns", "exec", d.ns, os.Args[0], "-test.run=^TestNetnsDevice$", "-test.timeout=5m")
	cmd.Env = append(os.Environ(), "WARIFU_DEVICE="+string(arg))
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWUTS} // for hostName
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if d.tell, err = cmd.StdinPipe(); err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for s := bufio.NewScanner(out); s.Scan(); {
			d.lines <- s.Text()
		}
	}()
	d.t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		<-read
		cmd.Wait()
	})
}

// wait returns when the device has said line, and how long that took.
func (d *device) wait(line string) time.Duration {
	d.t.Helper()
	begin := time.Now()
	for timeout := time.After(time.Minute); ; {
		select {
		case got := <-d.lines:
			if strings.HasPrefix(got, "stranger") {
				d.t.Errorf("%s: %s", d.ns, got)
			}
			if got == line {
				return time.Since(begin)
			}
		case <-timeout:
			d.t.Fatalf("%s never said %q", d.ns, line)
		}
	}
}

// has reports whether the device has said line, without waiting.
func (d *device) has(line string) bool {
	for {
		select {
		case got := <-d.lines:
			if got == line {
				return true
			}
		default:
			return false
		}
	}
}

// A printer says what is logged, without attributes.
type printer struct{}

func (printer) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }
func (p printer) WithAttrs([]slog.Attr) slog.Handler         { return p }
func (p printer) WithGroup(string) slog.Handler              { return p }

func (printer) Handle(_ context.Context, r slog.Record) error {
	fmt.Println(r.Message)
	return nil
}

// TestNetnsDevice is the body of a device's process. Without its environment it
// has nothing to do.
func TestNetnsDevice(t *testing.T) {
	arg := os.Getenv("WARIFU_DEVICE")
	if arg == "" {
		return
	}
	var r role
	if err := json.Unmarshal([]byte(arg), &r); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Sethostname([]byte(hostName)); err != nil {
		t.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch {
	case r.Eaves:
		eavesdrop(ctx, t)
		return
	case r.Show:
		showCode(ctx, t)
		return
	case r.Old:
		firstCode(ctx, t)
		return
	case r.Find:
		findCode(ctx, t)
		return
	}
	number := map[string]byte{}
	say := func(what string, id string) { fmt.Println(what, number[id]) }
	l, err := p2p.NewWatchful(p2p.Config{
		Key:       key(r.Key),
		LAN:       true,
		Protocols: map[string]int{proto: 1},
		OnUp:      func(p []byte) { say("up", string(p)) },
		OnDown:    func(p []byte, _ string) { say("down", string(p)) },
		OnMessage: func(p []byte, _ string, _ []byte) { say("got", string(p)) },
		OnStrangers: func(s p2p.Strangers) {
			for _, x := range s.Refused {
				fmt.Println("stranger", x)
			}
		},
		Log: slog.New(printer{}),
	})
	if err != nil {
		t.Fatal(err)
	}
	allowed, slots := map[string][]string{}, map[uint16][]byte{}
	for slot, n := range r.Others {
		id := idOf(t, n)
		number[id], allowed[id], slots[slot] = n, nil, []byte(id)
	}
	l.SetPeers(allowed)
	l.SetBeacon([32]byte{r.Circle}, nil, r.Slot, slots)
	go func() {
		for s := bufio.NewScanner(os.Stdin); s.Scan(); {
			if s.Text() == "addrs" {
				// What it says of itself, and what libp2p does.
				fmt.Println("addrs", ipsOf(l.Addrs()), ipsOf(l.HostAddrs()))
				continue
			}
			var to byte
			fmt.Sscan(s.Text(), &to)
			l.Send([]byte(idOf(t, to)), proto, []byte("x"))
		}
	}()
	if err := l.Run(ctx); err != nil {
		t.Fatal(err)
	}
}

// ipsOf returns the addresses of IP in multiaddrs, each once, without loopback.
func ipsOf(addrs []string) []string {
	out := []string{}
	for _, a := range addrs {
		if ip := strings.Split(a, "/")[2]; !slices.Contains(out, ip) && ip != "127.0.0.1" && ip != "::1" {
			out = append(out, ip)
		}
	}
	return out
}

// eavesdrop prints what is sent to the multicast group of mDNS, in hex.
func eavesdrop(ctx context.Context, t *testing.T) {
	card, err := net.InterfaceByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.ListenMulticastUDP("udp4", card, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353})
	if err != nil {
		t.Fatal(err)
	}
	defer context.AfterFunc(ctx, func() { c.Close() })()
	fmt.Println("listening")
	for b := make([]byte, 1<<16); ; {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		fmt.Printf("heard %x\n", b[:n])
	}
}

// Two circles on one LAN: the devices of each find each other, and none is
// touched by one of the other circle.
func TestNetnsTwoCircles(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	var devices []*device
	for i := range byte(5) {
		d := l.plug()
		d.up()
		circle := i%2 + 1
		others := map[uint16]byte{}
		for j := range byte(5) {
			if j != i && j%2 == i%2 {
				others[uint16(j)+1] = j + 1
			}
		}
		d.start(role{Key: i + 1, Circle: circle, Slot: uint16(i) + 1, Others: others})
		devices = append(devices, d)
	}
	// 1, 3 and 5 are one circle, 2 and 4 the other.
	for i, other := range []int{3, 4, 5, 2, 1} {
		t.Logf("device %d sees %d after %v", i+1, other, devices[i].wait(fmt.Sprint("up ", other)))
	}
}

// A daemon that starts without a network finds the others once there is one,
// and again after its address has changed.
func TestNetnsLateAndMoving(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.plug(), l.plug()
	a.up()
	a.start(role{Key: 1, Circle: 1, Slot: 1, Others: map[uint16]byte{2: 2}})
	b.start(role{Key: 2, Circle: 1, Slot: 2, Others: map[uint16]byte{1: 1}})
	b.up()
	t.Logf("found %v after the network came", a.wait("up 2"))
	b.wait("up 1")

	l.ip("-n", b.ns, "addr", "del", b.addr, "dev", "eth0")
	b.addr = "10.77.0.99/24"
	l.ip("-n", b.ns, "addr", "add", b.addr, "dev", "eth0")
	fmt.Fprintln(b.tell, "addrs")
	b.wait("addrs [10.77.0.99] [10.77.0.99]") // at once
	// QUIC may survive this, TCP does not. Either way a message soon gets
	// through again.
	begin := time.Now()
	for again := time.NewTicker(100 * time.Millisecond); ; <-again.C {
		fmt.Fprintln(a.tell, 2)
		if b.has("got 1") {
			break
		}
		if time.Since(begin) > time.Minute {
			t.Fatal("nothing gets through after the address changed")
		}
	}
	t.Logf("through %v after the address changed", time.Since(begin))
}

// What anybody on the LAN can hear contains no peer id and no slot.
func TestNetnsNothingInTheClear(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	a, b := l.plug(), l.plug()
	a.up()
	b.up()
	ear := l.plug()
	ear.up()
	ear.start(role{Eaves: true})
	ear.wait("listening")
	a.start(role{Key: 1, Circle: 1, Slot: 1, Others: map[uint16]byte{2: 2}})
	b.start(role{Key: 2, Circle: 1, Slot: 2, Others: map[uint16]byte{1: 1}})
	a.wait("up 2")
	// Probing and announcing take zeroconf some two seconds.
	var all strings.Builder
	for beacons := 0; beacons < 10; {
		select {
		case line := <-ear.lines:
			var packet []byte
			fmt.Sscanf(line, "heard %x", &packet)
			if strings.Contains(string(packet), "_warifu") {
				beacons++
			}
			all.Write(packet)
		case <-time.After(patience):
			t.Fatalf("%d packets heard", beacons)
		}
	}
	for _, secret := range []string{idOf(t, 1), idOf(t, 2), hostName} {
		if strings.Contains(all.String(), secret) {
			t.Errorf("%q is in the clear", secret)
		}
	}
}
