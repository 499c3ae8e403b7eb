package signing

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/warifu/warifu/node/cosign"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/session"
	"github.com/warifu/warifu/share"
	"github.com/warifu/warifu/wire"
)

// Signings brings requests of this device to signatures, and takes part in those of
// others.
type Signings struct {
	me        *standing.Standing
	judging   *judging.Judging
	drive     *drive.Drive
	ledger    *ledger.Ledger
	answering *ledger.Answers
	cosign    *cosign.Cosign
}

// New makes one without sessions.
func New(me *standing.Standing, j *judging.Judging, d *drive.Drive, l *ledger.Ledger, a *ledger.Answers, c *cosign.Cosign) *Signings {
	return &Signings{me, j, d, l, a, c}
}

// TryAll looks for requests of this device that can be signed now.
func (sg *Signings) TryAll() {
	for _, r := range sg.ledger.OpenByAge() {
		sg.try(r)
	}
}

// Approvers lists the devices whose approval counts, ascending.
func (sg *Signings) Approvers(r *ledger.Request) []wire.Slot {
	return standing.SortedSlots(r.Approved)
}

// Try opens a session for r if this device asked for it, t devices that
// approved are here, and no session of it is open.
func (sg *Signings) try(r *ledger.Request) {
	if sg.me.Circle == nil || r.Change != nil || r.From() != sg.me.Circle.Slot || !r.Open() || r.Live != nil || r.Unclear != nil ||
		sg.answering.MaySign() != nil || sg.me.Pausing(r.NotUntil) || !ledger.Has(r.Approved, sg.me.Circle.Slot) {
		return
	}
	signers, ok := sg.chooseSigners(r)
	if !ok {
		return
	}
	if err := sg.OpenSession(r, signers); err != nil {
		sg.me.Log.Error("session not opened", "request", r.ID, "err", err)
		r.Trouble = err.Error()
		sg.ledger.BackOff(r)
	}
}

// maxCheats is how often a device may fail a check before it is left out
// wherever another can take its place.
const maxCheats = 3

// chooseSigners picks this device and the t-1 approvers that have given the
// least trouble.
func (sg *Signings) chooseSigners(r *ledger.Request) ([]wire.Slot, bool) {
	var others []wire.Slot
	for _, s := range sg.Approvers(r) {
		if s != sg.me.Circle.Slot && sg.me.Online(s) && !sg.me.Peer(s).Locked && !sg.judging.Banned(s) && !sg.me.Without(s) {
			others = append(others, s)
		}
	}
	need := sg.me.Circle.Record.Threshold - 1
	if len(others) < need {
		return nil, false
	}
	slices.SortStableFunc(others, func(a, b wire.Slot) int {
		return cmp.Or(
			cmp.Compare(sg.me.Unheard(a), sg.me.Unheard(b)),
			cmp.Compare(sg.me.Alarms[a]/maxCheats, sg.me.Alarms[b]/maxCheats),
			cmp.Compare(r.Failures[a], r.Failures[b]),
			cmp.Compare(a, b))
	})
	signers := append(others[:need:need], sg.me.Circle.Slot)
	slices.Sort(signers)
	return signers, true
}

// Proposal builds what all signers must agree on before any secret exists.
func (sg *Signings) Proposal(r *ledger.Request, signers []wire.Slot) (share.Proposal, error) {
	p := share.Proposal{
		Version: share.VersionFor(len(signers)), Suite: r.Account.Suite, Circle: sg.me.Circle.Record.Circle, Epoch: sg.me.Circle.Record.Epoch,
		Record: sg.me.Circle.Hash, Account: r.Account.Name, GroupKey: r.Account.GroupKey(), Signers: signers,
		Path: r.Request.Path, ChildKey: r.Child, Purpose: r.Intent.Purpose, Message: r.Intent.ToSign,
		Request: r.ID, Intent: r.Intent.Hash(), Initiator: sg.me.Circle.Slot,
		// Not before the request: a clock that was set back since must not make
		// every session of it look expired to the others.
		Expires: max(standing.Unix(sg.me.Now), r.Request.Created) + uint64(drive.SessionLifetime/time.Second),
	}
	if _, err := io.ReadFull(sg.me.Config.Rand, p.Nonce[:]); err != nil {
		return p, fmt.Errorf("node: draw nonce: %w", err)
	}
	return p, p.Check(sg.me.Circle.Record)
}

