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

// yesTo makes this device's approval. A change of the circle needs the presence
// key, which is open only while the keeper is; that its person typed the
// passphrase just now, the caller has seen to.
func (c *core) yesTo(r *openRequest, present bool) (item, error) {
	if r.change == nil {
		return c.yes(r, nil), nil
	}
	if !present {
		return item{}, api.Errorf(api.CodeNotPresent, "this wants its person's presence").WithHint("type the passphrase of this device")
	}
	sig, err := c.self.present(c.cfg.Keeper, presenceMessage(c.circle.record.Circle, r.id))
	if err != nil {
		return item{}, err
	}
	return c.yes(r, sig[:]), nil
}

// yes makes an approval for the current epoch.
func (c *core) yes(r *openRequest, presence []byte) item {
	return c.signItem(itemAnswer, wire.Marshal(answer{
		Version: 1, Request: r.id, Verdict: verdictApprove, Epoch: c.circle.record.Epoch, Record: c.circle.hash, Presence: presence,
	}))
}

// approve gives this device's consent, durably before anybody hears of it.
func (c *core) approve(r *openRequest, present bool) error {
	if err := c.mayApprove(r); err != nil {
		return err
	}
	if _, done := r.approved[c.circle.slot]; done {
		return nil
	}
	yes, err := c.yesTo(r, present)
	if err != nil {
		return err
	}
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, yes) }); err != nil {
		return storeError(err)
	}
	r.approved[c.circle.slot] = yes
	c.stock.add(r.id, yes)
	c.log.Info("approved", "request", r.id)
	c.broadcast(msgItems, items{Items: []item{yes}})
	c.sequel.act(r)
	return nil
}

// mayApprove says why this device cannot approve r, whoever is there, or nil.
func (c *core) mayApprove(r *openRequest) error {
	if err := c.ready(); err != nil {
		return err
	}
	if !r.open() {
		return c.closedError(r)
	}
	if r.unclear != nil {
		return api.Errorf(api.CodeRefused, "this device cannot tell what the request means: %v", r.unclear)
	}
	if r.change != nil && c.aboutUnknown(r) {
		return api.Errorf(api.CodeUnknown, "this device does not know the device that is meant: %s", c.subjectName(r)).
			WithHint("it may not have heard of the newest epoch yet; try again when others are connected")
	}
	if r.change != nil && !r.change.Counts(c.circle.slot, c.subject(r)) {
		return api.Errorf(api.CodeRefused, "it is this device that is to be removed: its own yes does not count").
			WithHint("approve it on another device; to keep this one in the circle: warifu thaw, on as many devices as must sign")
	}
	if why := c.nameTrouble(r); why != "" {
		return api.Errorf(api.CodeRefused, "this device lets nobody in under that name: %s", why).
			WithHint("make the new device under another name, and invite it again")
	}
	if r.change == nil {
		if err := c.mayAgree(); err != nil {
			return err
		}
		if d, why := c.ruling(r); d == policy.Deny {
			return api.Errorf(api.CodeRefused, "the policy of this device denies it: %s", why)
		}
	}
	return nil
}

// renew says in a new epoch what this device's person has approved in the one
// before. What was approved is the same; what counts is the epoch. Approvals that
// are of the new one already stay: a sleeper hears of the epoch, and what was
// approved in it, before its share has come.
func (c *core) renew(r *openRequest) {
	old, had := r.approved[c.circle.slot]
	for _, slot := range sortedSlots(r.approved) {
		it := r.approved[slot]
		a, err := parseAnswer(it.Body)
		if err != nil {
			panic("node: internal error: accepted answer does not parse")
		}
		if a.Epoch == c.circle.record.Epoch && wire.Hash(a.Record) == c.circle.hash {
			continue
		}
		r.void = append(r.void, c.stock.remove(r.id, it))
		delete(r.approved, slot)
	}
	if !had || has(r.approved, c.circle.slot) || !r.open() || r.unclear != nil || c.circle.evicted != nil {
		return
	}
	if r.change != nil && !r.change.Repeated(c.vigil.Judge != nil && c.vigil.Judge.Muted(c.circle.slot)) {
		return
	}
	a, err := parseAnswer(old.Body)
	if err != nil {
		panic("node: internal error: own answer does not parse")
	}
	yes := c.yes(r, a.Presence)
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, yes) }); err != nil {
		c.log.Error("approval not renewed", "request", r.id, "err", err)
		return
	}
	r.approved[c.circle.slot] = yes
	c.stock.add(r.id, yes)
	c.broadcast(msgItems, items{Items: []item{yes}})
}

// deniable reports whether a denial of the person on the device in slot closes
// r: of a request for a signature it always does.
func (c *core) deniable(r *openRequest, slot wire.Slot) bool {
	return r.change == nil || r.change.Deniable(slot, circleFacts{c, r})
}

