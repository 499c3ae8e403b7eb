package ledger

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/policy"
	"github.com/warifu/warifu/wire"
)

// Answers are what this device says itself, because its person or its policy asks for
// something or agrees to it.
type Answers struct {
	me      *standing.Standing
	judging *judging.Judging
	ledger  *Ledger
}

// NewAnswers makes the answers of this device for a ledger.
func NewAnswers(me *standing.Standing, j *judging.Judging, l *Ledger) *Answers {
	return &Answers{me, j, l}
}

// yesTo makes this device's approval. A change of the circle needs the presence
// key, which is open only while the keeper is; that its person typed the
// passphrase just now, the caller has seen to.
func (an *Answers) yesTo(r *Request, present bool) (message.Item, error) {
	if r.Change == nil {
		return an.yes(r, nil), nil
	}
	if !present {
		return message.Item{}, say.New(say.NotPresent)
	}
	sig, err := an.me.Self.Present(an.me.Config.Keeper, PresenceMessage(an.me.Circle.Record.Circle, r.ID))
	if err != nil {
		return message.Item{}, err
	}
	return an.yes(r, sig[:]), nil
}

// yes makes an approval for the current epoch.
func (an *Answers) yes(r *Request, presence []byte) message.Item {
	return an.ledger.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{
		Version: 1, Request: r.ID, Verdict: message.VerdictApprove, Epoch: an.me.Circle.Record.Epoch, Record: an.me.Circle.Hash, Presence: presence,
	}))
}

// Approve gives this device's consent, durably before anybody hears of it.
func (an *Answers) Approve(r *Request, present bool) error {
	if err := an.MayApprove(r); err != nil {
		return err
	}
	if _, done := r.Approved[an.me.Circle.Slot]; done {
		return nil
	}
	yes, err := an.yesTo(r, present)
	if err != nil {
		return err
	}
	if err := an.me.Config.Journal.Update(func(tx journal.Tx) error { return putItem(tx, yes) }); err != nil {
		return standing.StoreError(err)
	}
	r.Approved[an.me.Circle.Slot] = yes
	an.ledger.Stock.add(r.ID, yes)
	an.me.Log.Info("approved", "request", r.ID)
	an.me.Broadcast(message.MsgItems, message.Items{Items: []message.Item{yes}})
	an.me.Stir()
	return nil
}

// MayApprove says why this device cannot approve r, whoever is there, or nil.
func (an *Answers) MayApprove(r *Request) error {
	if err := an.me.Ready(); err != nil {
		return err
	}
	if !r.Open() {
		return an.ledger.closedError(r)
	}
	if r.Unclear != nil {
		return say.New(say.Unclear, r.Unclear)
	}
	if r.Change != nil && an.ledger.AboutUnknown(r) {
		return say.New(say.UnknownSubject, an.ledger.SubjectName(r))
	}
	if r.Change != nil && !r.Change.Counts(an.me.Circle.Slot, an.ledger.Subject(r)) {
		return say.New(say.OwnRemoval)
	}
	if why := an.ledger.NameTrouble(r); why != "" {
		return say.New(say.BadNewName, why)
	}
	if r.Change == nil {
		if err := an.MayAgree(); err != nil {
			return err
		}
		if d, why := an.ruling(r); d == policy.Deny {
			return say.New(say.PolicyDenies, why)
		}
	}
	return nil
}

// Renew says in a new epoch what this device's person has approved in the one
// before. What was approved is the same; what counts is the epoch. Approvals that
// are of the new one already stay: a sleeper hears of the epoch, and what was
// approved in it, before its share has come.
func (an *Answers) Renew(r *Request) {
	old, had := r.Approved[an.me.Circle.Slot]
	for _, slot := range standing.SortedSlots(r.Approved) {
		it := r.Approved[slot]
		a, err := message.ParseAnswer(it.Body)
		if err != nil {
			panic("node: internal error: accepted answer does not parse")
		}
		if a.Epoch == an.me.Circle.Record.Epoch && wire.Hash(a.Record) == an.me.Circle.Hash {
			continue
		}
		r.void = append(r.void, an.ledger.Stock.remove(r.ID, it))
		delete(r.Approved, slot)
	}
	if !had || Has(r.Approved, an.me.Circle.Slot) || !r.Open() || r.Unclear != nil || an.me.Circle.Evicted != nil {
		return
	}
	if r.Change != nil && !r.Change.Repeated(an.judging.Vigil.Judge != nil && an.judging.Vigil.Judge.Muted(an.me.Circle.Slot)) {
		return
	}
	a, err := message.ParseAnswer(old.Body)
	if err != nil {
		panic("node: internal error: own answer does not parse")
	}
	yes := an.yes(r, a.Presence)
	if err := an.me.Config.Journal.Update(func(tx journal.Tx) error { return putItem(tx, yes) }); err != nil {
		an.me.Log.Error("approval not renewed", "request", r.ID, "err", err)
		return
	}
	r.Approved[an.me.Circle.Slot] = yes
	an.ledger.Stock.add(r.ID, yes)
	an.me.Broadcast(message.MsgItems, message.Items{Items: []message.Item{yes}})
}

