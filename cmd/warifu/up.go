package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/p2p"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/node/api"
)

// An upConfig is what a person chooses for the daemon.
type upConfig struct {
	listen   []string
	noLAN    bool
	passFile string
	port     uint16 // of last time, if listen is empty
}

func (a *app) upCmd() *cobra.Command {
	var c upConfig
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run this device",
		Long: `Up runs this device in the foreground until it is interrupted: it listens to the
other devices of the circle and to nobody else, and serves the commands of this
machine's user. It says on stderr when it is ready.`,
		Example: `  warifu up
  warifu up --listen /ip4/0.0.0.0/tcp/4242 --passphrase-file /run/warifu/pass`,
		Args: nothing,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.up(cmd.Context(), c) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&c.listen, "listen", nil, "multiaddress to listen at; may be repeated (default all, at one port that this device keeps)")
	f.BoolVar(&c.noLAN, "no-lan", false, "neither show this device on the local network nor look for others there")
	passphraseFlag(cmd, &c.passFile)
	return cmd
}

func (a *app) up(ctx context.Context, c upConfig) (err error) {
	if _, err := api.SocketPath(a.home); err != nil {
		return err
	}
	for _, at := range c.listen {
		if _, _, err := p2p.ParseAt(at); err != nil {
			return withHint(usagef("--listen %s: %s", at, strings.TrimPrefix(err.Error(), "p2p: ")), "check --listen: a multiaddress such as /ip4/0.0.0.0/tcp/4242, on a free port")
		}
	}
	a.warnRoot()
	d, err := openDevice(ctx, a.home, a.opening(ctx, c.passFile))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	a.lose()
	log := a.logger()
	p2p.RedirectLibraryLogs(graver{log.Handler(), slog.LevelError})
	// A repeating source repeats this as well; the clock beside it does not.
	var boot [16]byte
	if _, err := rand.Read(boot[:]); err != nil {
		return err
	}
	config, err := inLab(node.Config{
		Journal: d.store,
		Keeper:  spokenKeeper{&keeper.Guarded{Keeper: d.keeper, Guard: d.guard()}},
		Rand:    rand.Reader,
		Boot:    boot,
		Log:     log,
		Now:     now,
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
	if len(c.listen) == 0 {
		c.port = lastPort(a.home, log)
	}
	link, err := newLink(d, n, c, log)
	if err != nil {
		return err
	}
	if len(c.listen) == 0 {
		keepPort(a.home, c.port, link, log)
	}
	socket, err := api.Listen(a.home)
	if err != nil {
		return errors.Join(err, stopLink(ctx, link))
	}
	return a.work(ctx, n, link, socket, c, log)
}

// newLink binds the sockets on which other devices are met.
func newLink(d *device, n *node.Node, c upConfig, log *slog.Logger) (*p2p.Link, error) {
	seed, err := node.TransportSeed(d.store)
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
			Listen:    c.listen,
			Port:      c.port,
			LAN:       !c.noLAN,
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
func (a *app) work(ctx context.Context, n *node.Node, link *p2p.Link, socket net.Listener, c upConfig, log *slog.Logger) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return link.Run(ctx) })
	parts.Go(func() error {
		return n.Run(ctx, link, inviter{loopback: loopbackOnly(c.listen), lan: !c.noLAN})
	})
	parts.Go(func() error { return api.Serve(ctx, socket, n, log) })
	parts.Go(func() error { return besides(ctx, n) })
	parts.Go(func() error {
		s, err := n.Status(ctx)
		if err != nil {
			return err
		}
		a.event(api.Event{Event: api.EventReady, Device: s.Device, Name: s.Name, Addresses: s.Addresses})
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

// short writes identifiers as a person compares them, in every format.
func short(_ []string, a slog.Attr) slog.Attr {
	if v, ok := a.Value.Any().(fmt.Stringer); ok && a.Value.Kind() == slog.KindAny {
		a.Value = slog.StringValue(v.String())
	}
	return a
}

// logger writes outcomes to stderr, one JSON object a line with --json.
func (a *app) logger() *slog.Logger { return a.logTo(lockedWriter{a}) }

// logTo is logger with another place for the lines.
func (a *app) logTo(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: short}
	if a.verbose {
		options.Level = slog.LevelDebug
	}
	if a.json {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// A graver handler lets only the gravest of its libraries' records through: what
// they warn of is a peer that goes away, which this program tells better. Its
// writer quotes what a peer may have chosen.
type graver struct {
	slog.Handler
	least slog.Level
}

func (g graver) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= g.least && g.Handler.Enabled(ctx, l)
}

func (g graver) WithAttrs(attrs []slog.Attr) slog.Handler {
	return graver{g.Handler.WithAttrs(attrs), g.least}
}

func (g graver) WithGroup(name string) slog.Handler {
	return graver{g.Handler.WithGroup(name), g.least}
}

// A lockedWriter is stderr, a line at a time.
type lockedWriter struct{ app *app }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.app.mu.Lock()
	defer w.app.mu.Unlock()
	return w.app.stderr.Write(p)
}