// deny closes the request on every device that hears it. It cannot call back
// a partial signature that has left, and then says so.
func (c *core) deny(r *openRequest) error {
	if c.circle == nil {
		return c.ready()
	}
	if _, done := r.denied[c.circle.slot]; done {
		return nil
	}
	if r.receipt != nil || r.meta.Expired {
		return c.closedError(r)
	}
	if !c.deniable(r, c.circle.slot) {
		return c.undeniable(r)
	}
	no := c.signItem(itemAnswer, wire.Marshal(answer{
		Version: 1, Request: r.id, Verdict: verdictDeny, Epoch: c.circle.record.Epoch, Record: c.circle.hash,
	}))
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, no) }); err != nil {
		return storeError(err)
	}
	r.denied[c.circle.slot] = no
	c.stock.add(r.id, no)
	c.log.Info("denied", "request", r.id)
	c.broadcast(msgItems, items{Items: []item{no}})
	c.sequel.stop(r, "denied")
	c.noteClosed(r)
	if r.mayBeSigned() {
		return api.Errorf(api.CodeRequestClosed, "the denial came too late: a partial signature has left %s", c.releasedWords(r)).
			WithHint("treat what the request asks for as signed")
	}
	return nil
}

// undeniable says why this device's denial closes nothing, and what does.
func (c *core) undeniable(r *openRequest) error {
	asker := c.name(r.from())
	if c.accused(c.circle.slot) {
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

func (c *core) closedError(r *openRequest) error {
	e := api.Errorf(api.CodeRequestClosed, "request %v is closed: %s", r.id, r.state())
	if names := c.names(sortedSlots(r.denied)); len(names) > 0 {
		e = api.Errorf(api.CodeRequestClosed, "request %v was denied by %s", r.id, list(names))
	}
	return e
}

// ask makes a request of this device's person durable, with this device's
// approval, and spreads it.
func (c *core) ask(in intent.Input, account string, path []uint32, lifetime time.Duration) (*openRequest, error) {
	if err := c.mayAgree(); err != nil {
		return nil, err
	}
	payload, err := intent.Normalize(in)
	if err != nil {
		return nil, badArgument(err)
	}
	req := request{
		Version: 1, Circle: c.circle.record.Circle, From: uint16(c.circle.slot), Account: account, Path: path,
		Kind: string(in.Kind), Payload: payload, Created: unix(c.now), Lifetime: uint32(lifetime / time.Second),
	}
	if path == nil {
		req.Path = []uint32{}
	}
	if _, err := io.ReadFull(c.cfg.Rand, req.Nonce[:]); err != nil {
		return nil, fmt.Errorf("node: draw nonce: %w", err)
	}
	body := wire.Marshal(req)
	if _, err := parseRequest(c.circle.record.Circle, c.circle.slot, body); err != nil {
		return nil, badArgument(err)
	}
	if n := c.countOpen(c.circle.slot); n >= maxOpenPerDevice {
		return nil, api.Errorf(api.CodeRefused, "%d requests of this device are open", n).
			WithHint("answer or deny some of them: warifu requests")
	}
	r, err := c.submit(req, body, false)
	if err != nil {
		if _, ok := c.circle.record.Account(account); !ok {
			return nil, api.Errorf(api.CodeNoAccount, "the circle holds no account %q", account).
				WithHint("warifu status lists the accounts")
		}
	}
	return r, err
}

// submit makes a request of this device and its approval durable, and spreads
// them. present says that its person has proved to be here.
func (c *core) submit(req request, body []byte, present bool) (*openRequest, error) {
	it := c.signItem(itemRequest, body)
	r := c.understand(it, req)
	if r.unclear != nil {
		return nil, badArgument(r.unclear)
	}
	if r.change == nil {
		if d, why := c.ruling(r); d == policy.Deny {
			return nil, api.Errorf(api.CodeRefused, "the policy of this device denies it: %s", why)
		}
	}
	r.meta = meta{Version: 1, Received: unix(c.now), Epoch: c.circle.record.Epoch}
	r.started = c.now
	yes, err := c.yesTo(r, present)
	if err != nil {
		return nil, err
	}
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error {
		return errors.Join(putItem(tx, it), putItem(tx, yes), putMeta(tx, r))
	}); err != nil {
		return nil, storeError(err)
	}
	c.enlist(r)
	r.approved[c.circle.slot] = yes
	c.stock.add(r.id, yes)
	c.log.Info("request made", "request", r.id, "kind", req.Kind)
	c.broadcast(msgItems, items{Items: []item{it, yes}})
	c.sequel.act(r)
	return r, nil
}

// askChange makes a request to change the circle, whose person is present.
func (c *core) askChange(kind change.Kind, ch change.Payload, lifetime time.Duration) (*openRequest, error) {
	if err := c.ready(); err != nil {
		return nil, err
	}
	if kind.Has(change.Epoch) {
		ch.Epoch = c.circle.record.Epoch
	}
	if d, ok := c.circle.record.Device(wire.Slot(ch.Slot)); ok {
		ch.Device = d.Identity[:]
	}
	req := request{
		Version: 1, Circle: c.circle.record.Circle, From: uint16(c.circle.slot), Path: []uint32{}, Kind: string(kind),
		Payload: ch.Bytes(), Created: unix(c.now), Lifetime: uint32(lifetime / time.Second),
	}
	if _, err := io.ReadFull(c.cfg.Rand, req.Nonce[:]); err != nil {
		return nil, fmt.Errorf("node: draw nonce: %w", err)
	}
	body := wire.Marshal(req)
	if _, err := parseRequest(c.circle.record.Circle, c.circle.slot, body); err != nil {
		return nil, badArgument(err)
	}
	if n := c.countChanges(c.circle.slot); n >= maxOpenChanges {
		return nil, api.Errorf(api.CodeRefused, "%d changes of the circle that this device asked for are open", n).
			WithHint("take some of them back: warifu requests, warifu deny")
	}
	return c.submit(req, body, true)
}
