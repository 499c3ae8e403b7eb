package desk

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share"
)

var (
	_ api.Backend = (*Desk)(nil)
	_ api.Aliver  = (*Desk)(nil)
)

// RequestLifetime is how long a request stays open on each device, unless the
// call waits longer.
const RequestLifetime = time.Hour

// Status implements [api.Backend].
func (n *Desk) Status(ctx context.Context) (s api.Status, err error) {
	for patience := time.Now().Add(standing.PingPatience); ; {
		loads, heard := n.loop.Loads(), n.loop.Said()
		waiting := false
		if err := n.look(ctx, func(c *Counter) error {
			c.Heard(heard)
			if waiting = c.Ping() && time.Now().Before(patience); !waiting {
				s = c.Status()
				c.viewLoads(&s, loads)
			}
			return nil
		}); err != nil || !waiting {
			return s, err
		}
		select { // somebody who was just asked whether he is there may answer
		case <-time.After(standing.PingPatience / 40):
		case <-ctx.Done():
			return s, context.Cause(ctx)
		}
	}
}

// Alive implements [api.Aliver]: it returns when the loop has come to it.
func (n *Desk) Alive(ctx context.Context) error {
	return n.look(ctx, func(*Counter) error { return nil })
}

// Sign implements [api.Backend].
func (n *Desk) Sign(ctx context.Context, args api.SignArgs, emit func(api.Event)) (api.Signature, error) {
	in, account, path, err := signInput(args)
	if err != nil {
		return api.Signature{}, Said(err, n.c.Config.Words)
	}
	lifetime := min(max(RequestLifetime, time.Duration(args.Timeout)), message.MaxLifetime*time.Second)
	var id string
	var w *Watcher
	if err := n.Call(ctx, func(c *Counter) error {
		r, err := c.Ask(in, account, path, lifetime)
		if err != nil {
			return err
		}
		id, w = r.ID.Hex(), c.Watch(r, false)
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
	return n.Await(ctx, w, emit)
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
			return in, "", nil, say.New(say.BadFileHash, len(args.FileHash), len(in.FileHash))
		}
		copy(in.FileHash[:], args.FileHash)
	default:
		return in, "", nil, say.New(say.UnknownRequestKind, intent.Escape(args.Kind))
	}
	if args.Account != "" && args.Account != account {
		id := say.OtherAccount
		if args.Account != roster.Ethereum && args.Account != roster.SSH {
			id = say.NoSuchAccount
		}
		return in, "", nil, say.New(id, args.Kind, account, intent.Escape(args.Account))
	}
	switch {
	case args.Path != "":
		if path, err = share.ParsePath(args.Path); err != nil {
			return in, "", nil, say.New(say.BadInput, strings.TrimPrefix(err.Error(), "share: "))
		}
		if len(path) > message.MaxSteps {
			return in, "", nil, say.New(say.PathTooLong, args.Path, len(path), message.MaxSteps)
		}
	case account == roster.Ethereum:
		path = slices.Clone(defaultPath)
	}
	return in, account, path, nil
}

// Wait implements [api.Backend].
func (n *Desk) Wait(ctx context.Context, id string, emit func(api.Event)) (api.Signature, error) {
	var w *Watcher
	if err := n.Call(ctx, func(c *Counter) error {
		r, err := c.Find(id)
		if err != nil {
			return err
		}
		w = c.Watch(r, false)
		return nil
	}); err != nil {
		return api.Signature{}, err
	}
	return n.Await(ctx, w, emit)
}

// Await reports how a request goes on until it is signed or cannot be.
func (n *Desk) Await(ctx context.Context, w *Watcher, emit func(api.Event)) (sig api.Signature, err error) {
	var now, last look
	err = n.Follow(ctx, w, func(c *Counter) error {
		if c.Circle == nil {
			return c.Ready() // it did not come into the circle after all
		}
		now, sig = c.Look(w.request), c.ViewSignature(w.request)
		return c.Failure(w.request)
	}, func() bool {
		if now.state == api.StateSigned {
			return true
		}
		if now.round != last.round && now.round > 0 {
			text := n.say(say.SigningWith, standing.List(now.with))
			if now.after != "" {
				text = n.say(say.SigningSince, text, now.after)
			}
			emit(api.Event{Event: api.EventProgress, Step: now.round, Of: now.of, For: now.with, Text: text})
		}
		if len(now.Waiting) > 0 && (now.round == 0 || now.Stalls) && (now.Reason != last.Reason || !slices.Equal(now.Waiting, last.Waiting)) {
			emit(api.Event{Event: api.EventWaiting, For: now.Waiting, Reason: now.Reason})
		}
		last = now
		return false
	}, func() error { return WaitEnded(ctx, w.request, last, n.c.Config.Words) })
	if err != nil {
		return api.Signature{}, err
	}
	return sig, nil
}