// OpenSession proposes a session of a request to the signers, and takes part in it.
func (sg *Signings) OpenSession(r *ledger.Request, signers []wire.Slot) error {
	p, err := sg.Proposal(r, signers)
	if err != nil {
		return err
	}
	msg := message.Open{Proposal: p.Bytes()}
	for _, s := range signers {
		msg.Approvals = append(msg.Approvals, r.Approved[s])
	}
	r.Attempts++
	for _, s := range signers {
		if s != sg.me.Circle.Slot {
			sg.me.Sync(s, message.MsgOpen, msg)
		}
	}
	sg.me.Log.Info("session opened", "request", r.ID, "session", p.Session(), "signers", sg.me.Names(signers))
	return sg.TakePart(r, p)
}

// TakePart starts this device's machine for a proposal that it agrees with.
func (sg *Signings) TakePart(r *ledger.Request, p share.Proposal) error {
	key, err := sg.me.LoadShare(p.Account)
	if err != nil {
		return err
	}
	defer key.Wipe()
	m, result, effects, err := sg.cosign.NewSigner(cosign.SignerConfig{Proposal: p, Record: sg.me.Circle.Record, Self: sg.me.Circle.Slot, Share: key, Sign: sg.me.Self.Sign, Rand: sg.me.Config.Rand})
	if err != nil {
		return err
	}
	l := &drive.Session{ID: p.Session(), Machine: m, Slots: p.Signers, Owner: &signature{
		c: sg, request: r, SigningSession: cosign.SigningSession{
			Proposal: p, Record: sg.me.Circle.Record, Self: sg.me.Circle.Slot, Request: r.ID, Result: result,
			PassOver: func(slot wire.Slot, why string) {
				r.Failures[slot]++
				r.Trouble = why
			},
		},
	}}
	r.Live = l
	sg.drive.Begin(l, effects)
	return nil
}

// A signature owns the session that makes the signature of a request.
type signature struct {
	drive.Stateless
	cosign.SigningSession
	c       *Signings
	request *ledger.Request
}

func (s *signature) Release() error { return s.c.ledger.NoteReleased(s.request) }

func (s *signature) Heard(*drive.Session, wire.Slot, bool) {}
func (s *signature) Stepped(*drive.Session)                {}
func (s *signature) Again(*drive.Session, []wire.Slot)     {}
func (s *signature) Finished(l *drive.Session)             { s.c.finishSigning(l, s) }
func (s *signature) Failed(l *drive.Session, err error)    { s.c.signingFailed(l, s.request, err) }
func (s *signature) Closed(l *drive.Session, from wire.Slot, m message.Closed) {
	s.c.closedBy(l, s.request, from, m)
}
func (s *signature) Personal() bool { return true }

func (s *signature) Dropped(l *drive.Session) {
	s.c.cosign.KeepTestimony(l)
	if s.request.Live == l {
		s.request.Live = nil
	}
}

func (s *signature) Timing(*drive.Session) drive.Timing {
	return drive.Timing{Brief: true, Resend: s.c.me.Config.Timings.Resend}
}

// OnOpen answers an invitation to a session. Everything that the proposal
// says is compared with what this device has derived from the request itself.
func (sg *Signings) OnOpen(from wire.Slot, o message.Open) error {
	if sg.me.Circle == nil {
		return nil
	}
	p, err := share.ParseProposal(o.Proposal)
	if err != nil {
		return err
	}
	refuse := func(reason string) error {
		sg.me.Sync(from, message.MsgClose, message.Closed{Session: p.Session(), Reason: reason})
		return fmt.Errorf("node: session %v refused: %s", p.Session(), reason)
	}
	r := sg.ledger.Requests[p.Request]
	if r == nil {
		return refuse(cosign.RefusedUnknown)
	}
	if len(o.Approvals) > len(sg.me.Circle.Record.Devices) {
		return refuse(cosign.RefusedProposal)
	}
	for _, it := range o.Approvals {
		if it.Type != message.ItemAnswer {
			return refuse(cosign.RefusedProposal)
		}
		if err := sg.ledger.Take(it); err != nil {
			return errors.Join(refuse(cosign.RefusedProposal), sg.me.BlameItem(from, it, err))
		}
	}
	switch {
	case !r.Open():
		return refuse(cosign.RefusedNotOpen)
	case !ledger.Has(r.Approved, sg.me.Circle.Slot) || r.Unclear != nil || r.Change != nil:
		return refuse(cosign.RefusedUnasked)
	case sg.me.Config.Keeper.Locked():
		return refuse(cosign.RefusedLocked)
	case sg.answering.MaySign() != nil:
		return refuse(cosign.RefusedFrozen)
	}
	switch err := sg.agrees(from, r, p); {
	case errors.Is(err, errWords):
		return errors.Join(refuse(cosign.RefusedWords), err)
	case err != nil:
		return errors.Join(refuse(cosign.RefusedProposal), err)
	}
	if sg.drive.Begun.Has(p.Session()) {
		return nil
	}
	if err := sg.expired(r, p); err != nil {
		return errors.Join(refuse(cosign.RefusedExpired), err)
	}
	if err := sg.drive.Join(p, from); err != nil {
		return errors.Join(refuse(cosign.RefusedBusy), err)
	}
	if old := r.Live; old != nil {
		// The initiator gave that one up; one request has one session here.
		sg.drive.Drop(old)
	}
	if err := sg.TakePart(r, p); err != nil {
		return errors.Join(refuse(cosign.RefusedBusy), err)
	}
	sg.drive.Ours = true
	return nil
}

