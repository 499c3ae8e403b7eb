package desk

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/pairing"
	"github.com/warifu/warifu/roster"
)

// Found implements [api.Backend].
func (n *Desk) Found(ctx context.Context, args api.FoundArgs, emit func(api.Event)) (api.Circle, error) {
	var w *Watcher
	pending := false
	err := n.Call(ctx, func(c *Counter) error {
		if c.Founding != nil && (c.Founding.Pending || c.Founding.Machine != nil) {
			pending = true
		} else if err := c.BeginInviting(args.Threshold, args.Devices, settingsOf(args)); err != nil {
			return err
		}
		w = c.Watch(nil, true)
		return nil
	})
	if err != nil {
		return api.Circle{}, err
	}
	if !pending {
		reception := n.loop.Greeter().Receive(args.Devices, emit)
		for i := 2; i <= args.Devices; i++ {
			who, err := reception.Welcome(ctx, i)
			if err != nil {
				n.giveUp(w, err)
				return api.Circle{}, n.pairingError(err)
			}
			d := who.Card.Device(0)
			emit(api.Event{Event: api.EventJoined, Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: standing.Fingerprint(d)})
		}
		if err := n.Call(ctx, (*Counter).Propose); err != nil {
			n.giveUp(w, err)
			return api.Circle{}, err
		}
	}
	return n.awaitCircle(ctx, w, emit)
}

// giveUp drops a founding that is not pending because the call that led it
// has ended.
func (n *Desk) giveUp(w *Watcher, cause error) {
	n.Post(func(c *Counter) {
		c.unwatch(w)
		if f := c.Founding; f != nil && !f.Pending {
			c.TellUnfound("abandoned", 0)
			c.EndFounding(cause)
		} else if c.Joining != nil {
			c.EndMeeting(cause)
		}
	})
}

// Join implements [api.Backend].
func (n *Desk) Join(ctx context.Context, args api.JoinArgs, emit func(api.Event)) (api.Circle, error) {
	if err := n.look(ctx, (*Counter).FreeToFound); err != nil {
		return api.Circle{}, err
	}
	sponsor, card, err := n.loop.Greeter().Answer(ctx, args, emit)
	if err != nil {
		return api.Circle{}, n.pairingError(err)
	}
	var w *Watcher
	err = n.Call(ctx, func(c *Counter) error {
		if err := c.FreeToFound(); err != nil {
			return err
		}
		c.Joining = &founding.Joining{Sponsor: sponsor, Card: card, Touched: c.Now}
		c.Pairing[string(sponsor.Card.Peer)] = sponsor.Addrs
		w = c.Watch(nil, true)
		return nil
	})
	if err != nil {
		return api.Circle{}, err
	}
	d := sponsor.Card.Device(0)
	emit(api.Event{Event: api.EventJoined, Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: standing.Fingerprint(d)})
	return n.awaitCircle(ctx, w, emit)
}

// patience is how long something must be waited for before it is worth a line.
const patience = 700 * time.Millisecond

// awaitCircle reports how a founding goes on until the circle stands.
func (n *Desk) awaitCircle(ctx context.Context, w *Watcher, emit func(api.Event)) (api.Circle, error) {
	var now foundingLook
	var last api.Event // what is waited for, told once it has lasted
	var since time.Time
	asked, told := false, true
	err := n.Follow(ctx, w, func(c *Counter) (err error) {
		now, err = c.lookAtFounding(w)
		return err
	}, func() bool {
		if now.stands {
			return true
		}
		if now.question != nil && !asked {
			asked = true
			emit(api.Event{Event: api.EventConfirm, Question: now.question})
		}
		if now.reason != last.Reason || !slices.Equal(now.missing, last.For) {
			last = api.Event{Event: api.EventWaiting, For: now.missing, Reason: now.reason}
			since, told = time.Now(), len(now.missing) == 0
			time.AfterFunc(patience, w.Signal)
		}
		if !told && time.Since(since) >= patience {
			told = true
			emit(last)
		}
		return false
	}, func() error {
		n.giveUp(w, context.Cause(ctx))
		return context.Cause(ctx)
	})
	if err != nil {
		return api.Circle{}, err
	}
	return now.circle, nil
}

// pairingError says a pairing's failure, which may be of a room, as the control API does.
func (n *Desk) pairingError(err error) error {
	return pairingError(Said(err, n.c.Config.Words), n.c.Config.Words)
}

// pairingError says a pairing's failure as the control API does.
func pairingError(err error, words say.Vocabulary) error {
	if e, ok := errors.AsType[*meet.Expired](err); ok {
		return Said(say.New(say.InvitationExpired, standing.Roughly(e.Ago)), words)
	}
	pe, ok := errors.AsType[*pairing.Error](err)
	if !ok {
		return err
	}
	how := say.PairingFailed
	switch pe.Code {
	case pairing.WrongCode:
		how = say.PairingWrongCode
	case pairing.Expired:
		how = say.PairingTooLate
	case pairing.Used, pairing.TooManyTries, pairing.Cancelled:
		how = say.PairingSpent
	case pairing.SameDevice, pairing.NameTaken:
		how = say.PairingKnown
	case pairing.BadName:
		how = say.PairingBadName
	case pairing.CircleFull:
		how = say.PairingFull
	case pairing.Malformed, pairing.Version:
		how = say.PairingUnread
	}
	return Said(say.New(how, pe.Text), words)
}

// settingsOf reads the timers of a circle to be. Who shortens the grace shortens
// what belongs to it.
func settingsOf(args api.FoundArgs) roster.Settings {
	s := roster.DefaultSettings()
	set := func(to *uint64, d api.Duration) {
		if d > 0 {
			*to = max(uint64(time.Duration(d)/time.Second), 1)
		}
	}
	set(&s.Quiet, args.Quiet)
	set(&s.Suspect, args.Suspect)
	set(&s.SuspectOnline, args.Online)
	set(&s.Grace, args.Grace)
	if args.Grace > 0 {
		s.GraceNoSpare = 2 * s.Grace
		s.Budget, s.BudgetNoSpare = min(s.Budget, s.Grace), min(s.BudgetNoSpare, s.Grace)
	}
	return s
}
