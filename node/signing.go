package node

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// tryAll looks for requests of this device that can be signed now.
func (c *core) tryAll() {
	for _, r := range c.openByAge() {
		c.try(r)
	}
}

// approvers lists the devices whose approval counts, ascending.
func (c *core) approvers(r *openRequest) []wire.Slot {
	return sortedSlots(r.approved)
}

// try opens a session for r if this device asked for it, t devices that
// approved are here, and no session of it is open.
func (c *core) try(r *openRequest) {
	if c.circle == nil || r.change != nil || r.from() != c.circle.slot || !r.open() || r.live != nil || r.unclear != nil ||
		c.maySign() != nil || c.pausing(r.notUntil) || !has(r.approved, c.circle.slot) {
		return
	}
	signers, ok := c.chooseSigners(r)
	if !ok {
		return
	}
	if err := c.openSession(r, signers); err != nil {
		c.log.Error("session not opened", "request", r.id, "err", err)
		r.trouble = err.Error()
		c.backOff(r)
	}
}

// maxCheats is how often a device may fail a check before it is left out
// wherever another can take its place.
const maxCheats = 3

// chooseSigners picks this device and the t-1 approvers that have given the
// least trouble.
func (c *core) chooseSigners(r *openRequest) ([]wire.Slot, bool) {
	var others []wire.Slot
	for _, s := range c.approvers(r) {
		if s != c.circle.slot && c.online(s) && !c.peer(s).locked && !c.banned(s) && !c.without(s) {
			others = append(others, s)
		}
	}
	need := c.circle.record.Threshold - 1
	if len(others) < need {
		return nil, false
	}
	slices.SortStableFunc(others, func(a, b wire.Slot) int {
		return cmp.Or(
			cmp.Compare(unheard(c, a), unheard(c, b)),
			cmp.Compare(c.alarms[a]/maxCheats, c.alarms[b]/maxCheats),
			cmp.Compare(r.failures[a], r.failures[b]),
			cmp.Compare(a, b))
	})
	signers := append(others[:need:need], c.circle.slot)
	slices.Sort(signers)
	return signers, true
}

// proposal builds what all signers must agree on before any secret exists.
func (c *core) proposal(r *openRequest, signers []wire.Slot) (share.Proposal, error) {
	p := share.Proposal{
		Version: share.VersionFor(len(signers)), Suite: r.account.Suite, Circle: c.circle.record.Circle, Epoch: c.circle.record.Epoch,
		Record: c.circle.hash, Account: r.account.Name, GroupKey: r.account.GroupKey(), Signers: signers,
		Path: r.request.Path, ChildKey: r.child, Purpose: r.intent.Purpose, Message: r.intent.ToSign,
		Request: r.id, Intent: r.intent.Hash(), Initiator: c.circle.slot,
		// Not before the request: a clock that was set back since must not make
		// every session of it look expired to the others.
		Expires: max(unix(c.now), r.request.Created) + uint64(sessionLifetime/time.Second),
	}
	if _, err := io.ReadFull(c.cfg.Rand, p.Nonce[:]); err != nil {
		return p, fmt.Errorf("node: draw nonce: %w", err)
	}
	return p, p.Check(c.circle.record)
}

func (c *core) openSession(r *openRequest, signers []wire.Slot) error {
	p, err := c.proposal(r, signers)
	if err != nil {
		return err
	}
	msg := open{Proposal: p.Bytes()}
	for _, s := range signers {
		msg.Approvals = append(msg.Approvals, r.approved[s])
	}
	r.attempts++
	for _, s := range signers {
		if s != c.circle.slot {
			c.sync(s, msgOpen, msg)
		}
	}
	c.log.Info("session opened", "request", r.id, "session", p.Session(), "signers", c.names(signers))
	return c.takePart(r, p)
}

// takePart starts this device's machine for a proposal that it agrees with.
func (c *core) takePart(r *openRequest, p share.Proposal) error {
	key, err := c.loadShare(p.Account)
	if err != nil {
		return err
	}
	defer key.Wipe()
	m, result, effects, err := c.newSigner(signerConfig{proposal: p, record: c.circle.record, self: c.circle.slot, share: key, sign: c.self.sign, rand: c.cfg.Rand})
	if err != nil {
		return err
	}
	l := &live{id: p.Session(), machine: m, slots: p.Signers, owner: &signature{
		c: c, request: r, signingSession: signingSession{
			proposal: p, record: c.circle.record, self: c.circle.slot, request: r.id, result: result,
			passOver: func(slot wire.Slot, why string) {
				r.failures[slot]++
				r.trouble = why
			},
		},
	}}
	r.live = l
	c.begin(l, effects)
	return nil
}

// A signature owns the session that makes the signature of a request.
type signature struct {
	stateless
	signingSession
	c       *signings
	request *openRequest
}

func (s *signature) release() error { return s.c.noteReleased(s.request) }