// errWords is what [Signings.agrees] says of a proposal that is right but for the
// words of the request. Another release may word it in another way.
var errWords = errors.New("node: proposal whose meaning in words is not what this device showed")

// ExpiryTolerance is how far the clocks of two devices may be set while a request
// is open, before what one proposes looks expired to the other.
const ExpiryTolerance = time.Hour

// expired reports whether a proposal is older than a session may be. The clock that
// wrote its expiry is the initiator's, and clocks differ. But the same clock wrote
// when the request was made, so that the two tell how old the request was when the
// session was proposed; and this device knows by its own how long it has had it,
// which is never longer.
func (sg *Signings) expired(r *ledger.Request, p share.Proposal) error {
	held := standing.Unix(sg.me.Now) - min(standing.Unix(sg.me.Now), r.Meta.Received)
	age := p.Expires - min(p.Expires, r.Request.Created)
	tolerance := uint64(ExpiryTolerance / time.Second)
	// A request from the future was made on a clock that was ahead, and may have
	// been put right since.
	least := p.Expires - min(p.Expires, r.Request.Created, r.Meta.Received)
	switch {
	case held > least+tolerance:
		return errors.New("node: proposal that has expired")
	case age > uint64(r.Request.Lifetime)+uint64(drive.SessionLifetime/time.Second)+tolerance:
		return errors.New("node: proposal that expires long after its request")
	}
	return nil
}

// agrees compares a proposal with this device's own view of the request. Any
// difference is a reason to take no part.
func (sg *Signings) agrees(from wire.Slot, r *ledger.Request, p share.Proposal) error {
	if err := p.Check(sg.me.Circle.Record); err != nil {
		return err
	}
	switch {
	case p.Initiator != from || r.From() != from:
		return errors.New("node: proposal of a device that did not make the request")
	case !slices.Contains(p.Signers, sg.me.Circle.Slot):
		return errors.New("node: proposal without this device")
	case p.Account != r.Account.Name || !slices.Equal(p.Path, r.Request.Path):
		return errors.New("node: proposal for another key")
	case p.Purpose != r.Intent.Purpose || !slices.Equal(p.Message, r.Intent.ToSign):
		return errors.New("node: proposal for a message that this device did not decode")
	}
	for _, s := range p.Signers {
		if !ledger.Has(r.Approved, s) {
			return fmt.Errorf("node: proposal with %s, whose approval is not known", sg.me.Name(s))
		}
		if s != sg.me.Circle.Slot && sg.judging.Banned(s) {
			return fmt.Errorf("node: proposal with %s, which is called lost", sg.me.Name(s))
		}
	}
	if p.Intent != r.Intent.Hash() {
		return errWords
	}
	return nil
}

// finishSigning turns a machine's result into a receipt: verified once more by
// the request's own rules, made durable, then shown and spread.
func (sg *Signings) finishSigning(l *drive.Session, s *signature) {
	r := s.request
	p := message.Receipt{Version: 1, Request: r.ID, Epoch: sg.me.Circle.Record.Epoch, Raw: s.Result()}
	for _, slot := range l.Slots {
		p.Signers = append(p.Signers, uint16(slot))
	}
	it := sg.ledger.SignItem(message.ItemReceipt, wire.Marshal(p))
	sg.drive.Drop(l)
	if err := sg.ledger.Take(it); err != nil {
		sg.me.Log.Error("receipt not stored", "request", r.ID, "err", err)
		r.Trouble = err.Error()
		sg.ledger.BackOff(r)
		return
	}
	sg.me.Log.Info("signed", "request", r.ID, "signers", sg.me.Names(l.Slots))
	sg.me.Broadcast(message.MsgItems, message.Items{Items: []message.Item{it}})
}

