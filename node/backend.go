package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
)

var (
	_ api.Backend = (*Desk)(nil)
	_ api.Aliver  = (*Desk)(nil)
)

// requestLifetime is how long a request stays open on each device, unless the
// call waits longer.
const requestLifetime = time.Hour

// Status implements [api.Backend].
func (n *Desk) Status(ctx context.Context) (s api.Status, err error) {
	for patience := time.Now().Add(pingPatience); ; {
		loads, heard := n.loop.Loads(), n.loop.Said()
		waiting := false
		if err := n.look(ctx, func(c *counter) error {
			c.heard(heard)
			if waiting = c.ping() && time.Now().Before(patience); !waiting {
				s = c.status()
				c.viewLoads(&s, loads)
			}
			return nil
		}); err != nil || !waiting {
			return s, err
		}
		select { // somebody who was just asked whether he is there may answer
		case <-time.After(pingPatience / 40):
		case <-ctx.Done():
			return s, context.Cause(ctx)
		}
	}
}

// Alive implements [api.Aliver]: it returns when the loop has come to it.
func (n *Desk) Alive(ctx context.Context) error {
	return n.look(ctx, func(*counter) error { return nil })
}

// Sign implements [api.Backend].
func (n *Desk) Sign(ctx context.Context, args api.SignArgs, emit func(api.Event)) (api.Signature, error) {
	in, account, path, err := signInput(args)
	if err != nil {
		return api.Signature{}, err
	}
	lifetime := min(max(requestLifetime, time.Duration(args.Timeout)), maxLifetime*time.Second)
	var id string
	var w *watcher
	if err := n.call(ctx, func(c *counter) error {
		r, err := c.ask(in, account, path, lifetime)
		if err != nil {
			return err
		}
		id, w = r.id.Hex(), c.watch(r, false)
		return nil
	}); err != nil {
		return api.Signature{}, err
	}
	emit(api.Event{Event: api.EventRequest, ID: id})
	if args.Detach {
		n.release(w)
		return api.Signature{Request: id, Kind: args.Kind}, nil
	}
	ctx, stop := within(ctx, args.Timeout)
	defer stop()
	return n.await(ctx, w, emit)
}

// signInput reads the arguments of a sign call.
func signInput(args api.SignArgs) (in intent.Input, account string, path []uint32, err error) {
	account = roster.Ethereum
	switch args.Kind {
	case api.KindMessage:
		in = intent.Input{Kind: intent.Message, Message: args.Message}
	case api.KindTypedData:
		in = intent.Input{Kind: intent.TypedData, JSON: args.JSON}
	case api.KindTx:
		in = intent.Input{Kind: intent.Transaction, JSON: args.JSON}
	case api.KindFile:
		account = roster.SSH
		in = intent.Input{Kind: intent.SSHFile, Namespace: args.Namespace, FileName: args.FileName, FileSize: args.FileSize}
		if len(args.FileHash) != len(in.FileHash) {
			return in, "", nil, api.Errorf(api.CodeBadArgument, "a file hash of %d bytes, want the %d of SHA-512", len(args.FileHash), len(in.FileHash))
		}
		copy(in.FileHash[:], args.FileHash)
	default:
		return in, "", nil, api.Errorf(api.CodeBadArgument, "unknown kind of request %q", intent.Escape(args.Kind))
	}
	if args.Account != "" && args.Account != account {
		code := api.CodeBadArgument
		if args.Account != roster.Ethereum && args.Account != roster.SSH {
			code = api.CodeNoAccount
		}
		return in, "", nil, api.Errorf(code, "a %s is signed by the account %s, not by %s", args.Kind, account, intent.Escape(args.Account))
	}
	switch {
	case args.Path != "":
		if path, err = share.ParsePath(args.Path); err != nil {
			return in, "", nil, api.Errorf(api.CodeBadArgument, "%s", strings.TrimPrefix(err.Error(), "share: "))
		}
		if len(path) > maxSteps {
			return in, "", nil, api.Errorf(api.CodeBadArgument, "the path %s has %d steps, at most %d are signed with", args.Path, len(path), maxSteps)
		}
	case account == roster.Ethereum:
		path = slices.Clone(defaultPath)
	}
	return in, account, path, nil
}

// Wait implements [api.Backend].
func (n *Desk) Wait(ctx context.Context, id string, emit func(api.Event)) (api.Signature, error) {
	var w *watcher
	if err := n.call(ctx, func(c *counter) error {
		r, err := c.find(id)
		if err != nil {
			return err
		}
		w = c.watch(r, false)
		return nil
	}); err != nil {
		return api.Signature{}, err
	}
	return n.await(ctx, w, emit)
}

