package desk

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// WaitingFor says which devices a request waits for and why, and what would
// help. It is empty once nothing can change any more.
func (vw *Views) WaitingFor(r *ledger.Request) (names []string, reason string) {
	if l := r.Live; l != nil {
		if vw.stalls(l) {
			return vw.me.Names(l.Machine.Waiting()), vw.say(say.NoAnswerYet)
		}
		return vw.me.Names(l.Machine.Waiting()), vw.say(say.SigningNow)
	}
	if !r.Open() {
		return nil, ""
	}
	if r.Change != nil {
		return vw.RedealWaiting(r)
	}
	if r.From() != vw.me.Circle.Slot && len(r.Approved) >= vw.me.Circle.Record.Threshold {
		return []string{vw.me.Name(r.From())}, vw.say(say.AskerOpens)
	}
	var ask, off, locked, without []wire.Slot
	ready := 0
	for _, d := range vw.me.Circle.Record.Devices {
		switch {
		case ledger.Has(r.Approved, d.Slot) && vw.me.Without(d.Slot) && (d.Slot == vw.me.Circle.Slot || vw.me.Online(d.Slot)):
			without = append(without, d.Slot)
		case ledger.Has(r.Approved, d.Slot) && d.Slot == vw.me.Circle.Slot:
			ready++
		case d.Slot == vw.me.Circle.Slot:
			ask = append(ask, d.Slot)
		case !vw.me.Hears(d.Slot):
			off = append(off, d.Slot)
		case vw.me.Peer(d.Slot).Locked:
			locked = append(locked, d.Slot)
		case ledger.Has(r.Approved, d.Slot):
			ready++
		default:
			ask = append(ask, d.Slot)
		}
	}
	need := vw.me.Circle.Record.Threshold - ready
	if need <= 0 && r.Trouble == "" {
		return nil, vw.say(say.OpeningSession)
	}
	var parts []string
	if len(ask) > 0 {
		parts = append(parts, vw.say(say.ApproveOn, standing.Either(vw.me.Names(ask))))
	}
	if len(off) > 0 {
		parts = append(parts, vw.say(say.StartThose, standing.Either(vw.me.Names(off))))
	}
	if len(locked) > 0 {
		parts = append(parts, vw.say(say.UnlockThose, standing.Either(vw.me.Names(locked))))
	}
	if len(without) > 0 {
		parts = append(parts, vw.say(say.ApprovedWithoutShare, standing.List(vw.me.Names(without))))
	}
	if need <= 0 {
		// Enough have approved, and some of them spoil each session.
		return vw.me.Names(vw.suspects(r)), strings.Join(append([]string{vw.say(say.TryingAgain, r.Trouble)}, parts...), vw.say(say.OrElse))
	}
	reason = vw.say(say.MoreNeeded, need, vw.me.Circle.Record.Threshold, strings.Join(parts, vw.say(say.OrElse)))
	if r.Trouble != "" {
		reason = vw.say(say.AfterLastAttempt, reason, r.Trouble)
	}
	all := slices.Concat(ask, off, locked, without)
	slices.Sort(all)
	return vw.me.Names(all), reason
}

// slowAnswer is how long a session may stand still before whoever waits for it is
// told which devices it waits for. Rounds follow each other within milliseconds.
const slowAnswer = 3 * time.Second

func (vw *Views) stalls(l *drive.Session) bool {
	return !l.Done && vw.me.Now.Sub(l.Progress) >= slowAnswer
}

// suspects are the devices that sessions of r have failed because of, or may
// have.
func (vw *Views) suspects(r *ledger.Request) (out []wire.Slot) {
	for _, s := range standing.SortedSlots(r.Failures) {
		if ledger.Has(r.Approved, s) {
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
	Waiting []string
	Reason  string
	round   int
	of      int
	with    []string
	Stalls  bool     // the session has not moved for a while
	after   string   // what the session before died of
	Code    api.Code // what to call it if the person's time is up
}

// Look looks at a request for a call that waits.
func (vw *Views) Look(r *ledger.Request) look {
	v := look{state: string(r.State())}
	v.Waiting, v.Reason = vw.WaitingFor(r)
	v.Code = vw.whyNotYet(r)
	if l := r.Live; l != nil {
		v.after, v.Stalls = r.Trouble, vw.stalls(l)
		for _, s := range l.Slots {
			if s != vw.me.Circle.Slot {
				v.with = append(v.with, vw.me.Name(s))
			}
		}
		if m, ok := l.Machine.(rounds); ok {
			v.round, v.of = m.Round()
		}
	}
	return v
}

// whyNotYet is the code of what keeps an open request from being done, as far as
// it is one that has a name.
func (vw *Views) whyNotYet(r *ledger.Request) api.Code {
	here := 0
	for _, d := range vw.me.Circle.Record.Devices {
		if d.Slot == vw.me.Circle.Slot || vw.me.Hears(d.Slot) {
			here++
		}
	}
	switch {
	case r.Change == nil && here < vw.me.Circle.Record.Threshold:
		return api.CodeNoQuorum
	case r.Change == nil || !r.Change.ByRedeal() || vw.ledger.InEffect(r) || !vw.ledger.Granted(r):
	case vw.redeals.Redealing() && (vw.redeals.Attempt == nil || vw.redeals.Attempt.Request != r.ID):
		return api.CodeBusy
	case say.Is(r.Failed, say.TooFewDealers), say.Is(r.Failed, say.TooFewMembers):
		return api.CodeTooFew
	case errors.Is(r.Failed, changes.ErrCameToNothing):
		return api.CodeRedealFailed
	}
	return api.CodeTimeout
}

// Failure says why a request that is closed without a signature is so.
func (vw *Views) Failure(r *ledger.Request) error {
	denied := vw.me.Names(standing.SortedSlots(r.Denied))
	switch {
	case len(denied) > 0 && r.MayBeSigned():
		return say.New(say.DeniedTooLate, standing.List(denied), r.ID, vw.ledger.ReleasedWords(r)).Of(denied[0])
	case len(denied) > 0:
		return say.New(say.DeniedBy, standing.List(denied), r.ID).Of(denied[0])
	case r.Meta.Expired && r.MayBeSigned():
		return say.New(say.ExpiredTooLate, r.ID, vw.ledger.ReleasedWords(r))
	case r.Meta.Expired && r.Change != nil && vw.me.Now.Before(r.Expires()):
		return say.New(say.TakenBack, r.ID)
	case r.Meta.Expired:
		return say.New(say.RequestExpired, r.ID)
	case r.Open() && (r.Change == nil || !vw.ledger.InEffect(r)):
		return vw.me.Out()
	}
	return nil
}