// WaitEnded says what the call was waiting for when its time was up.
func WaitEnded(ctx context.Context, r *ledger.Request, last look, words say.Vocabulary) error {
	if context.Cause(ctx) == context.Canceled {
		return context.Canceled
	}
	text, hint := words.Say(say.NotSignedYet, r.ID), words.Say(say.SeeRequest, r.ID)
	if r.Change != nil {
		text, hint = words.Say(say.NotInEffectYet, r.ID), words.Say(say.FollowChange, r.ID)
	}
	if last.Reason != "" {
		text = words.Say(say.Because, text, last.Reason)
	}
	code := last.Code
	if code == "" {
		code = api.CodeTimeout
	}
	e := api.Errorf(code, "%s", text)
	if len(last.Waiting) > 0 {
		e = e.WithDevice(last.Waiting[0])
	}
	return e.WithHint("%s", hint)
}

// Requests implements [api.Backend].
func (n *Desk) Requests(ctx context.Context) (out []api.Request, err error) {
	err = n.look(ctx, func(c *Counter) error {
		if c.Circle == nil {
			return c.Ready()
		}
		closed := c.closedRequests()
		out = c.ViewList(slices.Concat(c.OpenRequests(), closed[:min(len(closed), maxListedClosed)]))
		return nil
	})
	return out, err
}

// Request implements [api.Backend].
func (n *Desk) Request(ctx context.Context, id string) (api.Request, error) {
	return n.withRequest(ctx, id, func(*Counter, *ledger.Request) error { return nil })
}

// Approve implements [api.Backend].
func (n *Desk) Approve(ctx context.Context, id string) (api.Request, error) {
	return n.withRequest(ctx, id, func(c *Counter, r *ledger.Request) error { return c.Approve(r, false) })
}

// Deny implements [api.Backend].
func (n *Desk) Deny(ctx context.Context, id string) (api.Request, error) {
	return n.withRequest(ctx, id, (*Counter).Deny)
}

// withRequest does something about a request, and shows it with what followed at once.
func (n *Desk) withRequest(ctx context.Context, id string, do func(*Counter, *ledger.Request) error) (v api.Request, err error) {
	var r *ledger.Request
	if err := n.Call(ctx, func(c *Counter) (err error) {
		if r, err = c.Find(id); err != nil {
			return err
		}
		return do(c, r)
	}); err != nil {
		return v, err
	}
	err = n.lookIn(ctx, func(c *Counter) { v = c.ViewRequest(r) })
	return v, err
}

// Lock implements [api.Backend].
func (n *Desk) Lock(ctx context.Context) error {
	return n.Call(ctx, func(c *Counter) error {
		c.Lock()
		return nil
	})
}

// Unlock implements [api.Backend]. The derivation takes a second and happens
// outside the loop.
func (n *Desk) Unlock(ctx context.Context, passphrase []byte) error {
	if err := n.c.Config.Keeper.Unlock(passphrase); err != nil {
		return err
	}
	return n.Call(ctx, func(c *Counter) error {
		if c.Config.Keeper.Locked() {
			return say.New(say.LockedMeanwhile)
		}
		c.Unlocked()
		return nil
	})
}

// Lock forgets the shares and ends the sessions that hold one. A founding that
// has not been confirmed cannot go on without them either. A re-deal rests: what
// this device has said in it is still told to others.
func (c *Counter) Lock() {
	c.Config.Keeper.Lock()
	for _, l := range c.LiveSessions() {
		if l.Owner.Timing(l).Brief {
			c.FailSession(l, fmt.Errorf("%s was locked", c.Self.Name))
		}
	}
	if a := c.Attempt; a != nil && redeal.HoldsKeys(a) {
		a.Machine.Rest()
	}
	c.TellLocked()
}

// Unlocked goes on with what waited for the keeper.
func (c *Counter) Unlocked() {
	c.WakeRedeal()
	c.TellLocked()
	if c.Circle != nil {
		// A share that waits for this device could not be stored before: who
		// hears how far it is tells it again.
		c.Broadcast(message.MsgHello, c.Hello())
	}
	c.Stir()
}

// TellLocked tells the others whether this device is locked.
func (c *Counter) TellLocked() {
	if c.Circle != nil {
		c.Broadcast(message.MsgBeat, c.MyBeat())
	}
}

// AbandonFounding implements [api.Backend].
func (n *Desk) AbandonFounding(ctx context.Context) error {
	return n.Call(ctx, (*Counter).Abandon)
}

// Confirm implements [api.Backend].
func (n *Desk) Confirm(ctx context.Context, args api.ConfirmArgs) error {
	return n.Call(ctx, func(c *Counter) error { return c.Confirm(args.Session, args.Yes) })
}
