package node

import (
	"crypto/ed25519"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// What a change of the circle is, says package change. Here it is read, the persons
// who agree to it are counted, and it is brought about.

// decodeChange reads a change. What it says in words depends on the circle, which
// changes: see [views.changeWords].
func (lg *ledger) decodeChange(r *openRequest) error {
	ch, err := change.Parse(change.Kind(r.request.Kind), r.request.Payload, reach.Check)
	if err != nil {
		return err
	}
	if r.request.Account != "" || len(r.path) > 0 {
		return change.ErrFields
	}
	r.change = ch
	return ch.ReadCard()
}

const tagPresence wire.Tag = "node/presence"

// presenceMessage is what the presence key signs to approve a change. It names
// no epoch: what a person has agreed to does not change with one, and the
// identity key says in each epoch that it still holds.
func presenceMessage(circle wire.CircleID, id wire.RequestID) []byte {
	h := wire.Sum(tagPresence, circle[:], id[:])
	return h[:]
}

// present lists the devices whose person has approved r in this epoch, as far as
// that counts.
func (lg *ledger) present(r *openRequest) (out []wire.Slot) {
	for _, s := range sortedSlots(r.approved) {
		d, ok := lg.me.circle.record.Device(s)
		if !ok || lg.me.circle.fenced[d.Identity] {
			continue
		}
		if !r.change.Counts(s, lg.subject(r)) {
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

func (lg *ledger) proven(r *openRequest, slot wire.Slot, d roster.Device) bool {
	it := r.approved[slot]
	p, known := r.presences[slot]
	if !known || p.record != lg.me.circle.hash || p.sig != string(it.Sig) {
		a, err := parseAnswer(it.Body)
		p = presence{record: lg.me.circle.hash, sig: string(it.Sig), holds: err == nil &&
			ed25519.Verify(d.Presence[:], presenceMessage(lg.me.circle.record.Circle, r.id), a.Presence)}
		r.presences[slot] = p
	}
	return p.holds
}

// granted reports whether enough persons agree to a change.
func (lg *ledger) granted(r *openRequest) bool { return r.change.Granted(circleFacts{lg, r}) }

// inEffect reports whether the current epoch is as a change wants it.
func (lg *ledger) inEffect(r *openRequest) bool { return r.change.InEffect(circleFacts{lg, r}) }

// wanted turns a granted change into what a proposal must say.
func (lg *ledger) wanted(r *openRequest) (kind roster.ChangeKind, removed []refresh.Removal, card *roster.Card) {
	want := r.change.Redeal(r.from(), lg.subject(r))
	if want.As != 0 {
		removed = []refresh.Removal{{Slot: want.Goes, State: want.As}}
	}
	return want.Kind, removed, want.Comes
}

// thresholdAfter is how many must sign after a re-deal that r asks for, or that
// devices want by themselves.
func (lg *ledger) thresholdAfter(r *openRequest, removed, added int) int {
	var ch *change.Change
	if r != nil {
		ch = r.change
	}
	return ch.Signers(lg.me.circle.head().Record, removed, added)
}
