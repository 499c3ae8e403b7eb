package node

import (
	"errors"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/wire"
)

// A part of a signature cannot be called back. From the moment that it may have
// left a device, its request may be signed, whatever is said of it later, and
// whoever says something later is told so.

// noteReleased notes durably that a partial signature is about to leave. When the
// write fails its outcome is unknown, so memory takes it as done, and the
// partial signature stays here.
func (c *core) noteReleased(r *openRequest) error {
	if len(r.denied) > 0 || r.meta.Expired {
		return errors.New("node: the request was closed before the partial signature left")
	}
	r.meta.Released = true
	return c.cfg.Journal.Update(func(tx journal.Tx) error { return putMeta(tx, r) })
}

// tellReleased says to the others that a request which was closed may be signed
// all the same, since a part of a signature had left this device. Whoever said
// no on another device would believe that it is not.
func (c *core) tellReleased(r *openRequest) {
	if !r.meta.Released || r.receipt != nil || r.open() || has(r.released, c.circle.slot) || c.circle.evicted != nil {
		return
	}
	it := c.signItem(itemAnswer, wire.Marshal(answer{
		Version: 1, Request: r.id, Verdict: verdictReleased, Epoch: c.circle.record.Epoch, Record: c.circle.hash,
	}))
	if err := c.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, it) }); err != nil {
		c.log.Error("not told that a request may be signed", "request", r.id, "err", err)
		return // it is said at the next start
	}
	r.released[c.circle.slot] = it
	c.stock.add(r.id, it)
	c.broadcast(msgItems, items{Items: []item{it}})
}

// groundless reports whether it says that a part of a signature left a device,
// of a request that neither this device nor a quorum that it knows of approved.
// It is not taken before that: a device could otherwise have all that was ever
// denied shown as what may be signed.
func (c *core) groundless(r *openRequest, it item) bool {
	if it.Type != itemAnswer {
		return false
	}
	a, err := parseAnswer(it.Body)
	return err == nil && a.Verdict == verdictReleased && c.idle(r)
}

// releasedWords says where a part of a signature has left.
func (c *core) releasedWords(r *openRequest) string {
	if r.meta.Released {
		return "this device"
	}
	return list(c.names(sortedSlots(r.released)))
}
