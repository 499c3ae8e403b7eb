package node

import (
	"slices"
	"time"

	"github.com/warifu/warifu/node/vigil"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// wired makes the rooms of a device, empty, and tells each of those below it.
func wired(cfg Config, watch *disk, own *self) *core {
	c := &core{counter: &counter{watchers: map[*watcher]struct{}{}}}
	w := wiring{c}
	me := &standing{
		cfg: cfg, disk: watch, self: own, log: cfg.Log, now: cfg.Now(), company: w,
		pairing: map[string][]string{}, parting: map[string]time.Time{}, peers: map[wire.Slot]*peer{}, alarms: map[wire.Slot]int{},
	}
	c.standing = me
	c.judging = &judging{me: me, vigil: vigil.New(judgeStore{&me.cfg}, cfg.Log)}
	c.remains = &remains{me}
	c.drive = &drive{me: me, sessions: map[wire.SessionID]*live{}, begun: begunSessions{marks: map[wire.RequestID]uint64{}}, lookout: w}
	c.ledger = &ledger{
		me: me, judging: c.judging, sequel: w,
		requests: map[wire.RequestID]*openRequest{}, unclosed: map[wire.RequestID]*openRequest{},
	}
	c.answering = &answering{me, c.judging, c.ledger}
	c.cosign = &cosign{me: me, drive: c.drive, newSigner: signer}
	c.redeals = &redeals{
		me: me, judging: c.judging, drive: c.drive, remains: c.remains, ledger: c.ledger, answering: c.answering,
		dead: deadAttempts{}, around: w,
	}
	c.trials = &trials{me, c.drive, c.cosign, c.redeals}
	c.signings = &signings{me, c.judging, c.drive, c.ledger, c.answering, c.cosign}
	c.changes = &changes{
		me: me, judging: c.judging, drive: c.drive, remains: c.remains, ledger: c.ledger, redeals: c.redeals,
		grudges: grudges{},
	}
	c.foundings = &foundings{me: me, judging: c.judging, drive: c.drive, ledger: c.ledger, ended: c.endWaits}
	c.views = &views{me, c.judging, c.remains, c.ledger, c.redeals, c.changes, c.foundings}
	return c
}

// The rooms of a device know each other in one direction only. Where one below needs
// to hear of one above, or of one beside, it says in an interface what it wants to
// know, and the answer is here.
type wiring struct{ c *core }

var (
	_ company = wiring{}
	_ lookout = wiring{}
	_ sequel  = wiring{}
	_ around  = wiring{}
)

func (w wiring) founding() bool { return w.c.founding != nil || w.c.joining != nil }

func (w wiring) founders() []roster.Device {
	if f := w.c.founding; f != nil && f.proposal != nil {
		return f.proposal.Devices
	}
	return nil
}

func (w wiring) pending() (record wire.Hash, ok bool) {
	if f := w.c.founding; f != nil && f.pending {
		return f.recordHash(), true
	}
	return wire.Hash{}, false
}

func (w wiring) staying() (out []roster.Device) {
	a := w.c.attempt
	if a == nil || a.machine.Settled() {
		return nil
	}
	for _, d := range slices.Concat(w.c.parentOf(a).Devices, a.proposal.Added) {
		if !slices.ContainsFunc(a.proposal.Removed, func(x refresh.Removal) bool { return x.Slot == d.Slot }) {
			out = append(out, d)
		}
	}
	return out
}

func (w wiring) mayRunAgain(id wire.RequestID) bool {
	if r := w.c.requests[id]; r != nil {
		return r.open()
	}
	return w.c.testsFor(id)
}

func (w wiring) stray(id wire.SessionID, from wire.Slot) bool {
	return w.c.tellDead(id, from, w.c.toMember(from))
}

func (w wiring) act(r *openRequest) {
	if r.change != nil {
		w.c.changeCircle()
	} else {
		w.c.try(r)
	}
}

func (w wiring) arrived(r *openRequest)           { w.c.applyPolicy(r) }
func (w wiring) stop(r *openRequest, why string)  { w.c.stopSigning(r, why) }
func (w wiring) interrupted() bool                { return w.c.interrupted() }
func (w wiring) shareAwaited() bool               { return w.c.shareAwaited() }
func (w wiring) awaitedWords() string             { return w.c.awaitedWords() }
func (w wiring) test()                            { w.c.startTest() }
func (w wiring) tryAll()                          { w.c.tryAll() }
func (w wiring) failed(a *attempt)                { w.c.redealFailed(a) }
func (w wiring) succeeded()                       { clear(w.c.grudges) }
func (w wiring) changed()                         { w.c.changeCircle() }
func (w wiring) blame(slot wire.Slot, why string) { w.c.blame(slot, why) }

func (w wiring) entered() { w.c.founding, w.c.joining = nil, nil }
