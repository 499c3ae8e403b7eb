package node

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/wire"
)

// waitingFor says which devices a request waits for and why, and what would
// help. It is empty once nothing can change any more.
func (vw *views) waitingFor(r *openRequest) (names []string, reason string) {
	if l := r.live; l != nil {
		if vw.stalls(l) {
			return vw.me.names(l.machine.Waiting()), "no answer yet"
		}
		return vw.me.names(l.machine.Waiting()), "signing"
	}
	if !r.open() {
		return nil, ""
	}
	if r.change != nil {
		return vw.redealWaiting(r)
	}
	if r.from() != vw.me.circle.slot && len(r.approved) >= vw.me.circle.record.Threshold {
		return []string{vw.me.name(r.from())}, "it asked, and opens the session"
	}
	var ask, off, locked, without []wire.Slot
	ready := 0
	for _, d := range vw.me.circle.record.Devices {
		switch {
		case has(r.approved, d.Slot) && vw.me.without(d.Slot) && (d.Slot == vw.me.circle.slot || vw.me.online(d.Slot)):
			without = append(without, d.Slot)
		case has(r.approved, d.Slot) && d.Slot == vw.me.circle.slot:
			ready++
		case d.Slot == vw.me.circle.slot:
			ask = append(ask, d.Slot)
		case !vw.me.hears(d.Slot):
			off = append(off, d.Slot)
		case vw.me.peer(d.Slot).locked:
			locked = append(locked, d.Slot)
		case has(r.approved, d.Slot):
			ready++
		default:
			ask = append(ask, d.Slot)
		}
	}
	need := vw.me.circle.record.Threshold - ready
	if need <= 0 && r.trouble == "" {
		return nil, "opening a session"
	}
	var parts []string
	if len(ask) > 0 {
		parts = append(parts, "approve on "+either(vw.me.names(ask)))
	}
	if len(off) > 0 {
		parts = append(parts, "start "+either(vw.me.names(off))+", not connected")
	}
	if len(locked) > 0 {
		parts = append(parts, "unlock "+either(vw.me.names(locked)))
	}
	if len(without) > 0 {
		parts = append(parts, list(vw.me.names(without))+" approved and has no share of this epoch yet")
	}
	if need <= 0 {
		// Enough have approved, and some of them spoil each session.
		return vw.me.names(vw.suspects(r)), strings.Join(append([]string{"trying again: " + r.trouble}, parts...), "; or ")
	}
	reason = fmt.Sprintf("%d more of %d needed: %s", need, vw.me.circle.record.Threshold, strings.Join(parts, "; or "))
	if r.trouble != "" {
		reason += " (last attempt: " + r.trouble + ")"
	}
	all := slices.Concat(ask, off, locked, without)
	slices.Sort(all)
	return vw.me.names(all), reason
}

// slowAnswer is how long a session may stand still before whoever waits for it is
// told which devices it waits for. Rounds follow each other within milliseconds.
const slowAnswer = 3 * time.Second

func (vw *views) stalls(l *live) bool { return !l.done && vw.me.now.Sub(l.progress) >= slowAnswer }

// suspects are the devices that sessions of r have failed because of, or may
// have.
func (vw *views) suspects(r *openRequest) (out []wire.Slot) {
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

func (vw *views) look(r *openRequest) look {
	v := look{state: r.state()}
	v.waiting, v.reason = vw.waitingFor(r)
	v.code = vw.whyNotYet(r)
	if l := r.live; l != nil {
		v.after, v.stalls = r.trouble, vw.stalls(l)
		for _, s := range l.slots {
			if s != vw.me.circle.slot {
				v.with = append(v.with, vw.me.name(s))
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
func (vw *views) whyNotYet(r *openRequest) api.Code {
	here := 0
	for _, d := range vw.me.circle.record.Devices {
		if d.Slot == vw.me.circle.slot || vw.me.hears(d.Slot) {
			here++
		}
	}
	switch {
	case r.change == nil && here < vw.me.circle.record.Threshold:
		return api.CodeNoQuorum
	case r.change == nil || !r.change.ByRedeal() || vw.ledger.inEffect(r) || !vw.ledger.granted(r):
	case vw.redeals.redealing() && (vw.redeals.attempt == nil || vw.redeals.attempt.request != r.id):
		return api.CodeBusy
	case r.failed == api.CodeTooFew || r.failed == api.CodeRedealFailed:
		return r.failed
	}
	return api.CodeTimeout
}

// failure says why a request that is closed without a signature is so.
func (vw *views) failure(r *openRequest) error {
	denied := vw.me.names(sortedSlots(r.denied))
	switch {
	case len(denied) > 0 && r.mayBeSigned():
		return api.Errorf(api.CodeDenied, "%s denied request %v after a partial signature had left %s: it may be signed", list(denied), r.id, vw.ledger.releasedWords(r)).
			WithDevice(denied[0]).WithHint("treat what it asks for as signed")
	case len(denied) > 0:
		return api.Errorf(api.CodeDenied, "%s denied request %v", list(denied), r.id).WithDevice(denied[0])
	case r.meta.Expired && r.mayBeSigned():
		return api.Errorf(api.CodeExpired, "request %v expired after a partial signature had left %s: it may be signed", r.id, vw.ledger.releasedWords(r)).
			WithHint("treat what it asks for as signed")
	case r.meta.Expired && r.change != nil && vw.me.now.Before(r.expires()):
		return api.Errorf(api.CodeExpired, "request %v is closed: what it says was taken back, by `warifu thaw`", r.id).
			WithHint("nothing has changed; if it still holds, say it again")
	case r.meta.Expired:
		return api.Errorf(api.CodeExpired, "request %v expired", r.id).WithHint("ask again")
	case r.open() && (r.change == nil || !vw.ledger.inEffect(r)):
		return vw.me.out()
	}
	return nil
}
