package node

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"time"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/reach"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// Changes of the circle are requests like any other: replicated, shown in
// words, approved, denied, expired. What is different is that an approval
// counts only with the presence key of its device, and what comes of it: a
// re-deal, or a state of the circle, instead of a signature.

// change is the payload of a request to change the circle. Which fields count
// depends on the request's kind; the others are zero.
type change struct {
	Version uint8    `cbor:"1,keyasint"` // 2 with Device, else 1
	Slot    uint16   `cbor:"2,keyasint"` // lost, replace, vacation, veto, remove: the device
	Card    []byte   `cbor:"3,keyasint"` // add, replace: who comes in
	Addrs   []string `cbor:"4,keyasint"` // where that device can be dialled
	Until   uint64   `cbor:"5,keyasint"` // vacation: Unix seconds
	Epoch   uint64   `cbor:"6,keyasint"` // refresh: the epoch that is to end

	Threshold uint16 `cbor:"7,keyasint"` // threshold: how many must sign then

	// Device is the identity of the device in Slot. What a person has agreed to
	// holds in every epoch, and a slot that was given in a re-deal that died may
	// be another device's in the next. Version 1, of earlier releases, has none.
	Device []byte `cbor:"8,keyasint,omitempty"`
}

func (ch *change) version() uint8 {
	if len(ch.Device) > 0 {
		return 2
	}
	return 1
}

// isChange reports whether requests of this kind change the circle.
func isChange(kind string) bool {
	switch kind {
	case api.KindAdd, api.KindReplace, api.KindLost, api.KindRefresh, api.KindLeave,
		api.KindFreeze, api.KindThaw, api.KindVacation, api.KindVeto, api.KindRemove, api.KindThreshold:
		return true
	}
	return false
}

// needsRedeal reports whether a change of this kind is done by a re-deal.
func needsRedeal(kind string) bool {
	switch kind {
	case api.KindAdd, api.KindReplace, api.KindLost, api.KindRefresh, api.KindLeave, api.KindThreshold:
		return true
	}
	return false
}

// alone reports whether one person's presence is enough for a change of this
// kind.
func alone(kind string) bool {
	switch kind {
	case api.KindRefresh, api.KindLeave, api.KindFreeze, api.KindVacation, api.KindVeto, api.KindRemove:
		return true
	}
	return false
}

// maxVacation bounds an announced absence.
const maxVacation = 90 * 24 * time.Hour

// decodeChange reads a change. What it says in words depends on the circle, which
// changes: see [core.changeWords].
func (c *core) decodeChange(r *openRequest) error {
	var ch change
	if err := wire.Unmarshal(r.request.Payload, &ch); err != nil || ch.Version != ch.version() {
		return errors.New("the change is malformed")
	}
	if err := reach.Check(ch.Addrs); err != nil {
		return err
	}
	kind, slot := r.request.Kind, ch.Slot
	about := kind == api.KindReplace || kind == api.KindLost || kind == api.KindVacation || kind == api.KindVeto || kind == api.KindRemove
	comes := kind == api.KindAdd || kind == api.KindReplace
	if len(ch.Device) != 0 && (!about || len(ch.Device) != len(wire.DeviceID{})) {
		return errors.New("the change is malformed")
	}
	if (kind == api.KindThreshold) != (ch.Threshold != 0) || about != (slot != 0) || comes != (len(ch.Card) > 0) || (kind == api.KindVacation) != (ch.Until != 0) || kind != api.KindRefresh && ch.Epoch != 0 || r.request.Account != "" || len(r.path) > 0 {
		return errors.New("the change says too much or too little")
	}
	r.change = &ch
	if comes {
		card, err := roster.ParseCard(ch.Card)
		if err != nil {
			return err
		}
		r.card = &card
	}
	return nil
}

const tagPresence wire.Tag = "node/presence"

// presenceMessage is what the presence key signs to approve a change. It names
// no epoch: what a person has agreed to does not change with one, and the
// identity key says in each epoch that it still holds.
func presenceMessage(circle wire.CircleID, id wire.RequestID) []byte {
	h := wire.Sum(tagPresence, circle[:], id[:])
	return h[:]
}

