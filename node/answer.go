package node

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/policy"
	"github.com/warifu/warifu/wire"
)

// An answering says for this device what its person, or its policy, asks for and
// agrees to.
type answering struct {
	me      *standing
	judging *judging
	ledger  *ledger
}

// yesTo makes this device's approval. A change of the circle needs the presence
// key, which is open only while the keeper is; that its person typed the
// passphrase just now, the caller has seen to.
func (an *answering) yesTo(r *openRequest, present bool) (item, error) {
	if r.change == nil {
		return an.yes(r, nil), nil
	}
	if !present {
		return item{}, api.Errorf(api.CodeNotPresent, "this wants its person's presence").WithHint("type the passphrase of this device")
	}
	sig, err := an.me.self.present(an.me.cfg.Keeper, presenceMessage(an.me.circle.record.Circle, r.id))
	if err != nil {
		return item{}, err
	}
	return an.yes(r, sig[:]), nil
}

// yes makes an approval for the current epoch.
func (an *answering) yes(r *openRequest, presence []byte) item {
	return an.ledger.signItem(itemAnswer, wire.Marshal(answer{
		Version: 1, Request: r.id, Verdict: verdictApprove, Epoch: an.me.circle.record.Epoch, Record: an.me.circle.hash, Presence: presence,
	}))
}

// approve gives this device's consent, durably before anybody hears of it.
func (an *answering) approve(r *openRequest, present bool) error {
	if err := an.mayApprove(r); err != nil {
		return err
	}
	if _, done := r.approved[an.me.circle.slot]; done {
		return nil
	}
	yes, err := an.yesTo(r, present)
	if err != nil {
		return err
	}
	if err := an.me.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, yes) }); err != nil {
		return storeError(err)
	}
	r.approved[an.me.circle.slot] = yes
	an.ledger.stock.add(r.id, yes)
	an.me.log.Info("approved", "request", r.id)
	an.me.broadcast(msgItems, items{Items: []item{yes}})
	an.ledger.sequel.act(r)
	return nil
}

// mayApprove says why this device cannot approve r, whoever is there, or nil.
func (an *answering) mayApprove(r *openRequest) error {
	if err := an.me.ready(); err != nil {
		return err
	}
	if !r.open() {
		return an.ledger.closedError(r)
	}
	if r.unclear != nil {
		return api.Errorf(api.CodeRefused, "this device cannot tell what the request means: %v", r.unclear)
	}
	if r.change != nil && an.ledger.aboutUnknown(r) {
		return api.Errorf(api.CodeUnknown, "this device does not know the device that is meant: %s", an.ledger.subjectName(r)).
			WithHint("it may not have heard of the newest epoch yet; try again when others are connected")
	}
	if r.change != nil && !r.change.Counts(an.me.circle.slot, an.ledger.subject(r)) {
		return api.Errorf(api.CodeRefused, "it is this device that is to be removed: its own yes does not count").
			WithHint("approve it on another device; to keep this one in the circle: warifu thaw, on as many devices as must sign")
	}
	if why := an.ledger.nameTrouble(r); why != "" {
		return api.Errorf(api.CodeRefused, "this device lets nobody in under that name: %s", why).
			WithHint("make the new device under another name, and invite it again")
	}
	if r.change == nil {
		if err := an.mayAgree(); err != nil {
			return err
		}
		if d, why := an.ruling(r); d == policy.Deny {
			return api.Errorf(api.CodeRefused, "the policy of this device denies it: %s", why)
		}
	}
	return nil
}