// await reports how a request goes on until it is signed or cannot be.
func (n *Desk) await(ctx context.Context, w *watcher, emit func(api.Event)) (sig api.Signature, err error) {
	var now, last look
	err = n.follow(ctx, w, func(c *counter) error {
		if c.circle == nil {
			return c.ready() // it did not come into the circle after all
		}
		now, sig = c.look(w.request), c.viewSignature(w.request)
		return c.failure(w.request)
	}, func() bool {
		if now.state == api.StateSigned {
			return true
		}
		if now.round != last.round && now.round > 0 {
			text := "signing with " + list(now.with)
			if now.after != "" {
				text += ", since " + now.after
			}
			emit(api.Event{Event: api.EventProgress, Step: now.round, Of: now.of, For: now.with, Text: text})
		}
		if len(now.waiting) > 0 && (now.round == 0 || now.stalls) && (now.reason != last.reason || !slices.Equal(now.waiting, last.waiting)) {
			emit(api.Event{Event: api.EventWaiting, For: now.waiting, Reason: now.reason})
		}
		last = now
		return false
	}, func() error { return waitEnded(ctx, w.request, last) })
	if err != nil {
		return api.Signature{}, err
	}
	return sig, nil
}

// waitEnded says what the call was waiting for when its time was up.
func waitEnded(ctx context.Context, r *openRequest, last look) error {
	if context.Cause(ctx) == context.Canceled {
		return context.Canceled
	}
	text := "has no signature yet"
	hint := "the request stays open: see it with \"warifu show %v\""
	if r.change != nil {
		text = "has not taken effect yet"
		hint = "the circle goes on with it as soon as it can: \"warifu show %[1]v --wait\" follows it, \"warifu deny %[1]v\" ends it"
	}
	if last.reason != "" {
		text += ": " + last.reason
	}
	code := last.code
	if code == "" {
		code = api.CodeTimeout
	}
	e := api.Errorf(code, "request %v %s", r.id, text)
	if len(last.waiting) > 0 {
		e = e.WithDevice(last.waiting[0])
	}
	return e.WithHint(hint, r.id)
}

// Requests implements [api.Backend].
func (n *Desk) Requests(ctx context.Context) (out []api.Request, err error) {
	err = n.look(ctx, func(c *counter) error {
		if c.circle == nil {
			return c.ready()
		}
		closed := c.closedRequests()
		out = c.viewList(slices.Concat(c.openRequests(), closed[:min(len(closed), maxListedClosed)]))
		return nil
	})
	return out, err
}

// Request implements [api.Backend].
func (n *Desk) Request(ctx context.Context, id string) (api.Request, error) {
	return n.withRequest(ctx, id, func(*counter, *openRequest) error { return nil })
}

// Approve implements [api.Backend].
func (n *Desk) Approve(ctx context.Context, id string) (api.Request, error) {
	return n.withRequest(ctx, id, func(c *counter, r *openRequest) error { return c.approve(r, false) })
}

// Deny implements [api.Backend].
func (n *Desk) Deny(ctx context.Context, id string) (api.Request, error) {
	return n.withRequest(ctx, id, (*counter).deny)
}

func (n *Desk) withRequest(ctx context.Context, id string, do func(*counter, *openRequest) error) (v api.Request, err error) {
	err = n.call(ctx, func(c *counter) error {
		r, err := c.find(id)
		if err != nil {
			return err
		}
		if err := do(c, r); err != nil {
			return err
		}
		v = c.viewRequest(r)
		return nil
	})
	return v, err
}

// Lock implements [api.Backend].
func (n *Desk) Lock(ctx context.Context) error {
	return n.call(ctx, func(c *counter) error {
		c.lock()
		return nil
	})
}

// Unlock implements [api.Backend]. The derivation takes a second and happens
// outside the loop.
func (n *Desk) Unlock(ctx context.Context, passphrase []byte) error {
	if err := n.c.cfg.Keeper.Unlock(passphrase); err != nil {
		return err
	}
	return n.call(ctx, func(c *counter) error {
		if c.cfg.Keeper.Locked() {
			return api.Errorf(api.CodeLocked, "this device was locked meanwhile, and stays so").WithHint("warifu unlock")
		}
		c.unlocked()
		return nil
	})
}

// lock forgets the shares and ends the sessions that hold one. A founding that
// has not been confirmed cannot go on without them either. A re-deal rests: what
// this device has said in it is still told to others.
func (c *counter) lock() {
	c.cfg.Keeper.Lock()
	for _, l := range c.liveSessions() {
		if l.owner.timing(l).brief {
			c.failSession(l, fmt.Errorf("%s was locked", c.self.name))
		}
	}
	if a := c.attempt; a != nil && holdsKeys(a) {
		a.machine.Rest()
	}
	c.tellLocked()
}

func (c *counter) unlocked() {
	c.wakeRedeal()
	c.tellLocked()
	if c.circle != nil {
		// A share that waits for this device could not be stored before: who
		// hears how far it is tells it again.
		c.broadcast(msgHello, c.hello())
	}
	c.tryAll()
}

func (c *counter) tellLocked() {
	if c.circle != nil {
		c.broadcast(msgBeat, c.myBeat())
	}
}

// AbandonFounding implements [api.Backend].
func (n *Desk) AbandonFounding(ctx context.Context) error {
	return n.call(ctx, (*counter).abandon)
}

// Confirm implements [api.Backend].
func (n *Desk) Confirm(ctx context.Context, args api.ConfirmArgs) error {
	return n.call(ctx, func(c *counter) error { return c.confirm(args.Session, args.Yes) })
}
