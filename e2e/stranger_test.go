package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/wire"
)

// TestStrangerIsRefused dials a device as somebody who is not in its circle,
// and as nobody who speaks its language.
func TestStrangerIsRefused(t *testing.T) {
	t.Parallel()
	c := newCircle(t, 2, "laptop", "phone")
	target := c.devices[0]
	info, err := peer.AddrInfoFromString(target.ready.Addresses[0])
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	for _, p := range []protocol.ID{wire.ProtocolSync, wire.ProtocolSession, wire.ProtocolPair, "/ipfs/id/1.0.0", "/ipfs/ping/1.0.0"} {
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		// The dialer's side of the handshake may succeed: what counts is that
		// no stream opens and no byte comes back.
		_ = stranger.Connect(ctx, *info)
		s, err := stranger.NewStream(ctx, info.ID, p)
		if err == nil {
			_ = s.SetDeadline(time.Now().Add(3 * time.Second))
			_, _ = s.Write([]byte("hello"))
			if n, err := s.Read(make([]byte, 1)); n > 0 || err == nil {
				t.Errorf("%s: the device answered a stranger", p)
			}
			_ = s.Reset()
		}
		cancel()
	}
	flood(t, random(t), target)
	c.sign(t, "undisturbed", target, c.devices[1])
}

// flood connects to the device's port and sends what no device would.
func flood(t testing.TB, r *rand.Rand, d *device) {
	t.Helper()
	parts := strings.Split(d.listen, "/")
	addr := fmt.Sprintf("127.0.0.1:%s", parts[len(parts)-1])
	garbage := make([]byte, 64<<10)
	for i := range garbage {
		garbage[i] = byte(r.Uint32())
	}
	for _, first := range [][]byte{nil, []byte("GET / HTTP/1.1\r\n\r\n"), []byte("\x13/multistream/1.0.0\n"), garbage[:7]} {
		for range 20 {
			conn, err := net.DialTimeout("tcp", addr, 3*time.Second)
			if err != nil {
				continue // it may refuse; it must not break
			}
			_ = conn.SetDeadline(time.Now().Add(time.Second))
			_, _ = conn.Write(first)
			_, _ = conn.Write(garbage)
			conn.Close()
		}
	}
}

// TestTwoCirclesDoNotMix runs two circles on one machine, with the local
// network on, and lets one ask the other for everything it could ask.
func TestTwoCirclesDoNotMix(t *testing.T) {
	t.Parallel()
	make2 := func(names ...string) *circle {
		var devices []*device
		for _, name := range names {
			d := newDevice(t, name)
			d.start(d.upArgs()...) // with the local network
			devices = append(devices, d)
		}
		return found(t, 2, devices...)
	}
	ours, theirs := make2("laptop", "phone"), make2("laptop", "tablet")
	if ours.Circle.Circle == theirs.Circle.Circle || ours.address == theirs.address {
		t.Fatal("the circles are one")
	}
	sig := ours.sign(t, "ours", ours.devices[0], ours.devices[1])
	theirs.sign(t, "theirs", theirs.devices[1], theirs.devices[0])
	for _, d := range theirs.devices {
		if _, err := d.client.Request(t.Context(), sig.Request); api.CodeOf(err) != api.CodeUnknownRequest {
			t.Errorf("%s of the other circle knows our request: %v", d.name, err)
		}
		s := d.status()
		if s.Circle != theirs.Circle.Circle || len(s.Devices) != 2 {
			t.Errorf("%s sees %+v", d.name, s.Devices)
		}
	}
	// Restarted at the same moment and apart, each finds its own again.
	for _, c := range []*circle{ours, theirs} {
		for _, d := range c.devices {
			d.kill()
		}
	}
	for _, c := range []*circle{theirs, ours} {
		for _, d := range c.devices {
			d.start(d.upArgs()...)
		}
	}
	ours.sign(t, "ours again", ours.devices[1], ours.devices[0])
	theirs.sign(t, "theirs again", theirs.devices[0], theirs.devices[1])
	for _, d := range append(ours.devices, theirs.devices...) {
		if strings.Contains(d.stderr.String(), "panic") {
			t.Errorf("%s:\n%s", d.name, d.stderr)
		}
	}
}