// StopSigning ends the session of a request that is closed.
func (sg *Signings) StopSigning(r *ledger.Request, why string) {
	l := r.Live
	if l == nil {
		return
	}
	sg.drive.Drop(l)
	if why == "signed" {
		return
	}
	for _, s := range l.Slots {
		sg.me.Sync(s, message.MsgClose, message.Closed{Session: l.ID, Reason: cosign.EndedStopped})
	}
}

// signingFailed names who or what is at fault, tells the others and lets the
// initiator try again.
func (sg *Signings) signingFailed(l *drive.Session, r *ledger.Request, err error) {
	slot, check, cheat := drive.Blamed(err)
	reason := cosign.EndedOther
	switch {
	case errors.Is(err, session.ErrViewMismatch):
		reason = cosign.EndedMismatch
	case check == "silent":
		reason = cosign.EndedSilent
	case slot != 0:
		reason = cosign.EndedFault
	}
	sg.cosign.ShowAfter(l, err)
	sg.me.Log.Warn("session failed", "request", r.ID, "session", l.ID, "reason", reason, "device", sg.me.Name(slot), "err", err)
	if cheat {
		sg.me.Alarm(slot, check)
	}
	for _, s := range l.Slots {
		if s != slot || reason != cosign.EndedSilent {
			sg.me.Sync(s, message.MsgClose, message.Closed{Session: l.ID, Reason: reason, Blame: uint16(slot), Check: check})
		}
	}
	r.Trouble = sg.drive.TroubleText(slot, err)
	if slot == 0 {
		// It was one of them.
		sg.afterFailure(r, l.Slots...)
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
func (sg *Signings) closedBy(l *drive.Session, r *ledger.Request, from wire.Slot, m message.Closed) {
	sg.drive.Drop(l)
	text := sg.me.Name(from) + " ended the session"
	switch m.Reason {
	case cosign.RefusedLocked:
		text = sg.me.Name(from) + " is locked: unlock it there with " + sg.me.Config.Words.Do(say.Unlock)
		sg.me.Peer(from).Locked = true
	case cosign.RefusedExpired:
		text = sg.me.Name(from) + " takes the session for an old one: look whether the clocks of both are right, and ask again"
	case cosign.RefusedFrozen:
		text = sg.me.Name(from) + " is frozen or holds no share"
	case cosign.RefusedUnknown, cosign.RefusedUnasked, cosign.RefusedNotOpen:
		text = sg.me.Name(from) + " does not hold the request open"
		sg.me.Sync(from, message.MsgHave, message.Have{IDs: sg.ledger.Inventory()})
	case cosign.RefusedWords:
		text = sg.me.Name(from) + " shows this request in other words than this device: they run different releases of warifu; update both"
	case cosign.RefusedProposal: // which is also what releases say that do not know refusedWords
		text = sg.me.Name(from) + " sees the request or the circle otherwise than this device; if they run different releases of warifu, update both"
	case cosign.EndedSilent:
		text = fmt.Sprintf("%s says that %s did not answer", sg.me.Name(from), sg.me.Name(wire.Slot(m.Blame)))
	case cosign.EndedFault:
		text = fmt.Sprintf("%s says that %s broke the protocol", sg.me.Name(from), sg.me.Name(wire.Slot(m.Blame)))
	case cosign.EndedMismatch:
		text = sg.me.Name(from) + " saw other messages than the rest"
	}
	r.Trouble = text
	sg.me.Log.Warn("session ended by a peer", "request", r.ID, "by", sg.me.Name(from), "why", text)
	suspects := []wire.Slot{from}
	switch s := wire.Slot(m.Blame); {
	case m.Reason == cosign.EndedMismatch || m.Reason == cosign.EndedOther:
		suspects = l.Slots // it was one of them
	case s != from && l.Has(s):
		suspects = append(suspects, s)
	}
	sg.afterFailure(r, suspects...)
}

// afterFailure prefers other devices next time and tries again: at once if
// there is a set that has not failed, else after a pause that grows.
func (sg *Signings) afterFailure(r *ledger.Request, suspects ...wire.Slot) {
	for _, s := range suspects {
		if s != 0 && s != sg.me.Circle.Slot {
			r.Failures[s]++
		}
	}
	if next, ok := sg.chooseSigners(r); !ok || sg.anyFailed(r, next) {
		sg.ledger.BackOff(r)
	}
	sg.try(r)
}

func (sg *Signings) anyFailed(r *ledger.Request, signers []wire.Slot) bool {
	for _, s := range signers {
		if r.Failures[s] > 0 {
			return true
		}
	}
	return false
}
