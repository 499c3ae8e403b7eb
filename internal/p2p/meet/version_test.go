package meet_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p/meet"
	"github.com/warifu/warifu/internal/p2p/stream"
	"github.com/warifu/warifu/pairing"
)

// TestPairingOfAnotherRelease: a visitor with another version of pairing is
// heard, so that the device which shows the invitation learns of it; and one
// that visits a device with another version is told which is older.
func TestPairingOfAnotherRelease(t *testing.T) {
	t.Parallel()
	other, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { other.Close() })
	other.SetStreamHandler("/warifu/pair/3", func(s network.Stream) { s.Reset() })
	ctx, cancel := context.WithTimeout(context.Background(), pairPatience)
	defer cancel()

	h := newPairHost(t, true)
	heard := make(chan []byte, 1)
	servePair(t, h, func(_ context.Context, s *meet.Stream) {
		msg, _ := s.ReadMessage(pairPatience)
		heard <- msg
	})
	var addrs []ma.Multiaddr
	for _, b := range h.Addrs() {
		addrs = append(addrs, ma.Cast(b))
	}
	if err := other.Connect(ctx, peer.AddrInfo{ID: peer.ID(h.Peer()), Addrs: addrs}); err != nil {
		t.Fatal(err)
	}
	s, err := other.NewStream(ctx, peer.ID(h.Peer()), "/warifu/pair/3")
	if err != nil {
		t.Fatal(err)
	}
	s.Write(stream.AppendMessage(nil, []byte("\x03hello")))
	if msg := <-heard; string(msg) != "\x03hello" {
		t.Errorf("heard %q", msg)
	}
	if _, err := other.NewStream(ctx, peer.ID(h.Peer()), "/warifu/pairs/1"); err == nil {
		t.Error("any protocol is heard")
	}

	var there [][]byte
	for _, a := range other.Addrs() {
		there = append(there, a.Bytes())
	}
	_, err = newPairHost(t, false).Dial(ctx, []byte(other.ID()), there)
	e, ok := errors.AsType[*pairing.Error](err)
	if !ok || e.Code != pairing.Version || !strings.Contains(e.Text, "version 3, and this one by version 1: update this device") {
		t.Errorf("told %v", err)
	}
}
