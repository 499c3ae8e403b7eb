package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/internal/commandline"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/p2p"
	"github.com/warifu/warifu/internal/p2p/meet"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/node/api"
)

// A daemon runs the device of a home, as its person wants it run.
type daemon struct {
	app      *app
	listen   []string
	noLAN    bool
	passFile string
	port     uint16 // of last time, if listen is empty
}

func upCmd(a *app) *cobra.Command {
	d := &daemon{app: a}
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run this device",
		Long: `Up runs this device in the foreground until it is interrupted: it listens to the
other devices of the circle and to nobody else, and serves the commands of this
machine's user. It says on stderr when it is ready.`,
		Example: `  warifu up
  warifu up --listen /ip4/0.0.0.0/tcp/4242 --passphrase-file /run/warifu/pass`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return d.up(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&d.listen, "listen", nil, "multiaddress to listen at; may be repeated (default all, at one port that this device keeps)")
	f.BoolVar(&d.noLAN, "no-lan", false, "neither show this device on the local network nor look for others there")
	passphraseFlag(cmd, &d.passFile)
	return cmd
}

// up opens the device, meets the others and serves the commands until ctx ends.
func (d *daemon) up(ctx context.Context) (err error) {
	home, con := d.app.home, &d.app.con
	if _, err := api.SocketPath(home); err != nil {
		return err
	}
	for _, at := range d.listen {
		if _, _, err := meet.ParseAt(at); err != nil {
			return withHint(usagef("--listen %s: %s", at, strings.TrimPrefix(err.Error(), "p2p: ")), "check --listen: a multiaddress such as /ip4/0.0.0.0/tcp/4242, on a free port")
		}
	}
	d.app.warnRoot()
	dev, err := openDevice(ctx, home, d.app.passphrases().opening(ctx, d.passFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	con.lose()
	log := con.logger()
	p2p.RedirectLibraryLogs(graver{log.Handler(), slog.LevelError})
	// A repeating source repeats this as well; the clock beside it does not.
	var boot [16]byte
	if _, err := rand.Read(boot[:]); err != nil {
		return err
	}
	config, err := inLab(node.Config{
		Journal: dev.store,
		Keeper:  spokenKeeper{&keeper.Guarded{Keeper: dev.keeper, Guard: dev.guard()}},
		Rand:    rand.Reader,
		Boot:    boot,
		Log:     log,
		Now:     now,
		Words:   commandline.Words,
	})
	if err != nil {
		return err
	}
	n, err := node.Open(config)
	if errors.Is(err, node.ErrNoDevice) {
		return api.Errorf(api.CodeStoreDamaged, "the store holds no device").WithHint("`warifu fsck` says more")
	}
	if err != nil {
		return err
	}
	if len(d.listen) == 0 {
		d.port = lastPort(home, log)
	}
	link, err := d.link(dev, n, log)
	if err != nil {
		return err
	}
	if len(d.listen) == 0 {
		keepPort(home, d.port, link, log)
	}
	socket, err := api.Listen(home)
	if err != nil {
		return errors.Join(err, stopLink(ctx, link))
	}
	return d.work(ctx, n, link, socket, log)
}

// link binds the sockets on which other devices are met.
func (d *daemon) link(dev *device, n *node.Node, log *slog.Logger) (*p2p.Link, error) {
	seed, err := node.TransportSeed(dev.store)
	if err != nil {
		return nil, err
	}
	defer seed.Wipe()
	var link *p2p.Link
	err = seed.Use(func(s *[32]byte) error {
		key := ed25519.NewKeyFromSeed(s[:])
		defer clear(key)
		link, err = p2p.New(p2p.Config{
			Key:       key,
			Listen:    d.listen,
			Port:      d.port,
			LAN:       !d.noLAN,
			Protocols: node.Protocols(),
			OnMessage: n.OnMessage,
			OnUp:      n.OnUp,
			OnDown:    n.OnDown,
			OnAddrs:   n.OnAddrs,
			OnMisfit:  func(peer []byte, m p2p.Misfit) { n.OnMisfit(peer, m.Protocol, m.Ours, m.Theirs) },
			OnStrangers: func(s p2p.Strangers) {
				out := node.Strangers{Unheard: s.Unheard, TurnedAway: s.TurnedAway, From: s.From}
				for _, r := range s.Refused {
					out.Refused = append(out.Refused, node.Stranger(r))
				}
				n.OnStrangers(out)
			},
			Log: log,
		})
		return err
	})
	if err != nil {
		return nil, api.AsError(fmt.Errorf("listen: %w", err)).WithHint("check --listen: a multiaddress such as /ip4/0.0.0.0/tcp/4242, on a free port")
	}
	return link, nil
}

// stopLink closes a link that was never run.
func stopLink(ctx context.Context, link *p2p.Link) error {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return link.Run(ctx)
}

// work runs the device's three parts until ctx ends or one of them fails.
func (d *daemon) work(ctx context.Context, n *node.Node, link *p2p.Link, socket net.Listener, log *slog.Logger) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return link.Run(ctx) })
	parts.Go(func() error {
		return n.Run(ctx, link, inviter{loopback: loopbackOnly(d.listen), lan: !d.noLAN})
	})
	parts.Go(func() error { return api.Serve(ctx, socket, n.Desk(), log) })
	parts.Go(func() error { return besides(ctx, n) })
	parts.Go(func() error {
		s, err := n.Desk().Status(ctx)
		if err != nil {
			return err
		}
		d.app.con.event(api.Event{Event: api.EventReady, Device: s.Device, Name: s.Name, Addresses: s.Addresses})
		return nil
	})
	err := parts.Wait()
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, node.ErrStopped)) {
		return nil
	}
	return err
}

// loopbackOnly reports whether the device listens to this machine only; its
// throw-away hosts then do the same.
func loopbackOnly(listen []string) bool {
	for _, l := range listen {
		if !strings.HasPrefix(l, "/ip4/127.") && !strings.HasPrefix(l, "/ip6/::1/") {
			return false
		}
	}
	return len(listen) > 0
}
