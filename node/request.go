package node

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A ledger is the requests that this device knows, with all that was said of them.
type ledger struct {
	me      *standing
	judging *judging

	requests map[wire.RequestID]*openRequest
	unclosed map[wire.RequestID]*openRequest // all that are open, and perhaps some that are not
	meanings meanings                        // of requests that were looked at lately
	stock    stock                           // the items of all of them
	waiting  waitingAnswers                  // answers and receipts whose request has not come yet

	forgotten    forgotten // what was held once, and is not asked for again
	disowned     forgotten // statements of this device that it does not remember
	unremembered noise     // of those

	sequel sequel
}

// meta is what only this device knows of a request. It is durable.
type meta struct {
	Version  uint8  `cbor:"1,keyasint"`
	Received uint64 `cbor:"2,keyasint"` // this device's clock in Unix seconds
	Released bool   `cbor:"3,keyasint"` // a partial signature left this device, or may have
	Expired  bool   `cbor:"4,keyasint"` // seen to be expired; a clock set back does not undo it
	Closed   uint64 `cbor:"5,keyasint"` // when it was first seen closed, 0 while open
	Done     bool   `cbor:"6,keyasint"` // a change of the circle: it took effect
	Epoch    uint64 `cbor:"7,keyasint"` // in which this device received it
}

// An openRequest is a request with everything that is known of it, whether it
// is still open or not.
type openRequest struct {
	id      wire.RequestID
	item    item
	request request
	meta    meta

	account roster.Account
	path    []uint32
	child   []byte
	context intent.Context
	intent  intent.Intent
	change  *change.Change // of a request that changes the circle
	unclear error          // why this device cannot decode it; it then never approves

	undecoded bool // it was closed when this device started, and nobody has looked at it since

	approved  map[wire.Slot]item
	presences map[wire.Slot]presence // of approvals of a change
	denied    map[wire.Slot]item
	released  map[wire.Slot]item // by devices that a part of a signature had left when it was closed
	receipt   *receipt
	receipts  map[wire.Slot]item // each signer issues one; the first decides
	result    intent.Result
	void      []wire.Hash // approvals of other epochs, which are stored and count for nothing

	live     *live
	attempts int
	failures map[wire.Slot]int // sessions of this request that failed because of a device
	notUntil time.Time         // next attempt
	idle     time.Time         // since when nobody has proposed what it asks for, zero if somebody has
	trouble  string            // what the last failed session died of
	failed   api.Code          // of the last try at a re-deal, "" after one that is under way
	started  time.Time         // when this device asked
	elapsed  time.Duration     // from then to the verified signature
}

// mayBeSigned reports whether a part of a signature left this device, or one
// that said so.
func (r *openRequest) mayBeSigned() bool { return r.meta.Released || len(r.released) > 0 }

// state says where r stands. A denial and an expiry cannot call back a partial
// signature, so a released request stays "releasing" until its receipt comes.
func (r *openRequest) state() string {
	switch {
	case r.meta.Done:
		return api.StateDone
	case r.receipt != nil:
		return api.StateSigned
	case r.mayBeSigned() && (len(r.denied) > 0 || r.meta.Expired):
		return api.StateReleased
	case len(r.denied) > 0:
		return api.StateDenied
	case r.meta.Expired:
		return api.StateExpired
	case r.meta.Released:
		return api.StateReleased
	case r.live != nil:
		return api.StateSigning
	}
	return api.StatePending
}

// open reports whether an answer can still matter.
func (r *openRequest) open() bool {
	return r.receipt == nil && len(r.denied) == 0 && !r.meta.Expired && !r.meta.Done
}

func (r *openRequest) from() wire.Slot { return wire.Slot(r.request.From) }

// understand decodes a request as this device sees it: account, address and
// intent are derived here and never taken from the sender.
func (lg *ledger) understand(it item, req request) *openRequest {
	r := newRequest(it, req)
	r.unclear = lg.decodeIntent(r)
	return r
}

func newRequest(it item, req request) *openRequest {
	return &openRequest{
		id: requestID(it.Body), item: it, request: req, path: req.Path,
		approved: map[wire.Slot]item{}, denied: map[wire.Slot]item{}, released: map[wire.Slot]item{}, receipts: map[wire.Slot]item{}, failures: map[wire.Slot]int{}, presences: map[wire.Slot]presence{},
	}
}

