package desk

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

var _ api.Healing = (*Desk)(nil)

// changeLifetime is how long a request to change the circle stays open.
const changeLifetime = 24 * time.Hour

// maxVacation bounds an announced absence.
const maxVacation = 90 * 24 * time.Hour

// prove checks that whoever calls knows this device's passphrase, on a device
// that is unlocked and stays so: to prove presence must not unlock what its person
// locked, be it before the proof began or while it was checked.
// The derivation takes a second and happens outside the loop.
func (n *Desk) prove(ctx context.Context, passphrase []byte) error {
	if err := n.look(ctx, (*Counter).Ready); err != nil {
		return err
	}
	if err := n.c.Config.Keeper.Prove(passphrase); err != nil {
		return notPresent(err)
	}
	n.Post(func(c *Counter) { c.PresentAt = c.Now })
	return nil
}

// change makes a request to change the circle. fill completes it in the loop. A
// dry run ends where the request would be made, without a watcher.
func (n *Desk) change(ctx context.Context, args api.PresenceArgs, kind change.Kind, fill func(*Counter, *change.Payload) error) (*Watcher, error) {
	if err := n.presence(ctx, args); err != nil {
		return nil, err
	}
	var w *Watcher
	err := n.Call(ctx, func(c *Counter) error {
		if c.Circle == nil {
			return c.Ready()
		}
		var ch change.Payload
		if fill != nil {
			if err := fill(c, &ch); err != nil {
				return err
			}
		}
		if args.DryRun {
			return nil
		}
		life := changeLifetime
		if kind.Accuses() {
			life = message.MaxLifetime * time.Second // one person's word takes days to be enough
		}
		r, err := c.AskChange(kind, ch, life)
		if err != nil {
			return err
		}
		w = c.Watch(r, false)
		return nil
	})
	return w, err
}

// Lost implements [api.Healing].
func (n *Desk) Lost(ctx context.Context, args api.DeviceArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args.PresenceArgs, change.Lost, Another(args.Device), emit)
}

// Refresh implements [api.Healing].
func (n *Desk) Refresh(ctx context.Context, args api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args, change.Refresh, nil, emit)
}

// Leave implements [api.Healing].
func (n *Desk) Leave(ctx context.Context, args api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args, change.Leave, func(c *Counter, _ *change.Payload) error { return c.EnoughWithout(c.Circle.Slot) }, emit)
}

// redeal asks for a change that a re-deal brings about, and waits for it.
func (n *Desk) redeal(ctx context.Context, args api.PresenceArgs, kind change.Kind, fill func(*Counter, *change.Payload) error, emit func(api.Event)) (api.Changed, error) {
	start := n.now()
	w, err := n.change(ctx, args, kind, fill)
	if err != nil || args.DryRun {
		return api.Changed{}, err
	}
	asked := api.Event{Event: api.EventRequest, ID: w.request.ID.Hex()}
	if err := n.lookIn(ctx, func(c *Counter) { asked.Warnings = c.changeWords(w.request).Warnings }); err != nil {
		n.release(w)
		return api.Changed{}, err
	}
	emit(asked)
	ctx, stop := within(ctx, args.Timeout)
	defer stop()
	if err := n.AwaitChange(ctx, w, emit); err != nil {
		return api.Changed{}, err
	}
	var out api.Changed
	err = n.lookIn(ctx, func(c *Counter) { out = c.Changed() })
	out.Elapsed = api.Duration(n.now().Sub(start).Round(time.Millisecond))
	return out, err
}

// AwaitChange reports how a change goes on until it took effect here.
func (n *Desk) AwaitChange(ctx context.Context, w *Watcher, emit func(api.Event)) error {
	var now, last look
	return n.Follow(ctx, w, func(c *Counter) error {
		if c.Circle == nil {
			return c.Ready() // it did not come into the circle after all
		}
		now = c.Look(w.request)
		return c.Failure(w.request)
	}, func() bool {
		if len(now.Waiting) > 0 && (now.Reason != last.Reason || !slices.Equal(now.Waiting, last.Waiting)) && now.state != api.StateDone {
			emit(api.Event{Event: api.EventWaiting, For: now.Waiting, Reason: now.Reason})
		}
		last = now
		return now.state == api.StateDone
	}, func() error { return WaitEnded(ctx, w.request, last, n.c.Config.Words) })
}

