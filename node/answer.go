package node

import (
	"github.com/warifu/warifu/change"
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

// ready says why this device cannot take part in signing now, or nil.
func (c *core) ready() error {
	if c.circle == nil {
		if c.founding != nil || c.joining != nil {
			return api.Errorf(api.CodeFounding, "the founding of the circle is not finished").
				WithHint("warifu status says whom it waits for")
		}
		return api.Errorf(api.CodeNoCircle, "this device is in no circle").
			WithHint("found one with \"warifu found\", or join one with \"warifu join\"")
	}
	if c.cfg.Keeper.Locked() {
		return api.Errorf(api.CodeLocked, "this device is locked").WithHint("warifu unlock")
	}
	return c.out()
}

// out says that this device was taken out of the circle, or returns nil.
func (c *core) out() error {
	if f := c.circle.evicted; f != nil {
		return api.Errorf(api.CodeEvicted, "this device is no longer in the circle: it was taken out as %v in epoch %d", f.State, f.Epoch).
			WithHint("make it a new device in a new home and join again: warifu init, warifu join")
	}
	return nil
}

// maySign says why this device cannot take part in signing now, or nil.
func (c *core) maySign() error {
	if err := c.mayAgree(); err != nil {
		return err
	}
	if c.interrupted() {
		return api.Errorf(api.CodeBusy, "a re-deal was interrupted by a failed write").WithHint("it is read back in a moment; try again")
	}
	if why := c.awaitedWords(); why != "" {
		return api.Errorf(api.CodeBusy, "%s", why).WithHint("it comes by itself; try again")
	}
	return nil
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
	c.act(r)
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

// conclude notes that a change of the circle took effect.
func (c *core) conclude(r *openRequest) {
	if r.change.Kind == change.Thaw {
		c.liftFence(c.circle.record.Devices) // first: after a crash in between it is settled again
	}
	r.meta.Done = true
	r.meta.Closed = max(unix(c.now), 1)
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putMeta(tx, r) }); err != nil {
		c.log.Error("change not stored", "request", r.id, "err", err)
	}
	c.prune()
	c.log.Info("change took effect", "request", r.id, "kind", r.request.Kind)
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
	c.stopSigning(r, "denied")
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
