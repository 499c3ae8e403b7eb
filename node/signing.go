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

// A signings brings requests of this device to signatures, and takes part in those of
// others.
type signings struct {
	me        *standing
	judging   *judging
	drive     *drive
	ledger    *ledger
	answering *answering
	cosign    *cosign
}

// tryAll looks for requests of this device that can be signed now.
func (sg *signings) tryAll() {
	for _, r := range sg.ledger.openByAge() {
		sg.try(r)
	}
}

// approvers lists the devices whose approval counts, ascending.
func (sg *signings) approvers(r *openRequest) []wire.Slot {
	return sortedSlots(r.approved)
}

// try opens a session for r if this device asked for it, t devices that
// approved are here, and no session of it is open.
func (sg *signings) try(r *openRequest) {
	if sg.me.circle == nil || r.change != nil || r.from() != sg.me.circle.slot || !r.open() || r.live != nil || r.unclear != nil ||
		sg.answering.maySign() != nil || sg.me.pausing(r.notUntil) || !has(r.approved, sg.me.circle.slot) {
		return
	}
	signers, ok := sg.chooseSigners(r)
	if !ok {
		return
	}
	if err := sg.openSession(r, signers); err != nil {
		sg.me.log.Error("session not opened", "request", r.id, "err", err)
		r.trouble = err.Error()
		sg.ledger.backOff(r)
	}
}

// maxCheats is how often a device may fail a check before it is left out
// wherever another can take its place.
const maxCheats = 3

// chooseSigners picks this device and the t-1 approvers that have given the
// least trouble.
func (sg *signings) chooseSigners(r *openRequest) ([]wire.Slot, bool) {
	var others []wire.Slot
	for _, s := range sg.approvers(r) {
		if s != sg.me.circle.slot && sg.me.online(s) && !sg.me.peer(s).locked && !sg.judging.banned(s) && !sg.me.without(s) {
			others = append(others, s)
		}
	}
	need := sg.me.circle.record.Threshold - 1
	if len(others) < need {
		return nil, false
	}
	slices.SortStableFunc(others, func(a, b wire.Slot) int {
		return cmp.Or(
			cmp.Compare(sg.me.unheard(a), sg.me.unheard(b)),
			cmp.Compare(sg.me.alarms[a]/maxCheats, sg.me.alarms[b]/maxCheats),
			cmp.Compare(r.failures[a], r.failures[b]),
			cmp.Compare(a, b))
	})
	signers := append(others[:need:need], sg.me.circle.slot)
	slices.Sort(signers)
	return signers, true
}

// proposal builds what all signers must agree on before any secret exists.
func (sg *signings) proposal(r *openRequest, signers []wire.Slot) (share.Proposal, error) {
	p := share.Proposal{
		Version: share.VersionFor(len(signers)), Suite: r.account.Suite, Circle: sg.me.circle.record.Circle, Epoch: sg.me.circle.record.Epoch,
		Record: sg.me.circle.hash, Account: r.account.Name, GroupKey: r.account.GroupKey(), Signers: signers,
		Path: r.request.Path, ChildKey: r.child, Purpose: r.intent.Purpose, Message: r.intent.ToSign,
		Request: r.id, Intent: r.intent.Hash(), Initiator: sg.me.circle.slot,
		// Not before the request: a clock that was set back since must not make
		// every session of it look expired to the others.
		Expires: max(unix(sg.me.now), r.request.Created) + uint64(sessionLifetime/time.Second),
	}
	if _, err := io.ReadFull(sg.me.cfg.Rand, p.Nonce[:]); err != nil {
		return p, fmt.Errorf("node: draw nonce: %w", err)
	}
	return p, p.Check(sg.me.circle.record)
}

func (sg *signings) openSession(r *openRequest, signers []wire.Slot) error {
	p, err := sg.proposal(r, signers)
	if err != nil {
		return err
	}
	msg := open{Proposal: p.Bytes()}
	for _, s := range signers {
		msg.Approvals = append(msg.Approvals, r.approved[s])
	}
	r.attempts++
	for _, s := range signers {
		if s != sg.me.circle.slot {
			sg.me.sync(s, msgOpen, msg)
		}
	}
	sg.me.log.Info("session opened", "request", r.id, "session", p.Session(), "signers", sg.me.names(signers))
	return sg.takePart(r, p)
}

// takePart starts this device's machine for a proposal that it agrees with.
func (sg *signings) takePart(r *openRequest, p share.Proposal) error {
	key, err := sg.me.loadShare(p.Account)
	if err != nil {
		return err
	}
	defer key.Wipe()
	m, result, effects, err := sg.cosign.newSigner(signerConfig{proposal: p, record: sg.me.circle.record, self: sg.me.circle.slot, share: key, sign: sg.me.self.sign, rand: sg.me.cfg.Rand})
	if err != nil {
		return err
	}
	l := &live{id: p.Session(), machine: m, slots: p.Signers, owner: &signature{
		c: sg, request: r, signingSession: signingSession{
			proposal: p, record: sg.me.circle.record, self: sg.me.circle.slot, request: r.id, result: result,
			passOver: func(slot wire.Slot, why string) {
				r.failures[slot]++
				r.trouble = why
			},
		},
	}}
	r.live = l
	sg.drive.begin(l, effects)
	return nil
}

