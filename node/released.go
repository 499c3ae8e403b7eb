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
func (lg *ledger) noteReleased(r *openRequest) error {
	if len(r.denied) > 0 || r.meta.Expired {
		return errors.New("node: the request was closed before the partial signature left")
	}
	r.meta.Released = true
	return lg.me.cfg.Journal.Update(func(tx journal.Tx) error { return putMeta(tx, r) })
}

// tellReleased says to the others that a request which was closed may be signed
// all the same, since a part of a signature had left this device. Whoever said
// no on another device would believe that it is not.
func (lg *ledger) tellReleased(r *openRequest) {
	if !r.meta.Released || r.receipt != nil || r.open() || has(r.released, lg.me.circle.slot) || lg.me.circle.evicted != nil {
		return
	}
	it := lg.signItem(itemAnswer, wire.Marshal(answer{
		Version: 1, Request: r.id, Verdict: verdictReleased, Epoch: lg.me.circle.record.Epoch, Record: lg.me.circle.hash,
	}))
	if err := lg.me.cfg.Journal.Update(func(tx journal.Tx) error { return putItem(tx, it) }); err != nil {
		lg.me.log.Error("not told that a request may be signed", "request", r.id, "err", err)
		return // it is said at the next start
	}
	r.released[lg.me.circle.slot] = it
	lg.stock.add(r.id, it)
	lg.me.broadcast(msgItems, items{Items: []item{it}})
}

// groundless reports whether it says that a part of a signature left a device,
// of a request that neither this device nor a quorum that it knows of approved.
// It is not taken before that: a device could otherwise have all that was ever
// denied shown as what may be signed.
func (lg *ledger) groundless(r *openRequest, it item) bool {
	if it.Type != itemAnswer {
		return false
	}
	a, err := parseAnswer(it.Body)
	return err == nil && a.Verdict == verdictReleased && lg.idle(r)
}

// releasedWords says where a part of a signature has left.
func (lg *ledger) releasedWords(r *openRequest) string {
	if r.meta.Released {
		return "this device"
	}
	return list(lg.me.names(sortedSlots(r.released)))
}