// loadRequests reads what the journal holds of requests, at start.
func (lg *ledger) loadRequests() error {
	if lg.me.circle == nil {
		return nil
	}
	var all []item
	metas := map[wire.RequestID]meta{}
	err := lg.me.cfg.Journal.View(func(tx journal.Tx) error {
		if err := journal.Each(tx, bucketItems, func(k string, raw []byte) error {
			var it item
			if err := wire.Unmarshal(raw, &it); err != nil {
				return fmt.Errorf("node: stored item %.8s: %w", k, err)
			}
			all = append(all, it)
			return nil
		}); err != nil {
			return err
		}
		return journal.Each(tx, bucketMeta, func(k string, raw []byte) error {
			var m meta
			id, err := parseID(k)
			if err == nil {
				err = wire.Unmarshal(raw, &m)
			}
			if err != nil {
				return fmt.Errorf("node: stored request %.8s: %w", k, err)
			}
			metas[id] = m
			return nil
		})
	})
	if err != nil {
		return err
	}
	// Requests first: answers and receipts refer to them.
	slices.SortStableFunc(all, func(a, b item) int { return int(a.Type) - int(b.Type) })
	for _, it := range all {
		if it.Type == itemRequest {
			req, err := parseRequest(lg.me.circle.record.Circle, it.From, it.Body)
			if err != nil {
				return fmt.Errorf("node: stored request: %w", err)
			}
			id := requestID(it.Body)
			m, ok := metas[id]
			if !ok {
				return fmt.Errorf("node: stored request %v has no entry of its own", id)
			}
			r := newRequest(it, req)
			r.meta = m
			if r.undecoded = m.Closed != 0 && !change.Kind(req.Kind).Known(); !r.undecoded {
				r.unclear = lg.decodeIntent(r)
			}
			lg.enlist(r)
			continue
		}
		x, err := lg.examine(it)
		if r := x.request; err == nil && x.apply != nil && !(it.Type == itemReceipt && r.undecoded) {
			err = x.check()
		}
		if err != nil {
			return fmt.Errorf("node: stored item of type %d is damaged: %w", it.Type, err)
		}
		switch r := x.request; {
		case r == nil:
		case x.apply != nil:
			x.apply()
			lg.stock.add(r.id, it)
		default:
			r.void = append(r.void, it.id())
		}
	}
	return nil
}

// badArgument wraps what the person got wrong.
func badArgument(err error) error {
	if e, ok := errors.AsType[*intent.Error](err); ok {
		out := api.Errorf(api.CodeBadArgument, "%s", e.Reason)
		if e.Hint != "" {
			out = out.WithHint("%s", e.Hint)
		}
		return out
	}
	return api.Errorf(api.CodeBadArgument, "%v", err)
}

// A sequel is what follows from what is said of requests, beside the ledger.
type sequel interface {
	// arrived answers a request that has just come where the person's rules say so, act
	// does what one allows by now, and stop ends the session of one that is
	// closed.
	arrived(r *openRequest)
	act(r *openRequest)
	stop(r *openRequest, why string)
	dealing
}

// dealing says what keeps this device from its share of the epoch.
type dealing interface {
	interrupted() bool    // a write of a re-deal failed, and was not read back yet
	shareAwaited() bool   // the others hold the share ready
	awaitedWords() string // what this device waits for then, or ""
}

// maxOpenPerDevice bounds what one device can make the others keep.
const maxOpenPerDevice = 64

// maxOpenChanges bounds the changes of the circle that one device asks for at a
// time. All that persons say in them is gone through whenever something happens, and
// a judge remembers 64 of their words.
const maxOpenChanges = 8

func (lg *ledger) countChanges(slot wire.Slot) (n int) {
	for _, r := range lg.unclosed {
		if r.change != nil && r.from() == slot && r.open() {
			n++
		}
	}
	return n
}

func (lg *ledger) countOpen(slot wire.Slot) (n int) {
	for _, r := range lg.unclosed {
		if r.from() == slot && r.open() {
			n++
		}
	}
	return n
}

// signItem makes a statement of this device.
func (lg *ledger) signItem(typ uint8, body []byte) item {
	sig := lg.me.self.sign(itemMessage(lg.me.circle.record.Circle, typ, lg.me.circle.slot, body))
	return item{Type: typ, From: lg.me.circle.slot, Body: body, Sig: sig[:]}
}

// find returns the request whose id begins with prefix.
func (lg *ledger) find(prefix string) (*openRequest, error) {
	if lg.me.circle == nil {
		return nil, lg.me.ready()
	}
	if len(prefix) < 4 || !isHex(prefix) {
		return nil, api.Errorf(api.CodeBadArgument, "a request is named by at least 4 hex digits of its id").
			WithHint("warifu requests lists them")
	}
	var found *openRequest
	for id, r := range lg.requests {
		if hex := id.Hex(); len(prefix) <= len(hex) && hex[:len(prefix)] == prefix {
			if found != nil {
				return nil, api.Errorf(api.CodeAmbiguous, "more than one request begins with %s", prefix).
					WithHint("give more digits")
			}
			found = r
		}
	}
	if found == nil {
		return nil, api.Errorf(api.CodeUnknownRequest, "no request begins with %s", prefix).
			WithHint("warifu requests lists them")
	}
	return found, nil
}

// backOff delays the next attempt: 1, 2, 4 … up to 32 seconds, or 8 minutes
// between re-deals, for each of which every device works and writes.
func (lg *ledger) backOff(r *openRequest) {
	most := 5
	if r.change != nil {
		most = 9
	}
	r.notUntil = lg.me.now.Add(time.Second << min(r.attempts, most))
}

// deniable reports whether a denial of the person on the device in slot closes
// r: of a request for a signature it always does.
func (lg *ledger) deniable(r *openRequest, slot wire.Slot) bool {
	return r.change == nil || r.change.Deniable(slot, circleFacts{lg, r})
}

func (lg *ledger) closedError(r *openRequest) error {
	e := api.Errorf(api.CodeRequestClosed, "request %v is closed: %s", r.id, r.state())
	if names := lg.me.names(sortedSlots(r.denied)); len(names) > 0 {
		e = api.Errorf(api.CodeRequestClosed, "request %v was denied by %s", r.id, list(names))
	}
	return e
}
