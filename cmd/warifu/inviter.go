package main

import (
	"context"
	"errors"
	"strings"

	"github.com/warifu/warifu/internal/p2p"
	"github.com/warifu/warifu/internal/p2p/lan"
	"github.com/warifu/warifu/internal/p2p/meet"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/pairing"
)

// An inviter opens the throw-away hosts on which devices meet, and fits what
// package meet returns to what package node asks for.
type inviter struct {
	loopback bool // this machine only
	lan      bool // codes are shown and looked for on the local network
}

var (
	_ node.Inviter    = inviter{}
	_ node.PairHost   = pairHost{}
	_ node.PairStream = (*visit)(nil)
	_ node.Link       = (*p2p.Link)(nil)
	_ node.Keeper     = spokenKeeper{}
)

// Host implements [node.Inviter].
func (v inviter) Host() (node.PairHost, error) {
	h, err := meet.NewHost(meet.Listen(v.loopback))
	if err != nil {
		return nil, err
	}
	if len(h.Addrs()) == 0 {
		return nil, errors.Join(errOnlyLinkLocal, h.Close())
	}
	return pairHost{h, v}, nil
}

var errOnlyLinkLocal = api.Errorf(api.CodeUnreachable, "the network has given this device no address but link-local ones of IPv6 (fe80::), over which devices do not connect").
	WithHint("give it another address, or begin again when it has one; for devices on one machine run `warifu up --listen /ip4/127.0.0.1/tcp/0`")

// Dial implements [node.Inviter]. Each visit has a host of its own, so that
// two visits cannot be told to be of one device.
func (v inviter) Dial(ctx context.Context, peer []byte, addrs [][]byte) (node.PairStream, error) {
	h, err := meet.NewHost(nil)
	if err != nil {
		return nil, err
	}
	s, err := h.Dial(ctx, peer, addrs)
	if err != nil {
		return nil, errors.Join(err, h.Close())
	}
	return &visit{s, h}, nil
}

// DialAt implements [node.Inviter].
func (v inviter) DialAt(ctx context.Context, at string) (node.PairStream, error) {
	peer, addr, err := meet.ParseAt(at)
	if err != nil {
		return nil, api.Errorf(api.CodeBadArgument, "--at: %s", strings.TrimPrefix(err.Error(), "p2p: ")).
			WithHint("the device that shows the code shows the address, too")
	}
	return v.Dial(ctx, peer, [][]byte{addr})
}

// Find implements [node.Inviter].
func (v inviter) Find(ctx context.Context, code pairing.Code, found func(peer []byte, addrs [][]byte) bool) error {
	if !v.lan {
		return api.Errorf(api.CodeUnreachable, "this daemon does not look on the local network (--no-lan)").
			WithHint("say where the other device is with --at, or use the long invitation")
	}
	if !v.loopback && lan.OnlyLinkLocal() {
		return errOnlyLinkLocal
	}
	return lan.FindCode(ctx, code, v.loopback, func(h lan.CodeHost) bool { return found(h.Peer, h.Addrs) })
}

// A pairHost is a [meet.Host] as node sees it.
type pairHost struct {
	*meet.Host
	from inviter
}

// Serve implements [node.PairHost].
func (h pairHost) Serve(ctx context.Context, ready func(), handle func(context.Context, node.PairStream)) error {
	return h.Host.Serve(ctx, ready, func(ctx context.Context, s *meet.Stream) { handle(ctx, s) })
}

// Announce implements [node.PairHost].
func (h pairHost) Announce(ctx context.Context, code pairing.Code) error {
	if !h.from.lan {
		<-ctx.Done()
		return ctx.Err()
	}
	return h.Host.Announce(ctx, code, h.from.loopback)
}

// A visit is a stream together with the host that was made for it.
type visit struct {
	*meet.Stream
	host *meet.Host
}

// Close hangs up and throws the host away.
func (v *visit) Close() error {
	return errors.Join(v.Stream.Close(), v.host.Close())
}
