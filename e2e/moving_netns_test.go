//go:build netns

package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// again starts the daemon as a person does who keeps it off the local network,
// with what its home says of the last time.
func (d *netDevice) again() {
	d.t.Helper()
	d.start("--json", "--home", d.home, "up", "--passphrase-file", d.pass, "--no-lan")
}

// inside runs ip(8) in the device's namespace.
func (d *netDevice) inside(args ...string) {
	d.t.Helper()
	d.lan.ip(append([]string{"-n", d.under[len(d.under)-1]}, args...)...)
}

// move takes the addresses from the device's cable and gives it others.
func (d *netDevice) move(addrs ...string) {
	d.t.Helper()
	d.inside("-4", "addr", "flush", "dev", "eth0")
	for _, a := range addrs {
		d.inside("addr", "add", a, "dev", "eth0")
	}
}

// TestNetnsPortsAreKept: all devices are restarted at once, off the local
// network. Each knows nothing of the others but where it last met them. Then one
// finds its port held by another program, and says so; it reaches the others.
func TestNetnsPortsAreKept(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	var devices []*device
	var nets []*netDevice
	for _, name := range []string{"laptop", "phone", "tablet"} {
		d := l.device(name)
		nets, devices = append(nets, d), append(devices, d.device)
	}
	c := foundWith(t, nil, func(e api.Event) []string { return []string{e.Code} }, devices...)
	t.Cleanup(func() {
		if t.Failed() {
			c.logs(t)
		}
	})
	laptop, phone, tablet := devices[0], devices[1], devices[2]
	restart := func() {
		for _, d := range nets {
			d.stop()
		}
	}
	restart()
	for _, d := range nets {
		d.again()
	}
	for _, d := range devices {
		d.online()
	}
	c.sign(t, "at the ports of last time", laptop, phone)
	c.sign(t, "the other way round", phone, tablet)

	port, err := os.ReadFile(nets[0].keptPort())
	if err != nil {
		t.Fatal(err)
	}
	restart()
	other := newDevice(t, "other")
	other.under = laptop.under
	squatter := &netDevice{device: other, lan: l}
	if err := os.WriteFile(squatter.keptPort(), port, 0o600); err != nil {
		t.Fatal(err)
	}
	squatter.again()
	for _, d := range nets {
		d.again()
	}
	if said := laptop.stderr.String(); strings.Count(said, "another program holds the port") != 1 {
		t.Errorf("the laptop says of its port:\n%s", said)
	}
	if said := phone.stderr.String(); strings.Contains(said, "another program holds the port") {
		t.Errorf("the phone says of its port:\n%s", said)
	}
	if now, err := os.ReadFile(nets[0].keptPort()); err != nil || string(now) == string(port) {
		t.Errorf("the laptop keeps port %q, %v", now, err)
	}
	for _, d := range devices {
		d.online()
	}
	c.sign(t, "with another port", laptop, tablet)

	// A file that nobody can read costs the port and nothing else.
	nets[1].stop()
	if err := os.WriteFile(nets[1].keptPort(), []byte("many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	nets[1].again()
	if said := phone.stderr.String(); strings.Count(said, "the port of last time cannot be read") != 1 {
		t.Errorf("the phone says of its file:\n%s", said)
	}
	phone.online()
}

// TestNetnsInvitationMoves: the device that shows an invitation gets another
// address. Its person is shown the invitation again, with the same code, and who
// takes it comes in.
func TestNetnsInvitationMoves(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	laptop, phone := l.device("laptop"), l.device("phone")
	f := laptop.begin("found", "--threshold", "2", "--devices", "2", "--yes")
	first := f.await(api.EventInvitation)
	laptop.move("10.78.0.91/24")
	moved := f.await(api.EventInvitation)
	if moved.Step != first.Step || moved.Code != first.Code || moved.Invitation == first.Invitation {
		t.Errorf("after the move %+v is shown, before it was %+v", moved, first)
	}
	for _, at := range moved.Addresses {
		if !strings.HasPrefix(at, "/ip4/10.78.0.91/") {
			t.Errorf("the invitation offers %s", at)
		}
	}
	p := phone.begin("join", moved.Invitation, "--yes")
	for _, r := range []*running{f, p} {
		if _, err := r.end(); err != nil {
			t.Error(err)
		}
	}
}

// TestNetnsNoMulticast: a network on which no device sees another. Whoever has
// typed the code is told what to type, and that works.
func TestNetnsNoMulticast(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	laptop, phone := l.device("laptop"), l.device("phone")
	for _, d := range []*netDevice{laptop, phone} {
		d.inside("link", "set", "eth0", "multicast", "off")
	}
	f := laptop.begin("found", "--threshold", "2", "--devices", "2", "--yes")
	shown := f.await(api.EventInvitation)
	p := phone.begin("join", shown.Code, "--yes")
	for {
		if e := p.await(api.EventWaiting); strings.Contains(e.Reason, "warifu join --at ADDRESS") {
			break
		}
	}
	if err := p.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.end()
	q := phone.begin("join", shown.Code, "--at", shown.Addresses[0], "--yes")
	for _, r := range []*running{f, q} {
		if _, err := r.end(); err != nil {
			t.Error(err)
		}
	}
}

// TestNetnsLinkLocalIsSaid: a device whose only addresses are those that IPv6 has
// for one link neither invites nor looks for a code; it says why.
func TestNetnsLinkLocalIsSaid(t *testing.T) {
	t.Parallel()
	l := newLAN(t)
	laptop := l.device("laptop")
	laptop.move()
	for _, args := range [][]string{
		{"found", "--threshold", "2", "--devices", "2", "--yes"},
		{"join", "1234-5678", "--yes"},
	} {
		o := laptop.run(1, args...)
		if o.has(t, "link-local", "fe80::", "--listen"); o.code(t) != api.CodeUnreachable {
			t.Errorf("%s: %s", args[0], o.stderr)
		}
		if strings.Contains(o.stderr, `"event":"`+api.EventInvitation) {
			t.Errorf("%s offers something: %s", args[0], o.stderr)
		}
	}
}

// TestNetnsSmallNetworks founds circles of two, by code alone, where the network
// gives few addresses.
func TestNetnsSmallNetworks(t *testing.T) {
	t.Parallel()
	for name, addrs := range map[string][2]string{
		"IPv6 only":       {"fd78::1/64", "fd78::2/64"},
		"link-local IPv4": {"169.254.78.1/16", "169.254.78.2/16"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLAN(t)
			devices := []*device{}
			for i, name := range []string{"laptop", "phone"} {
				d := l.device(name)
				d.move(addrs[i])
				devices = append(devices, d.device)
			}
			c := foundWith(t, nil, func(e api.Event) []string { return []string{e.Code} }, devices...)
			c.sign(t, name, devices[0], devices[1])
		})
	}
}
