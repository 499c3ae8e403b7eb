package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/wire"
)

// A watcher is a call of the control API that waits for something. It is
// poked, not told: the call then looks for itself, inside the loop, so that no
// slow client holds the loop up and none misses the last word.
type watcher struct {
	request  *openRequest // nil: not a request
	founding bool
	failed   error // why the founding it waits for ended
	poke     chan struct{}
}

func (c *core) watch(r *openRequest, founding bool) *watcher {
	w := &watcher{request: r, founding: founding, poke: make(chan struct{}, 1)}
	c.watchers[w] = struct{}{}
	return w
}

func (c *core) unwatch(w *watcher) { delete(c.watchers, w) }

// endWaits ends the waits for a founding.
func (c *core) endWaits(err error) {
	for w := range c.watchers {
		if w.founding {
			w.failed = err
		}
	}
}

// signal has the call look.
func (w *watcher) signal() {
	select {
	case w.poke <- struct{}{}:
	default: // a look is due already
	}
}

// lookPause is the least time between two looks of one call that waits. Every event
// pokes, also those that a peer may cause by the thousand, and what a look costs is
// charged to nobody.
const lookPause = 5 * time.Millisecond

// follow is how a call waits. look looks at the core, in the loop: now, and
// whenever something may have changed; an error ends the call. tell then tells the
// client what is new, outside the loop, and reports whether the wait is over. When
// ctx ends, the call ends with what ended says. The watch is over in any case.
func (n *Node) follow(ctx context.Context, w *watcher, look func(*core) error, tell func() bool, ended func() error) error {
	defer n.release(w)
	w.signal()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		if !arrived(ctx, pause.C) || !arrived(ctx, w.poke) {
			return ended()
		}
		pause.Reset(lookPause)
		if err := n.look(context.WithoutCancel(ctx), look); err != nil {
			return err
		}
		if tell() {
			return nil
		}
	}
}

// arrived waits for something to arrive, and reports false if ctx ends first.
func arrived[T any](ctx context.Context, ch <-chan T) bool {
	select {
	case <-ch:
		return true
	case <-ctx.Done():
		return false
	}
}

// within bounds a wait by the patience of whoever calls; 0 is no bound.
func within(ctx context.Context, patience api.Duration) (context.Context, context.CancelFunc) {
	if patience <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(patience))
}

// release ends a watch, also when ctx is gone.
func (n *Node) release(w *watcher) {
	n.post(func(c *core) { c.unwatch(w) })
}

// waitingFor says which devices a request waits for and why, and what would
// help. It is empty once nothing can change any more.
func (c *core) waitingFor(r *openRequest) (names []string, reason string) {
	if l := r.live; l != nil {
		if c.stalls(l) {
			return c.names(l.machine.Waiting()), "no answer yet"
		}
		return c.names(l.machine.Waiting()), "signing"
	}
	if !r.open() {
		return nil, ""
	}
	if r.change != nil {
		return c.redealWaiting(r)
	}
	if r.from() != c.circle.slot && len(r.approved) >= c.circle.record.Threshold {
		return []string{c.name(r.from())}, "it asked, and opens the session"
	}
	var ask, off, locked, without []wire.Slot
	ready := 0
	for _, d := range c.circle.record.Devices {
		switch {
		case has(r.approved, d.Slot) && c.without(d.Slot) && (d.Slot == c.circle.slot || c.online(d.Slot)):
			without = append(without, d.Slot)
		case has(r.approved, d.Slot) && d.Slot == c.circle.slot:
			ready++
		case d.Slot == c.circle.slot:
			ask = append(ask, d.Slot)
		case !c.hears(d.Slot):
			off = append(off, d.Slot)
		case c.peer(d.Slot).locked:
			locked = append(locked, d.Slot)
		case has(r.approved, d.Slot):
			ready++
		default:
			ask = append(ask, d.Slot)
		}
	}
	need := c.circle.record.Threshold - ready
	if need <= 0 && r.trouble == "" {
		return nil, "opening a session"
	}
	var parts []string
	if len(ask) > 0 {
		parts = append(parts, "approve on "+either(c.names(ask)))
	}
	if len(off) > 0 {
		parts = append(parts, "start "+either(c.names(off))+", not connected")
	}
	if len(locked) > 0 {
		parts = append(parts, "unlock "+either(c.names(locked)))
	}
	if len(without) > 0 {
		parts = append(parts, list(c.names(without))+" approved and has no share of this epoch yet")
	}
	if need <= 0 {
		// Enough have approved, and some of them spoil each session.
		return c.names(c.suspects(r)), strings.Join(append([]string{"trying again: " + r.trouble}, parts...), "; or ")
	}
	reason = fmt.Sprintf("%d more of %d needed: %s", need, c.circle.record.Threshold, strings.Join(parts, "; or "))
	if r.trouble != "" {
		reason += " (last attempt: " + r.trouble + ")"
	}
	all := slices.Concat(ask, off, locked, without)
	slices.Sort(all)
	return c.names(all), reason
}

