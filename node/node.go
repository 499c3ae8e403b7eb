package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/desk"
	"github.com/warifu/warifu/node/inbox"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// A Node is a device at work. Make one with [Open], hand its On methods to the
// link, and call [Node.Run]; the methods of the control API may be called from
// any goroutine while Run runs.
type Node struct {
	core    *core
	greeter *meet.Greeter // from Run on
	inbox   *inbox.Inbox[event]
	ended   chan struct{}
	log     *slog.Logger
	now     func() time.Time
}

// An event is something for the loop to do. The loop sets the time.
type event func(c *core, now time.Time)

// ErrStopped is returned by calls that arrive when the device is stopping.
var ErrStopped = errors.New("node: the device is stopping")

// Open reads everything durable of this device, verifying the certificate of
// its epoch. It returns [standing.ErrNoDevice] for a journal without a device, and
// starts nothing.
func Open(cfg standing.Config) (*Node, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Timings == (standing.Timings{}) {
		cfg.Timings = standing.DefaultTimings
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	c, err := newCore(cfg)
	if err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	return &Node{
		core: c, inbox: inbox.New[event](ended), ended: ended,
		log: cfg.Log, now: cfg.Now,
	}, nil
}

// Device returns the identity of this device.
func (n *Node) Device() wire.DeviceID { return n.core.Self.Public }

// Name returns the name of this device.
func (n *Node) Name() string { return n.core.Self.Name }

// Run is the loop. It returns when ctx ends, having wiped the machines.
func (n *Node) Run(ctx context.Context, link standing.Link, invite Inviter) error {
	n.greeter = meet.New(meet.Config{Device: introducer{n}, Inviter: invite, Now: n.now, Rand: n.core.Config.Rand, Log: n.log, Words: n.core.Config.Words})
	defer n.greeter.End(ErrStopped)
	defer close(n.ended)
	n.core.Now = n.now()
	if err := n.core.start(link); err != nil {
		return fmt.Errorf("node: start: %w", err)
	}
	defer func() {
		for _, l := range n.core.LiveSessions() {
			n.core.Drop(l)
		}
	}()
	timings := n.core.Config.Timings
	timer := time.NewTimer(timings.Tick)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			n.core.tick(n.now())
			timer.Reset(n.core.tickEvery())
			continue
		case <-ctx.Done():
			return nil
		default:
		}
		e, from, wait, ok := n.inbox.Next()
		if ok {
			busy := n.core.busy()
			n.serve(e, from)
			if !busy && n.core.busy() {
				timer.Reset(timings.Tick)
			}
			continue
		}
		if wait == 0 {
			wait = timings.IdleTick
		}
		rest := time.NewTimer(wait)
		select {
		case <-n.inbox.Wake():
		case <-rest.C: // somebody who was held back may go on
		case <-timer.C:
			n.core.tick(n.now())
			timer.Reset(n.core.tickEvery())
		case <-ctx.Done():
		}
		rest.Stop()
	}
}

// serve has the core do one thing, and charges whoever it is due to with the time
// that this takes. What a session asks for that this device takes part in, because
// its person wanted it, is on this device's own account.
func (n *Node) serve(e event, from string) {
	began := time.Now()
	n.core.Ours = false
	e(n.core, n.now())
	if !n.core.Ours {
		n.inbox.Charge(from, time.Since(began))
	}
}

// post hands something of this device to the loop, or drops it when the device has
// stopped.
func (n *Node) post(do func(c *core)) {
	n.inbox.Local(context.Background(), func(c *core, now time.Time) {
		c.step(now, func() { do(c) })
	})
}

// OnMessage is for the link: an authenticated peer sent msg, which the node
// may keep. It holds up whoever calls it while too much of that peer waits.
func (n *Node) OnMessage(from []byte, protocol string, msg []byte) {
	n.inbox.Says(string(from), n.now())
	began := time.Now()
	parts := sortMessage(from, protocol, msg)
	n.inbox.Charge(string(from), time.Since(began))
	for _, p := range parts {
		if !n.inbox.Of(string(from), p.class, p.do, p.size) {
			return
		}
	}
}