// renew says in a new epoch what this device's person has approved in the one
// before. What was approved is the same; what counts is the epoch. Approvals that
// are of the new one already stay: a sleeper hears of the epoch, and what was
// approved in it, before its share has come.
func (an *answering) renew(r *openRequest) {
	old, had := r.approved[an.me.circle.slot]
	for _, slot := range sortedSlots(r.approved) {
		it := r.approved[slot]
		a, err := parseAnswer(it.Body)
		if err != nil {
			panic("node: internal error: accepted answer does not parse")
		}
		if a.Epoch == an.me.circle.record.Epoch && wire.Hash(a.Record) == an.me.circle.hash {
			continue
		}
		r.void = append(r.void, an.ledger.stock.remove(r.id, it))
		delete(r.approved, slot)
	}
	if !had || has(r.approved, an.me.circle.slot) || !r.open() || r.unclear != nil || an.me.circle.evicted != nil {
		return
	}
	if r.change != nil && !r.change.Repeated(an.judging.vigil.Judge != nil && an.judging.vigil.Judge.Muted(an.me.circle.slot)) {
		return
	}
	a, err := parseAnswer(old.Body)
	if err != nil {
		panic("node: internal error: own answer does not parse")
	}
	yes := an.yes(r, a.Presence)
	if err := an.me.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, yes) }); err != nil {
		an.me.log.Error("approval not renewed", "request", r.id, "err", err)
		return
	}
	r.approved[an.me.circle.slot] = yes
	an.ledger.stock.add(r.id, yes)
	an.me.broadcast(msgItems, items{Items: []item{yes}})
}

// deny closes the request on every device that hears it. It cannot call back
// a partial signature that has left, and then says so.
func (an *answering) deny(r *openRequest) error {
	if an.me.circle == nil {
		return an.me.ready()
	}
	if _, done := r.denied[an.me.circle.slot]; done {
		return nil
	}
	if r.receipt != nil || r.meta.Expired {
		return an.ledger.closedError(r)
	}
	if !an.ledger.deniable(r, an.me.circle.slot) {
		return an.undeniable(r)
	}
	no := an.ledger.signItem(itemAnswer, wire.Marshal(answer{
		Version: 1, Request: r.id, Verdict: verdictDeny, Epoch: an.me.circle.record.Epoch, Record: an.me.circle.hash,
	}))
	if err := an.me.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, no) }); err != nil {
		return storeError(err)
	}
	r.denied[an.me.circle.slot] = no
	an.ledger.stock.add(r.id, no)
	an.me.log.Info("denied", "request", r.id)
	an.me.broadcast(msgItems, items{Items: []item{no}})
	an.ledger.sequel.stop(r, "denied")
	an.ledger.noteClosed(r)
	if r.mayBeSigned() {
		return api.Errorf(api.CodeRequestClosed, "the denial came too late: a partial signature has left %s", an.ledger.releasedWords(r)).
			WithHint("treat what the request asks for as signed")
	}
	return nil
}

// undeniable says why this device's denial closes nothing, and what does.
func (an *answering) undeniable(r *openRequest) error {
	asker := an.me.name(r.from())
	if an.judging.accused(an.me.circle.slot) {
		return api.Errorf(api.CodeRefused, "this device was reported lost, and has no say in who is in the circle").
			WithHint("warifu thaw, on as many devices as must sign")
	}
	switch r.change.Kind {
	case change.Lost:
		return api.Errorf(api.CodeRefused, "only %s, which said so, can take it back that a device is lost", asker).
			WithHint("to keep it in the circle: warifu thaw")
	case change.Freeze:
		return api.Errorf(api.CodeRefused, "the circle is frozen as soon as one device says so").WithHint("to end it: warifu thaw")
	case change.Thaw:
		return api.Errorf(api.CodeRefused, "what thaws the circle is that enough devices approve, and no single one keeps it frozen").
			WithHint("do not approve it; to freeze again: warifu freeze")
	}
	return api.Errorf(api.CodeRefused, "one person is enough for this, and only %s, which asked, can take it back", asker)
}

