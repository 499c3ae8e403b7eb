package ledger

import (
	"crypto/ed25519"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// What a change of the circle is, says package change. Here it is read, the persons
// who agree to it are counted, and it is brought about.

// decodeChange reads a change. What it says in words depends on the circle, which
// changes: see [desk.Views.changeWords].
func (lg *Ledger) decodeChange(r *Request) error {
	ch, err := change.Parse(change.Kind(r.Request.Kind), r.Request.Payload, reach.Check)
	if err != nil {
		return err
	}
	if r.Request.Account != "" || len(r.Path) > 0 {
		return change.ErrFields
	}
	r.Change = ch
	return ch.ReadCard()
}

const tagPresence wire.Tag = "node/presence"

// PresenceMessage is what the presence key signs to approve a change. It names
// no epoch: what a person has agreed to does not change with one, and the
// identity key says in each epoch that it still holds.
func PresenceMessage(circle wire.CircleID, id wire.RequestID) []byte {
	h := wire.Sum(tagPresence, circle[:], id[:])
	return h[:]
}

// Present lists the devices whose person has approved r in this epoch, as far as
// that counts.
func (lg *Ledger) Present(r *Request) (out []wire.Slot) {
	for _, s := range standing.SortedSlots(r.Approved) {
		d, ok := lg.me.Circle.Record.Device(s)
		if !ok || lg.me.Circle.Fenced[d.Identity] {
			continue
		}
		if !r.Change.Counts(s, lg.Subject(r)) {
			continue
		}
		if lg.proven(r, s, d) {
			out = append(out, s)
		}
	}
	return out
}

// A presence is a verdict on the presence signature of an approval. Approvals
// are looked at on every tick, and verified once.
type presence struct {
	record wire.Hash
	sig    string
	holds  bool
}

func (lg *Ledger) proven(r *Request, slot wire.Slot, d roster.Device) bool {
	it := r.Approved[slot]
	p, known := r.presences[slot]
	if !known || p.record != lg.me.Circle.Hash || p.sig != string(it.Sig) {
		a, err := message.ParseAnswer(it.Body)
		p = presence{record: lg.me.Circle.Hash, sig: string(it.Sig), holds: err == nil &&
			ed25519.Verify(d.Presence[:], PresenceMessage(lg.me.Circle.Record.Circle, r.ID), a.Presence)}
		r.presences[slot] = p
	}
	return p.holds
}

// Granted reports whether enough persons agree to a change.
func (lg *Ledger) Granted(r *Request) bool { return r.Change.Granted(circleFacts{lg, r}) }

// InEffect reports whether the current epoch is as a change wants it.
func (lg *Ledger) InEffect(r *Request) bool { return r.Change.InEffect(circleFacts{lg, r}) }

// Wanted turns a granted change into what a proposal must say.
func (lg *Ledger) Wanted(r *Request) (kind roster.ChangeKind, removed []refresh.Removal, card *roster.Card) {
	want := r.Change.Redeal(r.From(), lg.Subject(r))
	if want.As != 0 {
		removed = []refresh.Removal{{Slot: want.Goes, State: want.As}}
	}
	return want.Kind, removed, want.Comes
}

// ThresholdAfter is how many must sign after a re-deal that r asks for, or that
// devices want by themselves.
func (lg *Ledger) ThresholdAfter(r *Request, removed, added int) int {
	var ch *change.Change
	if r != nil {
		ch = r.Change
	}
	return ch.Signers(lg.me.Circle.Head().Record, removed, added)
}
