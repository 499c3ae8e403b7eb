package meet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
)

// Answer finds the throw-away host that an invitation or a code means, and runs
// the typist's side with it. It returns who shows the invitation, and the card that
// it was given. The error may be a [*pairing.Error], an [*Expired], or one of the
// control API.
func (g *Greeter) Answer(ctx context.Context, args api.JoinArgs, emit func(api.Event)) (Newcomer, roster.Card, error) {
	dialAt := func(ctx context.Context) (Stream, error) { return g.cfg.Inviter.DialAt(ctx, args.At) }
	code, noCode := pairing.ParseCode(args.Invitation)
	if noCode == nil {
		p := code.Password()
		defer p.Wipe()
		if args.At != "" {
			return g.visit(ctx, p, dialAt)
		}
		emit(api.Event{Event: api.EventWaiting, For: []string{"the inviting device"}, Reason: "looking for the code on the local network"})
		return g.find(ctx, code, emit)
	}
	inv, err := pairing.ParseInvitation(args.Invitation)
	if err != nil {
		if strings.Trim(args.Invitation, "0123456789 -") == "" {
			err = noCode // a digit is missing, or there is one too many
		}
		return Newcomer{}, roster.Card{}, err
	}
	p := inv.Password()
	defer p.Wipe()
	if args.At == "" {
		dialAt = func(ctx context.Context) (Stream, error) { return g.cfg.Inviter.Dial(ctx, inv.Peer, inv.Addrs) }
	}
	return g.visit(ctx, p, func(ctx context.Context) (Stream, error) {
		s, err := dialAt(ctx)
		if _, version := errors.AsType[*pairing.Error](err); err != nil && !version && api.CodeOf(err) != api.CodeBadArgument {
			err = g.unanswered(inv, err)
		}
		return s, err
	})
}

// An Expired is the error of an invitation whose time is over by the clock of this
// device, and for which nobody answers any more.
type Expired struct{ Ago time.Duration }

func (e *Expired) Error() string { return fmt.Sprintf("node: the invitation ended %v ago", e.Ago) }

// unanswered says why nobody answers for an invitation. The device that showed
// it does, for as long as it would have lived: whoever is too late hears the
// reason from there. Later it is known by this device's clock, which may be
// wrong, and decides nothing.
func (g *Greeter) unanswered(inv pairing.Invitation, cause error) error {
	if now := unix(g.cfg.Now()); now >= inv.Expires {
		return &Expired{time.Duration(min(now-inv.Expires, 1<<32)) * time.Second}
	}
	return api.Errorf(api.CodeUnreachable, "nobody answers for this invitation: %v", cause).
		WithHint("is it still shown? once the device that shows it was stopped, only a new invitation helps; otherwise: are both devices on one network?")
}

// findTimeout bounds the search for a code on the local network. After findHint
// a person is told what to do if the network lets no device see another.
const (
	findTimeout = 60 * time.Second
	findHint    = 8 * time.Second
)

// find visits the hosts that show this code, until one turns out to be
// the right one.
func (g *Greeter) find(ctx context.Context, code pairing.Code, emit func(api.Event)) (who Newcomer, card roster.Card, err error) {
	err = api.Errorf(api.CodeUnreachable, "no device on the local network shows this code: it may have ended, as a code does after %d minutes, or the devices are not on one network", pairing.Lifetime/60).
		WithHint("is it the code that is shown now, and are both devices on one network? otherwise give its address with %s, or use the invitation", g.cfg.Words.Do(say.At))
	search, stop := context.WithTimeout(ctx, findTimeout)
	defer stop()
	var reached atomic.Bool
	hinted := make(chan struct{})
	hint := time.AfterFunc(findHint, func() {
		defer close(hinted)
		if !reached.Load() {
			emit(api.Event{Event: api.EventWaiting, For: []string{"the inviting device"}, Reason: "not found on the local network so far. " +
				"Is it the code that is shown now? Some networks keep devices from seeing each other: then type `" + g.cfg.Words.Do(say.JoinAt) + "`, with the address that the other device shows below the code"})
		}
	})
	defer func() {
		if !hint.Stop() {
			<-hinted
		}
	}()
	found, tried := false, map[string]bool{}
	ferr := g.cfg.Inviter.Find(search, code, func(peer []byte, addrs [][]byte) bool {
		found = true
		if tried[string(peer)] {
			return true
		}
		who, card, err = g.visit(ctx, code.Password(), func(ctx context.Context) (Stream, error) {
			s, err := g.cfg.Inviter.Dial(ctx, peer, addrs)
			if err == nil {
				// One guess for each device. One that was not reached may be
				// found again at another address.
				tried[string(peer)] = true
				reached.Store(true)
			}
			return s, err
		})
		return err != nil
	})
	if ferr != nil && !found && search.Err() == nil {
		err = fmt.Errorf("node: look for the code: %w", ferr)
	}
	return who, card, err
}