func (s *signature) heard(*live, wire.Slot, bool)             {}
func (s *signature) stepped(*live)                            {}
func (s *signature) again(*live, []wire.Slot)                 {}
func (s *signature) finished(l *live)                         { s.c.finishSigning(l, s) }
func (s *signature) failed(l *live, err error)                { s.c.signingFailed(l, s.request, err) }
func (s *signature) closed(l *live, from wire.Slot, m closed) { s.c.closedBy(l, s.request, from, m) }
func (s *signature) personal() bool                           { return true }

func (s *signature) dropped(l *live) {
	s.c.keepTestimony(l)
	if s.request.live == l {
		s.request.live = nil
	}
}

func (s *signature) timing(*live) timing {
	return timing{brief: true, resend: s.c.cfg.Timings.Resend}
}

// onOpen answers an invitation to a session. Everything that the proposal
// says is compared with what this device has derived from the request itself.
func (c *core) onOpen(from wire.Slot, o open) error {
	if c.circle == nil {
		return nil
	}
	p, err := share.ParseProposal(o.Proposal)
	if err != nil {
		return err
	}
	refuse := func(reason string) error {
		c.sync(from, msgClose, closed{Session: p.Session(), Reason: reason})
		return fmt.Errorf("node: session %v refused: %s", p.Session(), reason)
	}
	r := c.requests[p.Request]
	if r == nil {
		return refuse(refusedUnknown)
	}
	if len(o.Approvals) > len(c.circle.record.Devices) {
		return refuse(refusedProposal)
	}
	for _, it := range o.Approvals {
		if it.Type != itemAnswer {
			return refuse(refusedProposal)
		}
		if err := c.take(it); err != nil {
			return errors.Join(refuse(refusedProposal), c.blameItem(from, it, err))
		}
	}
	switch {
	case !r.open():
		return refuse(refusedNotOpen)
	case !has(r.approved, c.circle.slot) || r.unclear != nil || r.change != nil:
		return refuse(refusedUnasked)
	case c.cfg.Keeper.Locked():
		return refuse(refusedLocked)
	case c.maySign() != nil:
		return refuse(refusedFrozen)
	}
	switch err := c.agrees(from, r, p); {
	case errors.Is(err, errWords):
		return errors.Join(refuse(refusedWords), err)
	case err != nil:
		return errors.Join(refuse(refusedProposal), err)
	}
	if c.begun.has(p.Session()) {
		return nil
	}
	if err := c.expired(r, p); err != nil {
		return errors.Join(refuse(refusedExpired), err)
	}
	if err := c.join(p, from); err != nil {
		return errors.Join(refuse(refusedBusy), err)
	}
	if old := r.live; old != nil {
		// The initiator gave that one up; one request has one session here.
		c.drop(old)
	}
	if err := c.takePart(r, p); err != nil {
		return errors.Join(refuse(refusedBusy), err)
	}
	c.ours = true
	return nil
}

// errWords is what [core.agrees] says of a proposal that is right but for the
// words of the request. Another release may word it in another way.
var errWords = errors.New("node: proposal whose meaning in words is not what this device showed")

// expiryTolerance is how far the clocks of two devices may be set while a request
// is open, before what one proposes looks expired to the other.
const expiryTolerance = time.Hour

// expired reports whether a proposal is older than a session may be. The clock that
// wrote its expiry is the initiator's, and clocks differ. But the same clock wrote
// when the request was made, so that the two tell how old the request was when the
// session was proposed; and this device knows by its own how long it has had it,
// which is never longer.
func (c *core) expired(r *openRequest, p share.Proposal) error {
	held := unix(c.now) - min(unix(c.now), r.meta.Received)
	age := p.Expires - min(p.Expires, r.request.Created)
	tolerance := uint64(expiryTolerance / time.Second)
	// A request from the future was made on a clock that was ahead, and may have
	// been put right since.
	least := p.Expires - min(p.Expires, r.request.Created, r.meta.Received)
	switch {
	case held > least+tolerance:
		return errors.New("node: proposal that has expired")
	case age > uint64(r.request.Lifetime)+uint64(sessionLifetime/time.Second)+tolerance:
		return errors.New("node: proposal that expires long after its request")
	}
	return nil
}

// agrees compares a proposal with this device's own view of the request. Any
// difference is a reason to take no part.
func (c *core) agrees(from wire.Slot, r *openRequest, p share.Proposal) error {
	if err := p.Check(c.circle.record); err != nil {
		return err
	}
	switch {
	case p.Initiator != from || r.from() != from:
		return errors.New("node: proposal of a device that did not make the request")
	case !slices.Contains(p.Signers, c.circle.slot):
		return errors.New("node: proposal without this device")
	case p.Account != r.account.Name || !slices.Equal(p.Path, r.request.Path):
		return errors.New("node: proposal for another key")
	case p.Purpose != r.intent.Purpose || !slices.Equal(p.Message, r.intent.ToSign):
		return errors.New("node: proposal for a message that this device did not decode")
	}
	for _, s := range p.Signers {
		if !has(r.approved, s) {
			return fmt.Errorf("node: proposal with %s, whose approval is not known", c.name(s))
		}
		if s != c.circle.slot && c.banned(s) {
			return fmt.Errorf("node: proposal with %s, which is called lost", c.name(s))
		}
	}
	if p.Intent != r.intent.Hash() {
		return errWords
	}
	return nil
}