// present lists the devices whose person has approved r in this epoch, without
// those that it is about to remove.
func (c *core) present(r *openRequest) (out []wire.Slot) {
	for _, s := range sortedSlots(r.approved) {
		d, ok := c.circle.record.Device(s)
		if !ok || c.circle.fenced[d.Identity] {
			continue
		}
		if r.request.Kind == api.KindLost && c.subject(r) == s {
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
func (c *core) granted(r *openRequest) bool {
	n := len(c.present(r))
	switch {
	case c.aboutUnknown(r):
		return false
	case alone(r.request.Kind):
		return n >= 1 && slices.Contains(c.present(r), r.from())
	case r.request.Kind == api.KindLost:
		_, removed, _ := c.wanted(r)
		return n >= 1 && c.objectionToEviction(refresh.Proposal{Removed: removed}) == ""
	}
	return n >= c.circle.record.Threshold
}

// wanted turns a granted change into what a proposal must say.
func (c *core) wanted(r *openRequest) (kind roster.ChangeKind, removed []refresh.Removal, card *roster.Card) {
	slot := c.subject(r)
	switch r.request.Kind {
	case api.KindAdd:
		return roster.Add, nil, r.card
	case api.KindReplace:
		return roster.Replace, []refresh.Removal{{Slot: slot, State: roster.Stolen}}, r.card
	case api.KindLost:
		return roster.Remove, []refresh.Removal{{Slot: slot, State: roster.Stolen}}, nil
	case api.KindLeave:
		return roster.Leave, []refresh.Removal{{Slot: r.from(), State: roster.Left}}, nil
	}
	if r.request.Kind == api.KindThreshold {
		return roster.Rethreshold, nil, nil
	}
	return roster.Refresh, nil, nil
}

// thresholdAfter is how many must sign after a change. Persons say so, or it
// rises where not more than half would; devices by themselves change nothing.
func (c *core) thresholdAfter(r *openRequest, removed, added int) int {
	now := c.circle.head().Record
	if r != nil && r.request.Kind == api.KindThreshold {
		return int(r.change.Threshold)
	}
	if added == 0 {
		return now.Threshold
	}
	return max(now.Threshold, (len(now.Devices)-removed+added)/2+1)
}

// done reports whether a change has taken effect, with all that belongs to it.
func (c *core) done(r *openRequest) bool {
	return c.inEffect(r) && (!needsRedeal(r.request.Kind) || c.healed())
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

// inEffect reports whether the current epoch is as a change wants it.
func (c *core) inEffect(r *openRequest) bool {
	rec := c.circle.record
	former := func(slot wire.Slot) bool {
		return slices.ContainsFunc(rec.Former, func(f roster.Former) bool { return f.Slot == slot })
	}
	in := func() bool {
		if r.card == nil {
			return false // it is to be invited
		}
		_, ok := rec.ByIdentity(r.card.Identity)
		return ok
	}
	switch r.request.Kind {
	case api.KindAdd:
		return in()
	case api.KindReplace:
		return in() && former(c.subject(r))
	case api.KindLost:
		return former(c.subject(r))
	case api.KindLeave:
		return former(r.from())
	case api.KindRefresh:
		// The epoch in which this device first heard of it is only a bound: who
		// sleeps through the re-deal hears of its request after it.
		return rec.Epoch > min(r.change.Epoch, r.meta.Epoch)
	case api.KindThaw:
		// Another device may be frozen although this one is not: it needs the
		// word of persons here all the same. And a device that has yet to read
		// back what it voted for cannot tell whose fence may go.
		return !c.interrupted() && c.frozen() == "" && (c.granted(r) || r.from() == c.circle.slot)
	case api.KindThreshold:
		return rec.Threshold == int(r.change.Threshold)
	case api.KindRemove:
		// As long as nobody here doubts the device there is nothing to agree to.
		slot := c.subject(r)
		return former(slot) || c.granted(r) && c.judge != nil && c.judge.Confirmed(slot)
	case api.KindVacation, api.KindVeto:
		return c.granted(r)
	}
	return false
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
		if !in || !needsRedeal(r.request.Kind) || c.inEffect(r) || !c.granted(r) {
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