// A signature owns the session that makes the signature of a request.
type signature struct {
	stateless
	signingSession
	c       *signings
	request *openRequest
}

func (s *signature) release() error { return s.c.ledger.noteReleased(s.request) }

func (s *signature) heard(*live, wire.Slot, bool)             {}
func (s *signature) stepped(*live)                            {}
func (s *signature) again(*live, []wire.Slot)                 {}
func (s *signature) finished(l *live)                         { s.c.finishSigning(l, s) }
func (s *signature) failed(l *live, err error)                { s.c.signingFailed(l, s.request, err) }
func (s *signature) closed(l *live, from wire.Slot, m closed) { s.c.closedBy(l, s.request, from, m) }
func (s *signature) personal() bool                           { return true }

func (s *signature) dropped(l *live) {
	s.c.cosign.keepTestimony(l)
	if s.request.live == l {
		s.request.live = nil
	}
}

func (s *signature) timing(*live) timing {
	return timing{brief: true, resend: s.c.me.cfg.Timings.Resend}
}

// onOpen answers an invitation to a session. Everything that the proposal
// says is compared with what this device has derived from the request itself.
func (sg *signings) onOpen(from wire.Slot, o open) error {
	if sg.me.circle == nil {
		return nil
	}
	p, err := share.ParseProposal(o.Proposal)
	if err != nil {
		return err
	}
	refuse := func(reason string) error {
		sg.me.sync(from, msgClose, closed{Session: p.Session(), Reason: reason})
		return fmt.Errorf("node: session %v refused: %s", p.Session(), reason)
	}
	r := sg.ledger.requests[p.Request]
	if r == nil {
		return refuse(refusedUnknown)
	}
	if len(o.Approvals) > len(sg.me.circle.record.Devices) {
		return refuse(refusedProposal)
	}
	for _, it := range o.Approvals {
		if it.Type != itemAnswer {
			return refuse(refusedProposal)
		}
		if err := sg.ledger.take(it); err != nil {
			return errors.Join(refuse(refusedProposal), sg.me.blameItem(from, it, err))
		}
	}
	switch {
	case !r.open():
		return refuse(refusedNotOpen)
	case !has(r.approved, sg.me.circle.slot) || r.unclear != nil || r.change != nil:
		return refuse(refusedUnasked)
	case sg.me.cfg.Keeper.Locked():
		return refuse(refusedLocked)
	case sg.answering.maySign() != nil:
		return refuse(refusedFrozen)
	}
	switch err := sg.agrees(from, r, p); {
	case errors.Is(err, errWords):
		return errors.Join(refuse(refusedWords), err)
	case err != nil:
		return errors.Join(refuse(refusedProposal), err)
	}
	if sg.drive.begun.has(p.Session()) {
		return nil
	}
	if err := sg.expired(r, p); err != nil {
		return errors.Join(refuse(refusedExpired), err)
	}
	if err := sg.drive.join(p, from); err != nil {
		return errors.Join(refuse(refusedBusy), err)
	}
	if old := r.live; old != nil {
		// The initiator gave that one up; one request has one session here.
		sg.drive.drop(old)
	}
	if err := sg.takePart(r, p); err != nil {
		return errors.Join(refuse(refusedBusy), err)
	}
	sg.drive.ours = true
	return nil
}

