package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

var _ api.Healing = (*Node)(nil)

// changeLifetime is how long a request to change the circle stays open.
const changeLifetime = 24 * time.Hour

// prove checks that whoever calls knows this device's passphrase, on a device
// that is unlocked: to prove presence must not unlock what its person locked.
// The derivation takes a second and happens outside the loop.
func (n *Node) prove(ctx context.Context, passphrase []byte) error {
	if err := n.call(ctx, (*core).ready); err != nil {
		return err
	}
	if err := n.core.cfg.Keeper.Unlock(passphrase); err != nil {
		if e := api.AsError(err); e.Code == api.CodeWrongPass {
			e.Code = api.CodeNotPresent
			return e
		}
		return err
	}
	n.post(func(c *core, now time.Time) { c.presentAt = now })
	return nil
}

// change makes a request to change the circle. fill completes it in the loop.
func (n *Node) change(ctx context.Context, passphrase []byte, kind string, fill func(*core, *change) error) (*watcher, error) {
	if err := n.prove(ctx, passphrase); err != nil {
		return nil, err
	}
	var w *watcher
	err := n.call(ctx, func(c *core) error {
		if c.circle == nil {
			return c.ready()
		}
		var ch change
		if fill != nil {
			if err := fill(c, &ch); err != nil {
				return err
			}
		}
		life := changeLifetime
		if kind == api.KindLost || kind == api.KindReplace {
			life = maxLifetime * time.Second // one person's word takes days to be enough
		}
		r, err := c.askChange(kind, ch, life)
		if err != nil {
			return err
		}
		w = c.watch(r, false)
		return nil
	})
	return w, err
}

// about reads the device that a change is about, by name or slot.
func about(name string) func(*core, *change) error {
	return func(c *core, ch *change) error {
		d, err := c.named(name)
		if err != nil {
			return err
		}
		ch.Slot = uint16(d.Slot)
		return nil
	}
}

// named finds a member by name, whatever its letter case, or by slot.
func (c *core) named(name string) (roster.Device, error) {
	for _, d := range c.circle.record.Devices {
		if strings.EqualFold(d.Name, name) || strconv.Itoa(int(d.Slot)) == name {
			return d, nil
		}
	}
	return roster.Device{}, api.Errorf(api.CodeUnknown, "no device of the circle is called %s", intent.Escape(name)).
		WithHint("warifu status lists them")
}

// another is about, for what a device cannot do to itself.
func another(name string) func(*core, *change) error {
	return func(c *core, ch *change) error {
		if err := about(name)(c, ch); err != nil {
			return err
		}
		if wire.Slot(ch.Slot) == c.circle.slot {
			return api.Errorf(api.CodeBadArgument, "%s is this device", intent.Escape(name)).WithHint("\"warifu leave\" takes this device out")
		}
		return c.enoughWithout(wire.Slot(ch.Slot))
	}
}

// enoughWithout refuses what would leave too few devices to sign.
func (c *core) enoughWithout(slot wire.Slot) error {
	rec := c.circle.record
	if len(rec.Devices)-1 < rec.Threshold {
		return api.Errorf(api.CodeStranded, "without %s only %d of the %d devices that must sign are left", c.name(slot), len(rec.Devices)-1, rec.Threshold).
			WithHint("add a device first: warifu invite")
	}
	return nil
}

// Lost implements [api.Healing].
func (n *Node) Lost(ctx context.Context, args api.DeviceArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args.PresenceArgs, api.KindLost, another(args.Device), emit)
}

// Refresh implements [api.Healing].
func (n *Node) Refresh(ctx context.Context, args api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args, api.KindRefresh, nil, emit)
}

// Leave implements [api.Healing].
func (n *Node) Leave(ctx context.Context, args api.PresenceArgs, emit func(api.Event)) (api.Changed, error) {
	return n.redeal(ctx, args, api.KindLeave, func(c *core, _ *change) error { return c.enoughWithout(c.circle.slot) }, emit)
}

// redeal asks for a change that a re-deal brings about, and waits for it.
func (n *Node) redeal(ctx context.Context, args api.PresenceArgs, kind string, fill func(*core, *change) error, emit func(api.Event)) (api.Changed, error) {
	start := n.now()
	w, err := n.change(ctx, args.Passphrase, kind, fill)
	if err != nil {
		return api.Changed{}, err
	}
	emit(api.Event{Event: api.EventRequest, ID: w.request.id.Hex()})
	if args.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(args.Timeout))
		defer stop()
	}
	if err := n.awaitChange(ctx, w, emit); err != nil {
		return api.Changed{}, err
	}
	var out api.Changed
	err = n.call(ctx, func(c *core) error { out = c.changed(); return nil })
	out.Elapsed = api.Duration(n.now().Sub(start).Round(time.Millisecond))
	return out, err
}

