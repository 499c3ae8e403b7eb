package p2p_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/warifu/warifu/internal/p2p"
)

const (
	proto    = "/test/a/1"
	other    = "/test/b/1"
	maxProto = 64 << 10

	tcpOnly  = "/ip4/127.0.0.1/tcp/0"
	quicOnly = "/ip4/127.0.0.1/udp/0/quic-v1"

	patience = 30 * time.Second
)

// An event is one callback of a node, or a fault, which only its log tells.
type event struct {
	what string // "up", "down", "msg", "fault", "stranger"
	peer string // binary peer id; of a fault, its end as the log has it
	text string // reason, message, fault or address
}

// A node is a running link whose callbacks are events.
type node struct {
	t      testing.TB
	link   *p2p.Link
	events chan event
	log    *syncBuffer
	stop   func() // ends Run and waits for it
}

// A faults is a log that makes events of faults.
type faults struct {
	slog.Handler
	node *node
	peer string // whom this log is about
}

// WithAttrs implements [slog.Handler].
func (f faults) WithAttrs(attrs []slog.Attr) slog.Handler {
	for _, a := range attrs {
		if a.Key == "peer" {
			f.peer = a.Value.String()
		}
	}
	f.Handler = f.Handler.WithAttrs(attrs)
	return f
}

// Handle implements [slog.Handler].
func (f faults) Handle(ctx context.Context, r slog.Record) error {
	err := f.Handler.Handle(ctx, r)
	if r.Message == "peer at fault" {
		r.Attrs(func(a slog.Attr) bool {
			if a.Key == "what" {
				f.node.events <- event{"fault", f.peer, a.Value.String()}
			}
			return true
		})
	}
	return err
}

// inLog returns how the log names a binary peer id.
func inLog(id string) string {
	s := peer.ID(id).String()
	return s[len(s)-8:]
}

// TestMain silences libp2p, which would write to stderr by itself.
func TestMain(m *testing.M) {
	p2p.RedirectLibraryLogs(slog.DiscardHandler)
	m.Run()
}

// key returns the transport key number n.
func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// idOf returns the binary peer id of key number n.
func idOf(t testing.TB, n byte) string {
	t.Helper()
	k, err := crypto.UnmarshalEd25519PrivateKey(key(n))
	if err != nil {
		t.Fatal(err)
	}
	id, err := peer.IDFromPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(id)
}

// start runs a link with key number n. change may adjust its configuration.
func start(t testing.TB, n byte, listen string, change ...func(*p2p.Config)) *node {
	t.Helper()
	return startWith(t, p2p.New, n, listen, change...)
}

// startWith runs a link that build made.
func startWith(t testing.TB, build func(p2p.Config) (*p2p.Link, error), n byte, listen string, change ...func(*p2p.Config)) *node {
	t.Helper()
	nd := &node{t: t, events: make(chan event, 10000), log: new(syncBuffer)}
	cfg := p2p.Config{
		Key:       key(n),
		Listen:    strings.Fields(listen),
		Protocols: map[string]int{proto: maxProto, other: maxProto},
		OnMessage: func(from []byte, _ string, msg []byte) { nd.events <- event{"msg", string(from), string(msg)} },
		OnUp:      func(p []byte) { nd.events <- event{"up", string(p), ""} },
		OnDown:    func(p []byte, why string) { nd.events <- event{"down", string(p), why} },
		OnMisfit: func(p []byte, m p2p.Misfit) {
			nd.events <- event{"misfit", string(p), fmt.Sprint(m.Protocol, " ", m.Ours, " ", m.Theirs)}
		},
		OnStrangers: func(s p2p.Strangers) {
			for _, r := range s.Refused {
				nd.events <- event{"stranger", string(r.Peer), r.Addr}
			}
		},
		Log: slog.New(faults{slog.NewTextHandler(nd.log, &slog.HandlerOptions{Level: slog.LevelDebug}), nd, ""}),
	}
	for _, f := range change {
		f(&cfg)
	}
	var err error
	if nd.link, err = build(cfg); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- nd.link.Run(ctx) }()
	nd.stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("run did not return")
		}
	})
	t.Cleanup(func() {
		nd.stop()
		if t.Failed() {
			t.Logf("log of node %d:\n%s", n, nd.log)
		}
	})
	for began := time.Now(); !nd.link.Running(); time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			t.Fatal("it does not run")
		}
	}
	return nd
}