// OnUp is for the link: messages can be sent to peer from now on.
func (n *Node) OnUp(peer []byte) {
	n.inbox.Of(string(peer), inbox.Link, func(c *core, now time.Time) { c.onUp(now, peer) }, 0)
}

// OnDown is for the link: the last connection to peer is gone.
func (n *Node) OnDown(peer []byte, reason string) {
	n.inbox.Of(string(peer), inbox.Link, func(c *core, now time.Time) { c.onDown(now, peer, intent.Escape(reason)) }, 0)
}

// OnAddrs is for the link: this device can be dialled elsewhere now.
func (n *Node) OnAddrs() {
	n.post(func(c *core) {
		if c.Circle != nil {
			c.Broadcast(message.MsgHello, c.Hello())
		}
	})
}

// call runs f in the loop and waits for it.
func (n *Node) call(ctx context.Context, f func(c *core) error) error {
	done := make(chan error, 1)
	return n.wait(ctx, done, func(c *core, now time.Time) {
		var err error
		c.step(now, func() { err = f(c) })
		done <- err
	})
}

// look is call for what changes nothing, so that nobody else need look again.
func (n *Node) look(ctx context.Context, f func(c *core) error) error {
	done := make(chan error, 1)
	return n.wait(ctx, done, func(c *core, now time.Time) {
		c.Now = now
		err := f(c)
		c.Flush() // it may have asked others whether they are there
		done <- err
	})
}

// wait has the loop serve e and waits for what it says to done.
func (n *Node) wait(ctx context.Context, done <-chan error, e event) error {
	if !n.inbox.Local(ctx, e) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return ErrStopped
	}
	select {
	case err := <-done:
		return err
	case <-n.ended:
		return ErrStopped
	}
}

// OnMisfit is for the link: peer is allowed and cannot be talked to, as it has
// the protocol, a name without a version, in version theirs and this device in
// version ours.
func (n *Node) OnMisfit(peer []byte, protocol string, ours, theirs int) {
	n.post(func(c *core) {
		if slot, ok := c.SlotOf(peer); ok {
			c.Peer(slot).Misfit = standing.Misfit{Protocol: protocol, Ours: ours, Theirs: theirs, At: c.Now}
		}
	})
}

// OnStrangers is for the link, which calls it once a second at most.
func (n *Node) OnStrangers(s standing.Strangers) {
	n.post(func(c *core) {
		c.OnStrangers(s)
	})
}

// CheckShares opens this device's share of each account of the epoch that it
// signs in, and forgets it. It says which it cannot open, and returns nil if
// there is none to open. Call it before [Node.Run].
func (n *Node) CheckShares() error {
	c := n.core
	if c.Circle == nil || !c.HasShare() {
		return nil
	}
	for _, acc := range c.Circle.Record.Accounts {
		key, err := c.LoadShare(acc.Name)
		if err != nil {
			return fmt.Errorf("%s: %w", acc.Name, err)
		}
		key.Wipe()
	}
	return nil
}

// A nodeLoop is the loop of a node for its desk.
type nodeLoop struct{ n *Node }

func (l nodeLoop) Call(ctx context.Context, f func() error) error {
	return l.n.call(ctx, func(*core) error { return f() })
}

func (l nodeLoop) Look(ctx context.Context, f func() error) error {
	return l.n.look(ctx, func(*core) error { return f() })
}

func (l nodeLoop) Post(f func())                { l.n.post(func(*core) { f() }) }
func (l nodeLoop) Loads() map[string]inbox.Load { return l.n.inbox.Loads() }
func (l nodeLoop) Said() map[string]time.Time   { return l.n.inbox.Said() }
func (l nodeLoop) Greeter() *meet.Greeter       { return l.n.greeter }

// Desk returns the control API of this device.
func (n *Node) Desk() *desk.Desk { return desk.New(n.core.Counter, nodeLoop{n}, n.now) }
