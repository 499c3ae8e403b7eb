package node

import (
	"bytes"
	"crypto/ed25519"
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// What a change of the circle is, says package change. Here it is read, the persons
// who agree to it are counted, and it is brought about.

// decodeChange reads a change. What it says in words depends on the circle, which
// changes: see [core.changeWords].
func (c *core) decodeChange(r *openRequest) error {
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
func (c *core) present(r *openRequest) (out []wire.Slot) {
	for _, s := range sortedSlots(r.approved) {
		d, ok := c.circle.record.Device(s)
		if !ok || c.circle.fenced[d.Identity] {
			continue
		}
		if !r.change.Counts(s, c.subject(r)) {
			continue
		}
		if c.proven(r, s, d) {
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

func (c *core) proven(r *openRequest, slot wire.Slot, d roster.Device) bool {
	it := r.approved[slot]
	p, known := r.presences[slot]
	if !known || p.record != c.circle.hash || p.sig != string(it.Sig) {
		a, err := parseAnswer(it.Body)
		p = presence{record: c.circle.hash, sig: string(it.Sig), holds: err == nil &&
			ed25519.Verify(d.Presence[:], presenceMessage(c.circle.record.Circle, r.id), a.Presence)}
		r.presences[slot] = p
	}
	return p.holds
}

// granted reports whether enough persons agree to a change.
func (c *core) granted(r *openRequest) bool { return r.change.Granted(circleFacts{c, r}) }

// inEffect reports whether the current epoch is as a change wants it.
func (c *core) inEffect(r *openRequest) bool { return r.change.InEffect(circleFacts{c, r}) }

// wanted turns a granted change into what a proposal must say.
func (c *core) wanted(r *openRequest) (kind roster.ChangeKind, removed []refresh.Removal, card *roster.Card) {
	want := r.change.Redeal(r.from(), c.subject(r))
	if want.As != 0 {
		removed = []refresh.Removal{{Slot: want.Goes, State: want.As}}
	}
	return want.Kind, removed, want.Comes
}

// thresholdAfter is how many must sign after a re-deal that r asks for, or that
// devices want by themselves.
func (c *core) thresholdAfter(r *openRequest, removed, added int) int {
	var ch *change.Change
	if r != nil {
		ch = r.change
	}
	return ch.Signers(c.circle.head().Record, removed, added)
}

// done reports whether a change has taken effect, with all that belongs to it.
func (c *core) done(r *openRequest) bool {
	return c.inEffect(r) && (!r.change.ByRedeal() || c.healed())
}

// healPatience is how long a change waits for members to say that their old
// shares are gone. Status goes on telling who has not.
const healPatience = 10 * time.Second

// healed reports whether the last re-deal is over: everybody who is here has
// destroyed the old shares, or has had long enough to.
func (c *core) healed() bool {
	a := c.attempt
	if a == nil {
		return true
	}
	if !a.machine.Settled() {
		return false
	}
	if c.now.Sub(a.started) >= healPatience {
		return true
	}
	for _, d := range c.circle.record.Devices {
		if d.Slot == c.circle.slot {
			if c.oldestShare() < c.circle.record.Epoch && len(a.proposal.Sleepers) == 0 {
				return false
			}
			continue
		}
		if p := c.peers[d.Slot]; c.online(d.Slot) && (!p.told || p.record != c.circle.hash || len(a.proposal.Sleepers) == 0 && p.oldest < c.circle.record.Epoch) {
			return false
		}
	}
	return true
}

// changeCircle acts on what the persons have agreed to.
func (c *core) changeCircle() {
	if c.circle == nil {
		return
	}
	// A device that is out changes nothing, but it wants to know that it is.
	in := c.circle.evicted == nil
	for _, r := range c.openByAge() {
		if r.change == nil || !r.open() || r.meta.Done {
			continue
		}
		c.hearPersons(r)
		if c.done(r) {
			c.conclude(r)
			continue
		}
		if !in || !r.change.ByRedeal() || c.inEffect(r) || !c.granted(r) {
			continue
		}
		switch {
		case c.redealing():
			r.idle = time.Time{} // whoever's turn it was has proposed
		case !c.pausing(r.notUntil) && c.responsible(r):
			c.proposeChange(r)
		}
	}
	if in {
		c.evict()
	}
}

// turnLife is how long the one whose turn it is to propose has for it: a member
// may be here and yet not be able to, with a full disk for instance.
const turnLife = 2 * attemptLife

// responsible reports whether it is this device's turn to propose what r asks
// for. The first turn has who asked, unless it goes, is away or locked; then
// those who are here and not locked, in the order of the record.
func (c *core) responsible(r *openRequest) bool {
	if r.idle.IsZero() || c.now.Before(r.idle) {
		r.idle = c.now
	}
	_, removed, _ := c.wanted(r)
	goes := func(s wire.Slot) bool {
		return slices.ContainsFunc(removed, func(x refresh.Removal) bool { return x.Slot == s })
	}
	order := []wire.Slot{r.from()}
	for _, d := range c.circle.record.Devices {
		if d.Slot != r.from() {
			order = append(order, d.Slot)
		}
	}
	var ahead time.Duration
	for _, s := range order {
		switch {
		case goes(s):
		case s == c.circle.slot:
			return c.now.Sub(r.idle) >= ahead*turnLife
		case c.online(s) && !c.peers[s].locked:
			ahead++
		}
	}
	return false
}

// sameCard reports whether an added device is the one of a card.
func sameCard(d roster.Device, card roster.Card) bool {
	w := card.Device(d.Slot)
	return d.Name == w.Name && d.Kind == w.Kind && d.Identity == w.Identity && bytes.Equal(d.Peer, w.Peer) &&
		d.Box == w.Box && d.Presence == w.Presence
}