// finishSigning turns a machine's result into a receipt: verified once more by
// the request's own rules, made durable, then shown and spread.
func (c *core) finishSigning(l *live, s *signature) {
	r := s.request
	p := receipt{Version: 1, Request: r.id, Epoch: c.circle.record.Epoch, Raw: s.result()}
	for _, slot := range l.slots {
		p.Signers = append(p.Signers, uint16(slot))
	}
	it := c.signItem(itemReceipt, wire.Marshal(p))
	c.drop(l)
	if err := c.take(it); err != nil {
		c.log.Error("receipt not stored", "request", r.id, "err", err)
		r.trouble = err.Error()
		c.backOff(r)
		return
	}
	c.log.Info("signed", "request", r.id, "signers", c.names(l.slots))
	c.broadcast(msgItems, items{Items: []item{it}})
}

// stopSigning ends the session of a request that is closed.
func (c *core) stopSigning(r *openRequest, why string) {
	l := r.live
	if l == nil {
		return
	}
	c.drop(l)
	if why == "signed" {
		return
	}
	for _, s := range l.slots {
		c.sync(s, msgClose, closed{Session: l.id, Reason: endedStopped})
	}
}

// signingFailed names who or what is at fault, tells the others and lets the
// initiator try again.
func (c *core) signingFailed(l *live, r *openRequest, err error) {
	slot, check, cheat := blamed(err)
	reason := endedOther
	switch {
	case errors.Is(err, session.ErrViewMismatch):
		reason = endedMismatch
	case check == "silent":
		reason = endedSilent
	case slot != 0:
		reason = endedFault
	}
	c.showAfter(l, err)
	c.log.Warn("session failed", "request", r.id, "session", l.id, "reason", reason, "device", c.name(slot), "err", err)
	if cheat {
		c.alarm(slot, check)
	}
	for _, s := range l.slots {
		if s != slot || reason != endedSilent {
			c.sync(s, msgClose, closed{Session: l.id, Reason: reason, Blame: uint16(slot), Check: check})
		}
	}
	r.trouble = c.troubleText(slot, err)
	if slot == 0 {
		// It was one of them.
		c.afterFailure(r, l.slots...)
		return
	}
	c.afterFailure(r, slot)
}

// closedBy hears that a peer has ended the session of a request, and why. It is
// believed as far as it says that the session is over, which any device can bring
// about.
// Its blame is shown as a claim. Both it and whom it names are passed over for
// others the next time: one of them is to blame, and a device that could push
// others back by naming them would keep its own place for ever.
func (c *core) closedBy(l *live, r *openRequest, from wire.Slot, m closed) {
	c.drop(l)
	text := c.name(from) + " ended the session"
	switch m.Reason {
	case refusedLocked:
		text = c.name(from) + " is locked: unlock it there with warifu unlock"
		c.peer(from).locked = true
	case refusedExpired:
		text = c.name(from) + " takes the session for an old one: look whether the clocks of both are right, and ask again"
	case refusedFrozen:
		text = c.name(from) + " is frozen or holds no share"
	case refusedUnknown, refusedUnasked, refusedNotOpen:
		text = c.name(from) + " does not hold the request open"
		c.sync(from, msgHave, have{IDs: c.inventory()})
	case refusedWords:
		text = c.name(from) + " shows this request in other words than this device: they run different releases of warifu; update both"
	case refusedProposal: // which is also what releases say that do not know refusedWords
		text = c.name(from) + " sees the request or the circle otherwise than this device; if they run different releases of warifu, update both"
	case endedSilent:
		text = fmt.Sprintf("%s says that %s did not answer", c.name(from), c.name(wire.Slot(m.Blame)))
	case endedFault:
		text = fmt.Sprintf("%s says that %s broke the protocol", c.name(from), c.name(wire.Slot(m.Blame)))
	case endedMismatch:
		text = c.name(from) + " saw other messages than the rest"
	}
	r.trouble = text
	c.log.Warn("session ended by a peer", "request", r.id, "by", c.name(from), "why", text)
	suspects := []wire.Slot{from}
	switch s := wire.Slot(m.Blame); {
	case m.Reason == endedMismatch || m.Reason == endedOther:
		suspects = l.slots // it was one of them
	case s != from && l.has(s):
		suspects = append(suspects, s)
	}
	c.afterFailure(r, suspects...)
}

// afterFailure prefers other devices next time and tries again: at once if
// there is a set that has not failed, else after a pause that grows.
func (c *core) afterFailure(r *openRequest, suspects ...wire.Slot) {
	for _, s := range suspects {
		if s != 0 && s != c.circle.slot {
			r.failures[s]++
		}
	}
	if next, ok := c.chooseSigners(r); !ok || c.anyFailed(r, next) {
		c.backOff(r)
	}
	c.try(r)
}

func (c *core) anyFailed(r *openRequest, signers []wire.Slot) bool {
	for _, s := range signers {
		if r.failures[s] > 0 {
			return true
		}
	}
	return false
}