// awaitChange reports how a change goes on until it took effect here.
func (n *Node) awaitChange(ctx context.Context, w *watcher, emit func(api.Event)) error {
	defer n.release(w)
	w.signal()
	var last look
	for {
		select {
		case <-w.poke:
		case <-ctx.Done():
			return waitEnded(ctx, w.request, last)
		}
		var now look
		if err := n.call(context.WithoutCancel(ctx), func(c *core) error {
			now = c.look(w.request)
			return c.failure(w.request)
		}); err != nil {
			return err
		}
		if now.state == api.StateDone {
			return nil
		}
		if len(now.waiting) > 0 && (now.reason != last.reason || !slices.Equal(now.waiting, last.waiting)) {
			emit(api.Event{Event: api.EventWaiting, For: now.waiting, Reason: now.reason})
		}
		last = now
	}
}

// Freeze implements [api.Healing].
func (n *Node) Freeze(ctx context.Context, args api.PresenceArgs) (api.Request, error) {
	return n.word(ctx, args, api.KindFreeze, nil)
}

// Thaw implements [api.Healing].
func (n *Node) Thaw(ctx context.Context, args api.PresenceArgs, emit func(api.Event)) (api.Request, error) {
	w, err := n.change(ctx, args.Passphrase, api.KindThaw, func(c *core, _ *change) error {
		if c.frozen() == "" {
			return api.Errorf(api.CodeBadArgument, "the circle is not frozen")
		}
		return nil
	})
	if err != nil {
		return api.Request{}, err
	}
	emit(api.Event{Event: api.EventRequest, ID: w.request.id.Hex()})
	if args.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, time.Duration(args.Timeout))
		defer stop()
	}
	if err := n.awaitChange(ctx, w, emit); err != nil {
		return api.Request{}, err
	}
	return n.view(ctx, w)
}

// Vacation implements [api.Healing].
func (n *Node) Vacation(ctx context.Context, args api.VacationArgs) (api.Request, error) {
	return n.word(ctx, args.PresenceArgs, api.KindVacation, func(c *core, ch *change) error {
		if d := args.Until.Sub(c.now); d <= 0 || d > maxVacation {
			return api.Errorf(api.CodeBadArgument, "a vacation ends in the future and lasts at most %d days", maxVacation/(24*time.Hour))
		}
		ch.Until = unix(args.Until)
		if err := about(args.Device)(c, ch); err != nil || c.judge == nil {
			return err
		}
		return refused(c.judge.MayVacation(c.circle.slot, wire.Slot(ch.Slot), uint64(args.Until.Sub(c.now)/time.Second)))
	})
}

// Veto implements [api.Healing].
func (n *Node) Veto(ctx context.Context, args api.DeviceArgs) (api.Request, error) {
	return n.word(ctx, args.PresenceArgs, api.KindVeto, func(c *core, ch *change) error {
		if err := about(args.Device)(c, ch); err != nil || c.judge == nil {
			return err
		}
		return refused(c.judge.MayVeto(c.circle.slot, wire.Slot(ch.Slot)))
	})
}

// refused says that a word does not count here. Other devices may see it
// otherwise, and it can be said there.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return api.Errorf(api.CodeRefused, "%s", strings.TrimPrefix(err.Error(), "recovery: ")).
		WithHint("as this device sees it; warifu status says more")
}

// word makes a request that takes effect by being made.
func (n *Node) word(ctx context.Context, args api.PresenceArgs, kind string, fill func(*core, *change) error) (api.Request, error) {
	w, err := n.change(ctx, args.Passphrase, kind, fill)
	if err != nil {
		return api.Request{}, err
	}
	defer n.release(w)
	return n.view(ctx, w)
}

func (n *Node) view(ctx context.Context, w *watcher) (v api.Request, err error) {
	err = n.call(ctx, func(c *core) error { v = c.viewRequest(w.request); return nil })
	return v, err
}

// ApprovePresent implements [api.Healing].
func (n *Node) ApprovePresent(ctx context.Context, id string, passphrase []byte) (api.Request, error) {
	if err := n.prove(ctx, passphrase); err != nil {
		return api.Request{}, err
	}
	return n.withRequest(ctx, id, func(c *core, r *openRequest) error { return c.approve(r, true) })
}

