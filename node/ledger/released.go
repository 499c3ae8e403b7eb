package ledger

import (
	"errors"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// A part of a signature cannot be called back. From the moment that it may have
// left a device, its request may be signed, whatever is said of it later, and
// whoever says something later is told so.

// NoteReleased notes durably that a partial signature is about to leave. When the
// write fails its outcome is unknown, so memory takes it as done, and the
// partial signature stays here.
func (lg *Ledger) NoteReleased(r *Request) error {
	if len(r.Denied) > 0 || r.Meta.Expired {
		return errors.New("node: the request was closed before the partial signature left")
	}
	r.Meta.Released = true
	return lg.me.Config.Journal.Update(func(tx journal.Tx) error { return PutMeta(tx, r) })
}

// TellReleased says to the others that a request which was closed may be signed
// all the same, since a part of a signature had left this device. Whoever said
// no on another device would believe that it is not.
func (lg *Ledger) TellReleased(r *Request) {
	if !r.Meta.Released || r.Receipt != nil || r.Open() || Has(r.released, lg.me.Circle.Slot) || lg.me.Circle.Evicted != nil {
		return
	}
	it := lg.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{
		Version: 1, Request: r.ID, Verdict: message.VerdictReleased, Epoch: lg.me.Circle.Record.Epoch, Record: lg.me.Circle.Hash,
	}))
	if err := lg.me.Config.Journal.Update(func(tx journal.Tx) error { return putItem(tx, it) }); err != nil {
		lg.me.Log.Error("not told that a request may be signed", "request", r.ID, "err", err)
		return // it is said at the next start
	}
	r.released[lg.me.Circle.Slot] = it
	lg.Stock.add(r.ID, it)
	lg.me.Broadcast(message.MsgItems, message.Items{Items: []message.Item{it}})
}

// groundless reports whether it says that a part of a signature left a device,
// of a request that neither this device nor, as far as it knows, enough others approved.
// It is not taken before that: a device could otherwise have all that was ever
// denied shown as what may be signed.
func (lg *Ledger) groundless(r *Request, it message.Item) bool {
	if it.Type != message.ItemAnswer {
		return false
	}
	a, err := message.ParseAnswer(it.Body)
	return err == nil && a.Verdict == message.VerdictReleased && lg.idle(r)
}

// ReleasedWords says where a part of a signature has left.
func (lg *Ledger) ReleasedWords(r *Request) string {
	if r.Meta.Released {
		return "this device"
	}
	return standing.List(lg.me.Names(standing.SortedSlots(r.released)))
}