// allow makes nd allow the others, at the addresses they listen on.
func (nd *node) allow(others ...*node) {
	peers := make(map[string][]string)
	for _, o := range others {
		peers[string(o.link.ID())] = o.link.Addrs()
	}
	nd.link.SetPeers(peers)
}

// wait returns the next event for which ok holds and drops those before it.
func (nd *node) wait(what string, ok func(event) bool) event {
	nd.t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-nd.events:
			if e.what == what && (ok == nil || ok(e)) {
				return e
			}
		case <-timeout:
			nd.t.Fatalf("no event %q within %v", what, patience)
		}
	}
}

func (nd *node) waitUp(id string) {
	nd.t.Helper()
	nd.wait("up", func(e event) bool { return e.peer == id })
}

func (nd *node) send(to *node, text string) {
	nd.t.Helper()
	if err := nd.link.Send(to.link.ID(), proto, []byte(text)); err != nil {
		nd.t.Fatalf("send: %v", err)
	}
}

func (nd *node) id() string { return string(nd.link.ID()) }

// together runs two links that are up with each other. Only the first knows the
// other's address, so that there is one connection.
func together(t testing.TB, listen string) (a, b *node) {
	t.Helper()
	a, b = start(t, 1, listen), start(t, 2, listen)
	b.link.SetPeers(map[string][]string{a.id(): nil})
	a.allow(b)
	a.waitUp(b.id())
	b.waitUp(a.id())
	return a, b
}

// A raw is a libp2p host of an allowed peer that does not play by the rules.
type raw struct {
	t    testing.TB
	host host.Host
}

// rawPeer makes a host with key number n that answers hellos as the process
// boot; with boot 0 it does not answer.
func rawPeer(t testing.TB, n, boot byte) raw {
	t.Helper()
	k, err := crypto.UnmarshalEd25519PrivateKey(key(n))
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(k), libp2p.NoListenAddrs, libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	r := raw{t, h}
	r.answer(boot)
	return r
}

// answer changes how hellos are answered.
func (r raw) answer(boot byte) {
	r.host.SetStreamHandler("/warifu/hello/1", func(s network.Stream) {
		if boot == 0 {
			return
		}
		io.ReadFull(s, make([]byte, 16))
		s.Write(bytes.Repeat([]byte{boot}, 16))
		s.Close()
	})
}

// connect dials nd. That it returns nil does not mean that nd wants it.
func (r raw) connect(nd *node) error {
	var addrs []ma.Multiaddr
	for _, a := range nd.link.Addrs() {
		addrs = append(addrs, ma.StringCast(a))
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return r.host.Connect(ctx, peer.AddrInfo{ID: peer.ID(nd.link.ID()), Addrs: addrs})
}

// join makes nd allow key number n and connects a raw peer with it.
func join(t testing.TB, nd *node, n byte) raw {
	t.Helper()
	nd.link.SetPeers(map[string][]string{idOf(t, n): nil})
	r := rawPeer(t, n, n)
	if err := r.connect(nd); err != nil {
		t.Fatal(err)
	}
	nd.waitUp(idOf(t, n))
	return r
}

// write opens a stream to nd and writes b to it.
func (r raw) write(nd *node, name string, b []byte) network.Stream {
	r.t.Helper()
	s, err := r.stream(nd, name)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := s.Write(b); err != nil {
		r.t.Logf("write: %v", err) // a reset may come first
	}
	return s
}

// isReset fails the test if nd does not reset s.
func (r raw) isReset(s network.Stream) {
	r.t.Helper()
	if _, err := s.Read(make([]byte, 1)); !errors.Is(err, network.ErrReset) {
		r.t.Errorf("read after a fault: %v, want a reset", err)
	}
}

// stream opens a stream to nd.
func (r raw) stream(nd *node, name string) (network.Stream, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := r.host.NewStream(ctx, peer.ID(nd.link.ID()), protocol.ID(name))
	if err == nil {
		s.SetDeadline(time.Now().Add(patience))
	}
	return s, err
}

// framed returns the stream form of a message.
func framed(msg string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(msg))), msg...)
}

// A syncBuffer is a log that several goroutines write.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// canceled returns a context that is done.
func canceled() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx, cancel
}
