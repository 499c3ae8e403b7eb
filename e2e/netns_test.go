//go:build netns

// Real daemons on a real local network that breaks: one bridge, one network
// namespace for each device, nobody told an address. It needs root and ip(8):
//
//	go test -tags netns -run Netns ./e2e
package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

const (
	// When a silent device is removed. Without it no spare is left, so that
	// the grace counts twice: after 60 seconds in all.
	netQuiet   = 8 * time.Second
	netSuspect = 30 * time.Second
	netOnline  = 15 * time.Second
	netGrace   = 15 * time.Second
	netRule    = netSuspect + 2*netGrace

	// netSlack is what a judge may be wrong by: it counts whole seconds, and
	// learns of them at its ticks.
	netSlack = 3 * time.Second

	// netLook is how often is looked at what must hold at every moment.
	netLook = 20 * time.Millisecond

	// netCut is for how long the network is broken, all together.
	netCut = 2 * time.Minute

	// netPatience bounds waits in which a connection must be found to be dead
	// or be built anew, or a removal takes its time after it is due.
	netPatience = 90 * time.Second
)

var lans atomic.Int32

// A lan is a bridge in a namespace of its own.
type lan struct {
	t    testing.TB
	ns   string
	plug int // how many devices were plugged in
}

func newLAN(t testing.TB) *lan {
	l := &lan{t: t, ns: fmt.Sprintf("warifu-e2e-%d-%d", os.Getpid(), lans.Add(1))}
	l.space(l.ns)
	l.ip("-n", l.ns, "link", "add", "br0", "type", "bridge")
	l.ip("-n", l.ns, "link", "set", "br0", "up")
	return l
}

func (l *lan) ip(args ...string) {
	l.t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		l.t.Fatalf("ip %s: %v: %s", strings.Join(args, " "), err, out)
	}
}

// space makes a namespace that goes with the test.
func (l *lan) space(name string) {
	l.t.Helper()
	l.ip("netns", "add", name)
	l.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
			l.t.Errorf("ip netns del %s: %v: %s", name, err, out)
		}
	})
}

// A netDevice is a device with a cable to the bridge.
type netDevice struct {
	*device
	lan  *lan
	port string // the bridge's end of the cable
}

// device makes a device in a namespace of its own, and starts it.
func (l *lan) device(name string) *netDevice {
	l.t.Helper()
	l.plug++
	ns := fmt.Sprintf("%s-%d", l.ns, l.plug)
	l.space(ns)
	d := &netDevice{lan: l, port: fmt.Sprintf("v%d", l.plug)}
	l.ip("-n", l.ns, "link", "add", d.port, "type", "veth", "peer", "name", "eth0", "netns", ns)
	l.ip("-n", l.ns, "link", "set", d.port, "master", "br0", "up")
	l.ip("-n", ns, "link", "set", "lo", "up")
	l.ip("-n", ns, "addr", "add", fmt.Sprintf("10.78.0.%d/24", l.plug), "dev", "eth0")
	l.ip("-n", ns, "link", "set", "eth0", "up")
	// The daemon is stopped before its namespace goes.
	d.device = newDevice(l.t, name)
	d.under = []string{"ip", "netns", "exec", ns}
	d.up()
	return d
}

// up starts the daemon as a person does: it shows itself on the local network,
// at ports that it did not have before.
func (d *netDevice) up() {
	d.t.Helper()
	if err := os.Remove(d.keptPort()); err != nil && !os.IsNotExist(err) {
		d.t.Fatal(err)
	}
	d.start("--json", "--home", d.home, "up", "--passphrase-file", d.pass)
}

// keptPort is the file in which the device keeps its port.
func (d *netDevice) keptPort() string { return filepath.Join(d.home, "port") }

// A way to break a cable, and to mend it.
type fault struct {
	name        string
	cut, mended []string // what becomes of the bridge's end
}

var faults = []fault{
	{"the cable is pulled", []string{"down"}, []string{"up"}},
	// Nobody is told that what is sent goes nowhere.
	{"packets vanish", []string{"nomaster"}, []string{"master", "br0"}},
}

func (d *netDevice) set(state []string) {
	d.t.Helper()
	d.lan.ip(append([]string{"-n", d.lan.ns, "link", "set", d.port}, state...)...)
}

// A witness looks at all devices all the time.
type witness struct {
	t       testing.TB
	a       *netDevice
	others  []*netDevice
	all     []*netDevice
	records map[uint64]string         // of each epoch, as the first device told it
	heard   map[*netDevice]time.Time  // when a device last heard of a
	removed map[*netDevice]bool       // a is out there
	silence map[*netDevice]api.Device // what it last said about a
}

func newWitness(t testing.TB, a *netDevice, others ...*netDevice) *witness {
	return &witness{t: t, a: a, others: others, all: append([]*netDevice{a}, others...), records: map[uint64]string{},
		heard: map[*netDevice]time.Time{}, removed: map[*netDevice]bool{}, silence: map[*netDevice]api.Device{}}
}

// look checks what must hold at every moment.
func (w *witness) look() {
	w.t.Helper()
	for _, d := range w.all {
		for _, e := range d.epochs() {
			if first := w.records[e.Epoch]; first == "" {
				w.records[e.Epoch] = e.Record
			} else if first != e.Record {
				w.t.Fatalf("there are two epochs %d: %s has %.16s, another %.16s", e.Epoch, d.name, e.Record, first)
			}
		}
	}
	for _, d := range w.others {
		x := d.sees(w.a.device)
		switch {
		case x != nil:
			if w.removed[d] {
				w.t.Fatalf("%s has taken %s back", d.name, w.a.name)
			}
			if x.LastSeen != nil {
				w.heard[d] = *x.LastSeen
			}
			w.silence[d] = *x
		case !w.removed[d]:
			w.removed[d] = true
			silent := time.Since(w.heard[d])
			w.t.Logf("%s has removed %s after %v of silence", d.name, w.a.name, silent.Round(time.Millisecond))
			if silent < netRule-netSlack {
				w.t.Fatalf("%s removed %s after %v of silence; the rule is %v", d.name, w.a.name, silent, netRule)
			}
		}
	}
}