// Invite implements [api.Healing]: the newcomer is introduced as at a founding,
// and comes in by a re-deal that the quorum has approved.
func (n *Node) Invite(ctx context.Context, args api.InviteArgs, emit func(api.Event)) (api.Changed, error) {
	if err := n.prove(ctx, args.Passphrase); err != nil {
		return api.Changed{}, err
	}
	var ch change
	kind := api.KindAdd
	if err := n.call(ctx, func(c *core) error {
		if err := c.ready(); err != nil {
			return err
		}
		if args.Replace != "" {
			kind = api.KindReplace
			d, err := c.named(args.Replace)
			if err != nil {
				return err
			}
			if d.Slot == c.circle.slot {
				return api.Errorf(api.CodeBadArgument, "%s is this device", intent.Escape(args.Replace))
			}
			ch.Slot = uint16(d.Slot)
		} else if len(c.circle.record.Devices) >= maxDevices {
			return api.Errorf(api.CodeCircleFull, "a circle has at most %d devices", maxDevices)
		}
		if err := c.mayComeIn(wire.Slot(ch.Slot)); err != nil {
			return err
		}
		c.inviting = &inviting{replaces: wire.Slot(ch.Slot)}
		return nil
	}); err != nil {
		return api.Changed{}, err
	}
	who, err := n.welcomeOne(ctx, time.Duration(args.Timeout), emit)
	defer n.post(func(c *core, now time.Time) {
		c.now, c.inviting = now, nil
		clear(c.pairing)
		c.admit()
	})
	if err != nil {
		return api.Changed{}, pairingError(err)
	}
	d := who.card.Device(0)
	emit(api.Event{Event: api.EventJoined, Device: d.Identity.Hex(), Name: d.Name, Kind: string(d.Kind), Fingerprint: fingerprint(d)})
	ch.Card, ch.Addrs = who.card.Bytes(), who.addrs
	return n.redeal(ctx, args.PresenceArgs, kind, func(_ *core, out *change) error { *out = ch; return nil }, emit)
}

// mayComeIn refuses an invitation into a circle that is frozen, unless it is
// for what happened to the device that the new one replaces.
func (c *core) mayComeIn(replaces wire.Slot) error {
	p := refresh.Proposal{Kind: roster.Add}
	if replaces != 0 {
		p.Kind, p.Removed = roster.Replace, []refresh.Removal{{Slot: replaces, State: roster.Stolen}}
	}
	if why := c.frozenFor(p); why != "" {
		return frozenError(why)
	}
	return nil
}

func frozenError(why string) error {
	return api.Errorf(api.CodeFrozen, "the circle is frozen: %s", why).WithHint("warifu thaw, on as many devices as must sign")
}

// welcomeOne shows invitations until one device has come in, for as long as
// patience if that is not zero.
func (n *Node) welcomeOne(ctx context.Context, patience time.Duration, emit func(api.Event)) (newcomer, error) {
	doors, shut := context.WithCancel(ctx)
	if patience > 0 {
		doors, shut = context.WithTimeoutCause(ctx, patience, errNobodyCame)
	}
	var late sync.WaitGroup
	defer func() {
		shut()
		late.Wait()
	}()
	return n.welcome(doors, &late, 1, 1, emit)
}

var errNobodyCame = api.Errorf(api.CodeTimeout, "no device has answered the invitation").WithHint("invite again when the new device is at hand")

// inviting is an invitation into a living circle.
type inviting struct{ replaces wire.Slot }

// fitsCircle compares a card with the devices that are or were in the circle.
func (c *core) fitsCircle(card roster.Card) error {
	for _, d := range c.circle.record.Devices {
		if d.Identity == card.Identity || d.Box == card.Box || d.Presence == card.Presence || string(d.Peer) == string(card.Peer) {
			return errSameDevice
		}
		if strings.EqualFold(d.Name, card.Name) && d.Slot != c.inviting.replaces {
			return errSameName
		}
	}
	if f, was := c.circle.record.IsFormer(card.Identity); was && f.State == roster.Stolen {
		return errors.New("node: the keys of this device were stolen")
	}
	return nil
}

// Epochs implements [api.Healing].
func (n *Node) Epochs(ctx context.Context) (out []api.Epoch, err error) {
	err = n.call(ctx, func(c *core) error {
		if c.circle == nil {
			return c.ready()
		}
		if err := c.circle.chain.Verify(); err != nil {
			return fmt.Errorf("node: the chain does not verify: %w", err)
		}
		for _, e := range c.circle.chain {
			out = append(out, viewEpoch(e))
		}
		return nil
	})
	return out, err
}