// ask makes a request of this device's person durable, with this device's
// approval, and spreads it.
func (an *answering) ask(in intent.Input, account string, path []uint32, lifetime time.Duration) (*openRequest, error) {
	if err := an.mayAgree(); err != nil {
		return nil, err
	}
	payload, err := intent.Normalize(in)
	if err != nil {
		return nil, badArgument(err)
	}
	req := request{
		Version: 1, Circle: an.me.circle.record.Circle, From: uint16(an.me.circle.slot), Account: account, Path: path,
		Kind: string(in.Kind), Payload: payload, Created: unix(an.me.now), Lifetime: uint32(lifetime / time.Second),
	}
	if path == nil {
		req.Path = []uint32{}
	}
	if _, err := io.ReadFull(an.me.cfg.Rand, req.Nonce[:]); err != nil {
		return nil, fmt.Errorf("node: draw nonce: %w", err)
	}
	body := wire.Marshal(req)
	if _, err := parseRequest(an.me.circle.record.Circle, an.me.circle.slot, body); err != nil {
		return nil, badArgument(err)
	}
	if n := an.ledger.countOpen(an.me.circle.slot); n >= maxOpenPerDevice {
		return nil, api.Errorf(api.CodeRefused, "%d requests of this device are open", n).
			WithHint("answer or deny some of them: warifu requests")
	}
	r, err := an.submit(req, body, false)
	if err != nil {
		if _, ok := an.me.circle.record.Account(account); !ok {
			return nil, api.Errorf(api.CodeNoAccount, "the circle holds no account %q", account).
				WithHint("warifu status lists the accounts")
		}
	}
	return r, err
}

// submit makes a request of this device and its approval durable, and spreads
// them. present says that its person has proved to be here.
func (an *answering) submit(req request, body []byte, present bool) (*openRequest, error) {
	it := an.ledger.signItem(itemRequest, body)
	r := an.ledger.understand(it, req)
	if r.unclear != nil {
		return nil, badArgument(r.unclear)
	}
	if r.change == nil {
		if d, why := an.ruling(r); d == policy.Deny {
			return nil, api.Errorf(api.CodeRefused, "the policy of this device denies it: %s", why)
		}
	}
	r.meta = meta{Version: 1, Received: unix(an.me.now), Epoch: an.me.circle.record.Epoch}
	r.started = an.me.now
	yes, err := an.yesTo(r, present)
	if err != nil {
		return nil, err
	}
	if err := an.me.cfg.Journal.Update(func(tx journal.Tx) error {
		return errors.Join(putItem(tx, it), putItem(tx, yes), putMeta(tx, r))
	}); err != nil {
		return nil, storeError(err)
	}
	an.ledger.enlist(r)
	r.approved[an.me.circle.slot] = yes
	an.ledger.stock.add(r.id, yes)
	an.me.log.Info("request made", "request", r.id, "kind", req.Kind)
	an.me.broadcast(msgItems, items{Items: []item{it, yes}})
	an.ledger.sequel.act(r)
	return r, nil
}

// askChange makes a request to change the circle, whose person is present.
func (an *answering) askChange(kind change.Kind, ch change.Payload, lifetime time.Duration) (*openRequest, error) {
	if err := an.me.ready(); err != nil {
		return nil, err
	}
	if kind.Has(change.Epoch) {
		ch.Epoch = an.me.circle.record.Epoch
	}
	if d, ok := an.me.circle.record.Device(wire.Slot(ch.Slot)); ok {
		ch.Device = d.Identity[:]
	}
	req := request{
		Version: 1, Circle: an.me.circle.record.Circle, From: uint16(an.me.circle.slot), Path: []uint32{}, Kind: string(kind),
		Payload: ch.Bytes(), Created: unix(an.me.now), Lifetime: uint32(lifetime / time.Second),
	}
	if _, err := io.ReadFull(an.me.cfg.Rand, req.Nonce[:]); err != nil {
		return nil, fmt.Errorf("node: draw nonce: %w", err)
	}
	body := wire.Marshal(req)
	if _, err := parseRequest(an.me.circle.record.Circle, an.me.circle.slot, body); err != nil {
		return nil, badArgument(err)
	}
	if n := an.ledger.countChanges(an.me.circle.slot); n >= maxOpenChanges {
		return nil, api.Errorf(api.CodeRefused, "%d changes of the circle that this device asked for are open", n).
			WithHint("take some of them back: warifu requests, warifu deny")
	}
	return an.submit(req, body, true)
}