// Deny closes the request on every device that hears it. It cannot call back
// a partial signature that has left, and then says so.
func (an *Answers) Deny(r *Request) error {
	if an.me.Circle == nil {
		return an.me.Ready()
	}
	if _, done := r.Denied[an.me.Circle.Slot]; done {
		return nil
	}
	if r.Receipt != nil || r.Meta.Expired {
		return an.ledger.closedError(r)
	}
	if !an.ledger.deniable(r, an.me.Circle.Slot) {
		return an.undeniable(r)
	}
	no := an.ledger.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{
		Version: 1, Request: r.ID, Verdict: message.VerdictDeny, Epoch: an.me.Circle.Record.Epoch, Record: an.me.Circle.Hash,
	}))
	if err := an.me.Config.Journal.Update(func(tx journal.Tx) error { return putItem(tx, no) }); err != nil {
		return standing.StoreError(err)
	}
	r.Denied[an.me.Circle.Slot] = no
	an.ledger.Stock.add(r.ID, no)
	an.me.Log.Info("denied", "request", r.ID)
	an.me.Broadcast(message.MsgItems, message.Items{Items: []message.Item{no}})
	an.ledger.sequel.Stop(r, "denied")
	an.ledger.noteClosed(r)
	if r.MayBeSigned() {
		return say.New(say.DenialTooLate, an.ledger.ReleasedWords(r))
	}
	return nil
}

// undeniable says why this device's denial closes nothing, and what does.
func (an *Answers) undeniable(r *Request) error {
	asker := an.me.Name(r.From())
	if an.judging.Accused(an.me.Circle.Slot) {
		return say.New(say.ReportedLost)
	}
	switch r.Change.Kind {
	case change.Lost:
		return say.New(say.OnlyAskerTakesBackLost, asker)
	case change.Freeze:
		return say.New(say.FreezeStands)
	case change.Thaw:
		return say.New(say.ThawStands)
	}
	return say.New(say.OnlyAskerTakesBack, asker)
}

// Ask makes a request of this device's person durable, with this device's
// approval, and spreads it.
func (an *Answers) Ask(in intent.Input, account string, path []uint32, lifetime time.Duration) (*Request, error) {
	if err := an.MayAgree(); err != nil {
		return nil, err
	}
	payload, err := intent.Normalize(in)
	if err != nil {
		return nil, BadArgument(err)
	}
	req := message.Request{
		Version: 1, Circle: an.me.Circle.Record.Circle, From: uint16(an.me.Circle.Slot), Account: account, Path: path,
		Kind: string(in.Kind), Payload: payload, Created: standing.Unix(an.me.Now), Lifetime: uint32(lifetime / time.Second),
	}
	if path == nil {
		req.Path = []uint32{}
	}
	if _, err := io.ReadFull(an.me.Config.Rand, req.Nonce[:]); err != nil {
		return nil, fmt.Errorf("node: draw nonce: %w", err)
	}
	body := wire.Marshal(req)
	if _, err := message.ParseRequest(an.me.Circle.Record.Circle, an.me.Circle.Slot, body); err != nil {
		return nil, BadArgument(err)
	}
	if n := an.ledger.countOpen(an.me.Circle.Slot); n >= MaxOpenPerDevice {
		return nil, say.New(say.TooManyOpen, n)
	}
	r, err := an.Submit(req, body, false)
	if err != nil {
		if _, ok := an.me.Circle.Record.Account(account); !ok {
			return nil, say.New(say.NoAccount, account)
		}
	}
	return r, err
}

// Submit makes a request of this device and its approval durable, and spreads
// them. present says that its person has proved to be here.
func (an *Answers) Submit(req message.Request, body []byte, present bool) (*Request, error) {
	it := an.ledger.SignItem(message.ItemRequest, body)
	r := an.ledger.understand(it, req)
	if r.Unclear != nil {
		return nil, BadArgument(r.Unclear)
	}
	if r.Change == nil {
		if d, why := an.ruling(r); d == policy.Deny {
			return nil, say.New(say.PolicyDenies, why)
		}
	}
	r.Meta = Meta{Version: 1, Received: standing.Unix(an.me.Now), Epoch: an.me.Circle.Record.Epoch}
	r.Started = an.me.Now
	yes, err := an.yesTo(r, present)
	if err != nil {
		return nil, err
	}
	if err := an.me.Config.Journal.Update(func(tx journal.Tx) error {
		return errors.Join(putItem(tx, it), putItem(tx, yes), PutMeta(tx, r))
	}); err != nil {
		return nil, standing.StoreError(err)
	}
	an.ledger.enlist(r)
	r.Approved[an.me.Circle.Slot] = yes
	an.ledger.Stock.add(r.ID, yes)
	an.me.Log.Info("request made", "request", r.ID, "kind", req.Kind)
	an.me.Broadcast(message.MsgItems, message.Items{Items: []message.Item{it, yes}})
	an.me.Stir()
	return r, nil
}

// AskChange makes a request to change the circle, whose person is present.
func (an *Answers) AskChange(kind change.Kind, ch change.Payload, lifetime time.Duration) (*Request, error) {
	if err := an.me.Ready(); err != nil {
		return nil, err
	}
	if kind.Has(change.Epoch) {
		ch.Epoch = an.me.Circle.Record.Epoch
	}
	if d, ok := an.me.Circle.Record.Device(wire.Slot(ch.Slot)); ok {
		ch.Device = d.Identity[:]
	}
	req := message.Request{
		Version: 1, Circle: an.me.Circle.Record.Circle, From: uint16(an.me.Circle.Slot), Path: []uint32{}, Kind: string(kind),
		Payload: ch.Bytes(), Created: standing.Unix(an.me.Now), Lifetime: uint32(lifetime / time.Second),
	}
	if _, err := io.ReadFull(an.me.Config.Rand, req.Nonce[:]); err != nil {
		return nil, fmt.Errorf("node: draw nonce: %w", err)
	}
	body := wire.Marshal(req)
	if _, err := message.ParseRequest(an.me.Circle.Record.Circle, an.me.Circle.Slot, body); err != nil {
		return nil, BadArgument(err)
	}
	if n := an.ledger.CountChanges(an.me.Circle.Slot); n >= MaxOpenChanges {
		return nil, say.New(say.TooManyChanges, n)
	}
	return an.Submit(req, body, true)
}