// Freeze implements [api.Healing].
func (n *Desk) Freeze(ctx context.Context, args api.PresenceArgs) (api.Request, error) {
	return n.word(ctx, args, change.Freeze, nil)
}

// Thaw implements [api.Healing].
func (n *Desk) Thaw(ctx context.Context, args api.PresenceArgs, emit func(api.Event)) (api.Request, error) {
	w, err := n.change(ctx, args, change.Thaw, func(c *Counter, _ *change.Payload) error {
		if c.Frozen() == "" {
			return say.New(say.NotFrozen)
		}
		return nil
	})
	if err != nil || args.DryRun {
		return api.Request{}, err
	}
	emit(api.Event{Event: api.EventRequest, ID: w.request.ID.Hex()})
	ctx, stop := within(ctx, args.Timeout)
	defer stop()
	if err := n.AwaitChange(ctx, w, emit); err != nil {
		return api.Request{}, err
	}
	return n.view(ctx, w)
}

// Vacation implements [api.Healing].
func (n *Desk) Vacation(ctx context.Context, args api.VacationArgs) (api.Request, error) {
	return n.word(ctx, args.PresenceArgs, change.Vacation, func(c *Counter, ch *change.Payload) error {
		if d := args.Until.Sub(c.Now); d <= 0 || d > maxVacation {
			return say.New(say.VacationTooLong, maxVacation/(24*time.Hour))
		}
		ch.Until = standing.Unix(args.Until)
		if err := About(args.Device)(c, ch); err != nil || c.Vigil.Judge == nil {
			return err
		}
		return refused(c.Vigil.Judge.MayVacation(c.Circle.Slot, wire.Slot(ch.Slot), uint64(args.Until.Sub(c.Now)/time.Second)))
	})
}

// Veto implements [api.Healing].
func (n *Desk) Veto(ctx context.Context, args api.DeviceArgs) (api.Request, error) {
	return n.word(ctx, args.PresenceArgs, change.Veto, func(c *Counter, ch *change.Payload) error {
		if err := About(args.Device)(c, ch); err != nil || c.Vigil.Judge == nil {
			return err
		}
		return refused(c.Vigil.Judge.MayVeto(c.Circle.Slot, wire.Slot(ch.Slot)))
	})
}

// Remove implements [api.Healing].
func (n *Desk) Remove(ctx context.Context, args api.DeviceArgs) (api.Request, error) {
	return n.word(ctx, args.PresenceArgs, change.Remove, func(c *Counter, ch *change.Payload) error {
		if err := Another(args.Device)(c, ch); err != nil {
			return err
		}
		if !c.Silent(wire.Slot(ch.Slot)) {
			return say.New(say.NotSilent, c.Name(wire.Slot(ch.Slot)))
		}
		return nil
	})
}

// refused says that a word does not count here. Other devices may see it
// otherwise, and it can be said there.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return say.New(say.WordDoesNotCount, strings.TrimPrefix(err.Error(), "recovery: "))
}

// word makes a request that takes effect by being made.
func (n *Desk) word(ctx context.Context, args api.PresenceArgs, kind change.Kind, fill func(*Counter, *change.Payload) error) (api.Request, error) {
	w, err := n.change(ctx, args, kind, fill)
	if err != nil || args.DryRun {
		return api.Request{}, err
	}
	defer n.release(w)
	return n.view(ctx, w)
}

func (n *Desk) view(ctx context.Context, w *Watcher) (v api.Request, err error) {
	err = n.lookIn(ctx, func(c *Counter) { v = c.ViewRequest(w.request) })
	return v, err
}

// ApprovePresent implements [api.Healing].
func (n *Desk) ApprovePresent(ctx context.Context, id string, passphrase []byte) (api.Request, error) {
	if err := n.prove(ctx, passphrase); err != nil {
		return api.Request{}, err
	}
	return n.withRequest(ctx, id, func(c *Counter, r *ledger.Request) error { return c.Approve(r, true) })
}