// during looks until length has passed or ok returns true.
func (w *witness) during(length time.Duration, ok func() bool) {
	w.t.Helper()
	w.look()
	for until := time.Now().Add(length); time.Now().Before(until) && !ok(); {
		time.Sleep(netLook) // the length of the partition is the test
		w.look()
	}
}

// within looks until ok returns true, which it must.
func (w *witness) within(what string, ok func() bool) {
	w.t.Helper()
	within(w.t, netPatience, what, func() bool {
		w.look()
		return ok()
	})
}

// gone reports whether a was removed by all others.
func (w *witness) gone() bool { return len(w.removed) == len(w.others) }

// settled reports whether it is decided, everywhere alike, whether a is in.
func (w *witness) settled() bool {
	if w.gone() {
		return w.a.out()
	}
	for _, d := range w.others {
		if x := w.silence[d]; w.removed[d] || !x.Online || x.State != "" {
			return false
		}
		if x := w.a.sees(d.device); x == nil || !x.Online {
			return false
		}
	}
	return true
}

// A partition of {a} | {b, c}, several times, for two minutes together. It is
// healed at moments that are drawn: before the others may remove a, about when
// they do, and long after. There are never two epochs of one number, a is not
// removed before its time, and everybody learns what was decided.
func TestNetnsPartition(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name     string
		from, to time.Duration // how long one cut lasts
		last     bool          // what is left of the two minutes is one more cut
	}{
		{"early and late", 2 * time.Second, 25 * time.Second, true},
		{"about the deadline", netRule - 8*time.Second, netRule + 6*time.Second, false},
		{"again and again", 2 * time.Second, 50 * time.Second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r := random(t)
			c, w := newPartition(t)
			left := netCut
			if tc.last {
				left = netCut - netRule - 12*time.Second
			}
			for left > 0 && !w.gone() {
				length := min(tc.from+time.Duration(r.Int64N(int64(tc.to-tc.from))), left)
				left -= length
				f := faults[r.IntN(len(faults))]
				w.partition(c, r, f, length, false)
			}
			if tc.last && !w.gone() {
				w.partition(c, r, faults[r.IntN(len(faults))], netRule+12*time.Second, true)
			}
			w.after(c)
		})
	}
}

// newPartition makes the circle, by the local network alone.
func newPartition(t testing.TB) (*circle, *witness) {
	t.Helper()
	l := newLAN(t)
	var devices []*device
	var nets []*netDevice
	for _, name := range []string{"laptop", "phone", "tablet"} {
		d := l.device(name)
		nets, devices = append(nets, d), append(devices, d.device)
	}
	byCode := func(e api.Event) []string { return []string{e.Code} }
	c := foundWith(t, []string{"--quiet", netQuiet.String(), "--suspect", netSuspect.String(), "--online", netOnline.String(),
		"--grace", netGrace.String()}, byCode, devices...)
	t.Cleanup(func() {
		if t.Failed() {
			c.logs(t)
		}
	})
	// What they know of each other's addresses is wrong from now on.
	for _, d := range nets {
		d.stop()
	}
	for _, d := range nets {
		d.up()
	}
	w := newWitness(t, nets[0], nets[1:]...)
	w.within("they find each other by their beacons", w.settled)
	return c, w
}

// partition cuts a off for a time and waits until all is decided again. At the
// end of one that is to be long, a must be out.
func (w *witness) partition(c *circle, r *rand.Rand, f fault, length time.Duration, long bool) {
	w.t.Helper()
	t := w.t
	t.Logf("%s for %v", f.name, length.Round(time.Millisecond))
	w.a.set(f.cut)
	begin := time.Now()
	w.during(length, func() bool { return false })
	if long {
		w.within("the others remove the one that is cut off", w.gone)
		// Nobody has told it: it cannot sign all the same.
		w.a.cannotSign(t, api.CodeTimeout, api.CodeNoQuorum)
	}
	if len(w.removed) != 1 {
		b, other := w.others[0].device, w.others[1].device
		if r.IntN(2) == 0 {
			b, other = other, b
		}
		c.sign(t, fmt.Sprintf("while %s is cut off, %v", w.a.name, length), b, other)
	}
	w.a.set(f.mended)
	mended := time.Now()
	w.within("it is decided whether the one that was cut off is in", w.settled)
	t.Logf("cut for %v, settled %v later: removed %v", mended.Sub(begin).Round(time.Millisecond), time.Since(mended).Round(time.Millisecond), w.gone())
	if !w.gone() {
		c.sign(t, fmt.Sprintf("healed after %v", length), w.a.device, w.others[r.IntN(len(w.others))].device)
	}
}

// after checks how it ends: who is in signs, who is out does not.
func (w *witness) after(c *circle) {
	w.t.Helper()
	t := w.t
	w.look()
	b, other := w.others[0].device, w.others[1].device
	c.sign(t, "in the end", b, other)
	c.sign(t, "in the end, the other way round", other, b)
	if w.gone() {
		w.a.refused(t)
		c.drop(w.a.device)
	} else {
		c.everyPair(t, "all three")
	}
	c.settle(t, uint64(len(w.records)-1))
	w.look()
	list := b.epochs()
	if removals := len(slices.DeleteFunc(list, func(e api.Epoch) bool { return e.Kind != "remove" })); removals > 1 {
		t.Errorf("%s was removed %d times", w.a.name, removals)
	}
}