// slowAnswer is how long a session may stand still before whoever waits for it is
// told which devices it waits for. Rounds follow each other within milliseconds.
const slowAnswer = 3 * time.Second

func (c *core) stalls(l *live) bool { return !l.done && c.now.Sub(l.progress) >= slowAnswer }

// suspects are the devices that sessions of r have failed because of, or may
// have.
func (c *core) suspects(r *openRequest) (out []wire.Slot) {
	for _, s := range sortedSlots(r.failures) {
		if has(r.approved, s) {
			out = append(out, s)
		}
	}
	return out
}

// rounds is implemented by machines that can say how far they are.
type rounds interface{ Round() (round, of int) }

// look is what one request looks like to a waiting call.
type look struct {
	state   string
	waiting []string
	reason  string
	round   int
	of      int
	with    []string
	stalls  bool     // the session has not moved for a while
	after   string   // what the session before died of
	code    api.Code // what to call it if the person's time is up
}

func (c *core) look(r *openRequest) look {
	v := look{state: r.state()}
	v.waiting, v.reason = c.waitingFor(r)
	v.code = c.whyNotYet(r)
	if l := r.live; l != nil {
		v.after, v.stalls = r.trouble, c.stalls(l)
		for _, s := range l.slots {
			if s != c.circle.slot {
				v.with = append(v.with, c.name(s))
			}
		}
		if m, ok := l.machine.(rounds); ok {
			v.round, v.of = m.Round()
		}
	}
	return v
}

// whyNotYet is the code of what keeps an open request from being done, as far as
// it is one that has a name.
func (c *core) whyNotYet(r *openRequest) api.Code {
	here := 0
	for _, d := range c.circle.record.Devices {
		if d.Slot == c.circle.slot || c.hears(d.Slot) {
			here++
		}
	}
	switch {
	case r.change == nil && here < c.circle.record.Threshold:
		return api.CodeNoQuorum
	case r.change == nil || !r.change.ByRedeal() || c.inEffect(r) || !c.granted(r):
	case c.redealing() && (c.attempt == nil || c.attempt.request != r.id):
		return api.CodeBusy
	case r.failed == api.CodeTooFew || r.failed == api.CodeRedealFailed:
		return r.failed
	}
	return api.CodeTimeout
}

// failure says why a request that is closed without a signature is so.
func (c *core) failure(r *openRequest) error {
	denied := c.names(sortedSlots(r.denied))
	switch {
	case len(denied) > 0 && r.mayBeSigned():
		return api.Errorf(api.CodeDenied, "%s denied request %v after a partial signature had left %s: it may be signed", list(denied), r.id, c.releasedWords(r)).
			WithDevice(denied[0]).WithHint("treat what it asks for as signed")
	case len(denied) > 0:
		return api.Errorf(api.CodeDenied, "%s denied request %v", list(denied), r.id).WithDevice(denied[0])
	case r.meta.Expired && r.mayBeSigned():
		return api.Errorf(api.CodeExpired, "request %v expired after a partial signature had left %s: it may be signed", r.id, c.releasedWords(r)).
			WithHint("treat what it asks for as signed")
	case r.meta.Expired && r.change != nil && c.now.Before(r.expires()):
		return api.Errorf(api.CodeExpired, "request %v is closed: what it says was taken back, by `warifu thaw`", r.id).
			WithHint("nothing has changed; if it still holds, say it again")
	case r.meta.Expired:
		return api.Errorf(api.CodeExpired, "request %v expired", r.id).WithHint("ask again")
	case r.open() && (r.change == nil || !c.inEffect(r)):
		return c.out()
	}
	return nil
}