func viewEpoch(e roster.Entry) api.Epoch {
	rec := e.Record
	name := func(slots []wire.Slot) []string {
		out := []string{}
		for _, s := range slots {
			d, _ := rec.Device(s)
			out = append(out, d.Name)
		}
		return out
	}
	v := api.Epoch{
		Epoch: rec.Epoch, Record: rec.Hash().Hex(), Kind: rec.Change.Kind.String(), Threshold: rec.Threshold,
		Devices: name(rec.Slots()), Members: name(rec.Change.Members), Sleepers: name(rec.Change.Sleepers),
		Removed: removedNames(rec), Added: name(rec.Change.Added),
	}
	for _, s := range e.Ready {
		v.Signers = append(v.Signers, name([]wire.Slot{s.Slot})...)
	}
	return v
}

func removedNames(rec roster.Record) []string {
	out := []string{}
	for _, f := range rec.Former {
		if f.Epoch == rec.Epoch {
			out = append(out, f.Name)
		}
	}
	return out
}

// changed describes the newest epoch.
func (c *core) changed() api.Changed {
	e := viewEpoch(c.circle.head())
	if a := c.attempt; a != nil && a.entered {
		e = viewEpoch(roster.Entry{Record: c.circle.record})
	}
	old := c.oldShares()
	return api.Changed{
		Epoch: e.Epoch, Kind: e.Kind, Members: e.Members, Sleepers: e.Sleepers, Removed: e.Removed, Added: e.Added,
		OldSharesAlive: len(old), OldSharesOn: c.names(old), Threshold: e.Threshold,
	}
}

// redealWaiting says whom a change of the circle waits for.
func (c *core) redealWaiting(r *openRequest) (names []string, reason string) {
	if a := c.attempt; a != nil && a.request == r.id && !a.machine.Settled() {
		return c.names(a.machine.Waiting()), "re-dealing: " + phaseWords(a.machine.Phase())
	}
	if c.inEffect(r) {
		return c.holders(c.circle.record.Epoch), "old shares are destroyed"
	}
	if !c.granted(r) {
		var ask []wire.Slot
		_, removed, _ := c.wanted(r)
		for _, d := range c.circle.record.Devices {
			goes := slices.ContainsFunc(removed, func(x refresh.Removal) bool { return x.Slot == d.Slot })
			if !goes && !has(r.approved, d.Slot) {
				ask = append(ask, d.Slot)
			}
		}
		reason = fmt.Sprintf("%d of %d persons have approved: approve on %s",
			len(c.present(r)), c.circle.record.Threshold, either(c.names(ask)))
		if r.request.Kind == api.KindLost || r.request.Kind == api.KindReplace {
			reason += fmt.Sprintf(", or wait until nobody has heard %s for 24 hours", c.name(wire.Slot(r.change.Slot)))
		}
		return c.names(ask), reason
	}
	if a := c.attempt; a != nil && !a.machine.Settled() {
		return c.names(a.machine.Waiting()), fmt.Sprintf("another re-deal is under way (%v): %s", a.proposal.Kind, phaseWords(a.machine.Phase()))
	}
	var away []wire.Slot
	for _, d := range c.circle.record.Devices {
		if d.Slot != c.circle.slot && !c.online(d.Slot) {
			away = append(away, d.Slot)
		}
	}
	switch {
	case r.trouble != "":
		reason = "trying again: " + r.trouble
	case len(away) > 0:
		reason = "starting; not connected: " + list(c.names(away))
	default:
		reason = "starting"
	}
	return c.names(away), reason
}

// goneWords says whom a re-deal waits for that this device cannot take back any
// more, or "". A member that was ready and fell silent before it committed may
// have committed, or may have voted against it: only its own word tells.
func (c *core) goneWords() string {
	a := c.attempt
	if a == nil || a.machine.Phase() != refresh.Committed || c.now.Sub(a.started).Abs() < 2*attemptLife {
		return ""
	}
	who := list(c.names(a.machine.Waiting()))
	return fmt.Sprintf("the re-deal to epoch %d waits for %s, which was ready for it and said no more: the circle signs, but nobody comes in or goes before it is there; "+
		"if it is gone for good, move what the accounts hold to a new circle as long as enough devices are left to sign", a.proposal.Epoch, who)
}

// holders names the members that may still hold a share older than epoch.
func (c *core) holders(epoch uint64) (names []string) {
	for _, d := range c.circle.record.Devices {
		if p := c.peers[d.Slot]; d.Slot != c.circle.slot && (p == nil || !p.told || p.oldest < epoch) {
			names = append(names, d.Name)
		}
	}
	return names
}

func phaseWords(p refresh.Phase) string {
	switch p {
	case refresh.Dealing:
		return "fresh shares are dealt"
	case refresh.Prepared:
		return "the fresh shares are tried"
	case refresh.Committed:
		return "everybody moves to the fresh shares"
	case refresh.Aborted:
		return "it is being given up"
	}
	return "old shares are destroyed"
}