// errWords is what [signings.agrees] says of a proposal that is right but for the
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
func (sg *signings) expired(r *openRequest, p share.Proposal) error {
	held := unix(sg.me.now) - min(unix(sg.me.now), r.meta.Received)
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
func (sg *signings) agrees(from wire.Slot, r *openRequest, p share.Proposal) error {
	if err := p.Check(sg.me.circle.record); err != nil {
		return err
	}
	switch {
	case p.Initiator != from || r.from() != from:
		return errors.New("node: proposal of a device that did not make the request")
	case !slices.Contains(p.Signers, sg.me.circle.slot):
		return errors.New("node: proposal without this device")
	case p.Account != r.account.Name || !slices.Equal(p.Path, r.request.Path):
		return errors.New("node: proposal for another key")
	case p.Purpose != r.intent.Purpose || !slices.Equal(p.Message, r.intent.ToSign):
		return errors.New("node: proposal for a message that this device did not decode")
	}
	for _, s := range p.Signers {
		if !has(r.approved, s) {
			return fmt.Errorf("node: proposal with %s, whose approval is not known", sg.me.name(s))
		}
		if s != sg.me.circle.slot && sg.judging.banned(s) {
			return fmt.Errorf("node: proposal with %s, which is called lost", sg.me.name(s))
		}
	}
	if p.Intent != r.intent.Hash() {
		return errWords
	}
	return nil
}

// finishSigning turns a machine's result into a receipt: verified once more by
// the request's own rules, made durable, then shown and spread.
func (sg *signings) finishSigning(l *live, s *signature) {
	r := s.request
	p := receipt{Version: 1, Request: r.id, Epoch: sg.me.circle.record.Epoch, Raw: s.result()}
	for _, slot := range l.slots {
		p.Signers = append(p.Signers, uint16(slot))
	}
	it := sg.ledger.signItem(itemReceipt, wire.Marshal(p))
	sg.drive.drop(l)
	if err := sg.ledger.take(it); err != nil {
		sg.me.log.Error("receipt not stored", "request", r.id, "err", err)
		r.trouble = err.Error()
		sg.ledger.backOff(r)
		return
	}
	sg.me.log.Info("signed", "request", r.id, "signers", sg.me.names(l.slots))
	sg.me.broadcast(msgItems, items{Items: []item{it}})
}

// stopSigning ends the session of a request that is closed.
func (sg *signings) stopSigning(r *openRequest, why string) {
	l := r.live
	if l == nil {
		return
	}
	sg.drive.drop(l)
	if why == "signed" {
		return
	}
	for _, s := range l.slots {
		sg.me.sync(s, msgClose, closed{Session: l.id, Reason: endedStopped})
	}
}

// signingFailed names who or what is at fault, tells the others and lets the
// initiator try again.
func (sg *signings) signingFailed(l *live, r *openRequest, err error) {
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
	sg.cosign.showAfter(l, err)
	sg.me.log.Warn("session failed", "request", r.id, "session", l.id, "reason", reason, "device", sg.me.name(slot), "err", err)
	if cheat {
		sg.me.alarm(slot, check)
	}
	for _, s := range l.slots {
		if s != slot || reason != endedSilent {
			sg.me.sync(s, msgClose, closed{Session: l.id, Reason: reason, Blame: uint16(slot), Check: check})
		}
	}
	r.trouble = sg.drive.troubleText(slot, err)
	if slot == 0 {
		// It was one of them.
		sg.afterFailure(r, l.slots...)
		return
	}
	sg.afterFailure(r, slot)
}

// closedBy hears that a peer has ended the session of a request, and why. It is
// believed as far as it says that the session is over, which any device can bring
// about.
// Its blame is shown as a claim. Both it and whom it names are passed over for
// others the next time: one of them is to blame, and a device that could push
// others back by naming them would keep its own place for ever.
func (sg *signings) closedBy(l *live, r *openRequest, from wire.Slot, m closed) {
	sg.drive.drop(l)
	text := sg.me.name(from) + " ended the session"
	switch m.Reason {
	case refusedLocked:
		text = sg.me.name(from) + " is locked: unlock it there with warifu unlock"
		sg.me.peer(from).locked = true
	case refusedExpired:
		text = sg.me.name(from) + " takes the session for an old one: look whether the clocks of both are right, and ask again"
	case refusedFrozen:
		text = sg.me.name(from) + " is frozen or holds no share"
	case refusedUnknown, refusedUnasked, refusedNotOpen:
		text = sg.me.name(from) + " does not hold the request open"
		sg.me.sync(from, msgHave, have{IDs: sg.ledger.inventory()})
	case refusedWords:
		text = sg.me.name(from) + " shows this request in other words than this device: they run different releases of warifu; update both"
	case refusedProposal: // which is also what releases say that do not know refusedWords
		text = sg.me.name(from) + " sees the request or the circle otherwise than this device; if they run different releases of warifu, update both"
	case endedSilent:
		text = fmt.Sprintf("%s says that %s did not answer", sg.me.name(from), sg.me.name(wire.Slot(m.Blame)))
	case endedFault:
		text = fmt.Sprintf("%s says that %s broke the protocol", sg.me.name(from), sg.me.name(wire.Slot(m.Blame)))
	case endedMismatch:
		text = sg.me.name(from) + " saw other messages than the rest"
	}
	r.trouble = text
	sg.me.log.Warn("session ended by a peer", "request", r.id, "by", sg.me.name(from), "why", text)
	suspects := []wire.Slot{from}
	switch s := wire.Slot(m.Blame); {
	case m.Reason == endedMismatch || m.Reason == endedOther:
		suspects = l.slots // it was one of them
	case s != from && l.has(s):
		suspects = append(suspects, s)
	}
	sg.afterFailure(r, suspects...)
}

// afterFailure prefers other devices next time and tries again: at once if
// there is a set that has not failed, else after a pause that grows.
func (sg *signings) afterFailure(r *openRequest, suspects ...wire.Slot) {
	for _, s := range suspects {
		if s != 0 && s != sg.me.circle.slot {
			r.failures[s]++
		}
	}
	if next, ok := sg.chooseSigners(r); !ok || sg.anyFailed(r, next) {
		sg.ledger.backOff(r)
	}
	sg.try(r)
}

func (sg *signings) anyFailed(r *openRequest, signers []wire.Slot) bool {
	for _, s := range signers {
		if r.failures[s] > 0 {
			return true
		}
	}
	return false
}
