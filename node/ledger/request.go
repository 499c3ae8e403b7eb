package ledger

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/drive"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/say"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A Ledger is the requests that this device knows, with all that was said of them.
type Ledger struct {
	me      *standing.Standing
	judging *judging.Judging

	Requests map[wire.RequestID]*Request
	Unclosed map[wire.RequestID]*Request // all that are open, and perhaps some that are not
	Meanings meanings                    // of requests that were looked at lately
	Stock    stock                       // the items of all of them
	Waiting  waitingAnswers              // answers and receipts whose request has not come yet

	forgotten    forgotten      // what was held once, and is not asked for again
	disowned     forgotten      // statements of this device that it does not remember
	unremembered standing.Noise // of those

	sequel Sequel
}

// New makes a ledger without requests: see [Ledger.LoadRequests].
func New(me *standing.Standing, j *judging.Judging, s Sequel) *Ledger {
	return &Ledger{me: me, judging: j, sequel: s, Requests: map[wire.RequestID]*Request{}, Unclosed: map[wire.RequestID]*Request{}}
}

// Meta is what only this device knows of a request. It is durable.
type Meta struct {
	Version  uint8  `cbor:"1,keyasint"`
	Received uint64 `cbor:"2,keyasint"` // this device's clock in Unix seconds
	Released bool   `cbor:"3,keyasint"` // a partial signature left this device, or may have
	Expired  bool   `cbor:"4,keyasint"` // seen to be expired; a clock set back does not undo it
	Closed   uint64 `cbor:"5,keyasint"` // when it was first seen closed, 0 while open
	Done     bool   `cbor:"6,keyasint"` // a change of the circle: it took effect
	Epoch    uint64 `cbor:"7,keyasint"` // in which this device received it
}

// A Request is a request with everything that is known of it, whether it
// is still open or not.
type Request struct {
	ID      wire.RequestID
	Item    message.Item
	Request message.Request
	Meta    Meta

	Account roster.Account
	Path    []uint32
	Child   []byte
	Context intent.Context
	Intent  intent.Intent
	Change  *change.Change // of a request that changes the circle
	Unclear error          // why this device cannot decode it; it then never approves

	undecoded bool // it was closed when this device started, and nobody has looked at it since

	Approved  map[wire.Slot]message.Item
	presences map[wire.Slot]presence // of approvals of a change
	Denied    map[wire.Slot]message.Item
	released  map[wire.Slot]message.Item // by devices that a part of a signature had left when it was closed
	Receipt   *message.Receipt
	Receipts  map[wire.Slot]message.Item // each signer issues one; the first decides
	Result    intent.Result
	void      []wire.Hash // approvals of other epochs, which are stored and count for nothing

	Live     *drive.Session
	Attempts int
	Failures map[wire.Slot]int // sessions of this request that failed because of a device
	NotUntil time.Time         // next attempt
	Idle     time.Time         // since when nobody has proposed what it asks for, zero if somebody has
	Trouble  string            // what the last failed session died of
	Failed   error             // the last try at a re-deal, nil after one that is under way
	Started  time.Time         // when this device asked
	Elapsed  time.Duration     // from then to the verified signature
}

// A State says where a request stands.
type State string

// The states of a request.
const (
	Pending   State = "pending"
	Signing   State = "signing"
	Releasing State = "releasing" // a part of a signature has left a device, and it may be signed
	Signed    State = "signed"
	Done      State = "done" // a change of the circle took effect
	Denied    State = "denied"
	Expired   State = "expired"
)

// MayBeSigned reports whether a part of a signature left this device, or one
// that said so.
func (r *Request) MayBeSigned() bool { return r.Meta.Released || len(r.released) > 0 }

// State says where r stands. A denial and an expiry cannot call back a partial
// signature, so a released request stays "releasing" until its receipt comes.
func (r *Request) State() State {
	switch {
	case r.Meta.Done:
		return Done
	case r.Receipt != nil:
		return Signed
	case r.MayBeSigned() && (len(r.Denied) > 0 || r.Meta.Expired):
		return Releasing
	case len(r.Denied) > 0:
		return Denied
	case r.Meta.Expired:
		return Expired
	case r.Meta.Released:
		return Releasing
	case r.Live != nil:
		return Signing
	}
	return Pending
}

// Open reports whether an answer can still matter.
func (r *Request) Open() bool {
	return r.Receipt == nil && len(r.Denied) == 0 && !r.Meta.Expired && !r.Meta.Done
}

// From is the slot of the device that asked.
func (r *Request) From() wire.Slot { return wire.Slot(r.Request.From) }

// understand decodes a request as this device sees it: account, address and
// intent are derived here and never taken from the sender.
func (lg *Ledger) understand(it message.Item, req message.Request) *Request {
	r := newRequest(it, req)
	r.Unclear = lg.decodeIntent(r)
	return r
}

func newRequest(it message.Item, req message.Request) *Request {
	return &Request{
		ID: message.RequestID(it.Body), Item: it, Request: req, Path: req.Path,
		Approved: map[wire.Slot]message.Item{}, Denied: map[wire.Slot]message.Item{}, released: map[wire.Slot]message.Item{}, Receipts: map[wire.Slot]message.Item{}, Failures: map[wire.Slot]int{}, presences: map[wire.Slot]presence{},
	}
}

// LoadRequests reads what the journal holds of requests, at start.
func (lg *Ledger) LoadRequests() error {
	if lg.me.Circle == nil {
		return nil
	}
	var all []message.Item
	metas := map[wire.RequestID]Meta{}
	err := lg.me.Config.Journal.View(func(tx journal.Tx) error {
		if err := journal.Each(tx, standing.BucketItems, func(k string, raw []byte) error {
			var it message.Item
			if err := wire.Unmarshal(raw, &it); err != nil {
				return fmt.Errorf("node: stored item %.8s: %w", k, err)
			}
			all = append(all, it)
			return nil
		}); err != nil {
			return err
		}
		return journal.Each(tx, standing.BucketMeta, func(k string, raw []byte) error {
			var m Meta
			id, err := standing.ParseID(k)
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
	slices.SortStableFunc(all, func(a, b message.Item) int { return int(a.Type) - int(b.Type) })
	for _, it := range all {
		if it.Type == message.ItemRequest {
			req, err := message.ParseRequest(lg.me.Circle.Record.Circle, it.From, it.Body)
			if err != nil {
				return fmt.Errorf("node: stored request: %w", err)
			}
			id := message.RequestID(it.Body)
			m, ok := metas[id]
			if !ok {
				return fmt.Errorf("node: stored request %v has no entry of its own", id)
			}
			r := newRequest(it, req)
			r.Meta = m
			if r.undecoded = m.Closed != 0 && !change.Kind(req.Kind).Known(); !r.undecoded {
				r.Unclear = lg.decodeIntent(r)
			}
			lg.enlist(r)
			continue
		}
		x, err := lg.examine(it)
		if r := x.request; err == nil && x.apply != nil && !(it.Type == message.ItemReceipt && r.undecoded) {
			err = x.check()
		}
		if err != nil {
			return fmt.Errorf("node: stored item of type %d is damaged: %w", it.Type, err)
		}
		switch r := x.request; {
		case r == nil:
		case x.apply != nil:
			x.apply()
			lg.Stock.add(r.ID, it)
		default:
			r.void = append(r.void, it.ID())
		}
	}
	return nil
}

// BadArgument wraps what the person got wrong.
func BadArgument(err error) error {
	if e, ok := errors.AsType[*intent.Error](err); ok {
		if e.Hint != "" {
			return say.New(say.BadInputHinted, e.Reason).Hinted(e.Hint)
		}
		return say.New(say.BadInput, e.Reason)
	}
	return say.New(say.BadInput, err)
}

// A Sequel is what follows from what is said of requests, beside the ledger.
type Sequel interface {
	// Arrived answers a request that has just come where the person's rules say so, and
	// Stop ends the session of one that is closed.
	Arrived(r *Request)
	Stop(r *Request, why string)
	dealing
}

// dealing says what keeps this device from its share of the epoch.
type dealing interface {
	Interrupted() bool    // a write of a re-deal failed, and was not read back yet
	ShareAwaited() bool   // the others hold the share ready
	AwaitedWords() string // what this device waits for then, or ""
}

// MaxOpenPerDevice bounds what one device can make the others keep.
const MaxOpenPerDevice = 64

// MaxOpenChanges bounds the changes of the circle that one device asks for at a
// time. All that persons say in them is gone through whenever something happens, and
// a judge remembers 64 of their words.
const MaxOpenChanges = 8

// CountChanges counts the open changes of the circle that the device in slot asked for;
// at most [MaxOpenChanges].
func (lg *Ledger) CountChanges(slot wire.Slot) (n int) {
	for _, r := range lg.Unclosed {
		if r.Change != nil && r.From() == slot && r.Open() {
			n++
		}
	}
	return n
}

func (lg *Ledger) countOpen(slot wire.Slot) (n int) {
	for _, r := range lg.Unclosed {
		if r.From() == slot && r.Open() {
			n++
		}
	}
	return n
}

// SignItem makes a statement of this device.
func (lg *Ledger) SignItem(typ uint8, body []byte) message.Item {
	sig := lg.me.Self.Sign(message.ItemMessage(lg.me.Circle.Record.Circle, typ, lg.me.Circle.Slot, body))
	return message.Item{Type: typ, From: lg.me.Circle.Slot, Body: body, Sig: sig[:]}
}

// Find returns the request whose id begins with prefix.
func (lg *Ledger) Find(prefix string) (*Request, error) {
	if lg.me.Circle == nil {
		return nil, lg.me.Ready()
	}
	if len(prefix) < 4 || !standing.IsHex(prefix) {
		return nil, say.New(say.ShortID)
	}
	var found *Request
	for id, r := range lg.Requests {
		if hex := id.Hex(); len(prefix) <= len(hex) && hex[:len(prefix)] == prefix {
			if found != nil {
				return nil, say.New(say.AmbiguousID, prefix)
			}
			found = r
		}
	}
	if found == nil {
		return nil, say.New(say.UnknownID, prefix)
	}
	return found, nil
}

// BackOff delays the next attempt: 1, 2, 4 … up to 32 seconds, or 8 minutes
// between re-deals, for each of which every device works and writes.
func (lg *Ledger) BackOff(r *Request) {
	most := 5
	if r.Change != nil {
		most = 9
	}
	r.NotUntil = lg.me.Now.Add(time.Second << min(r.Attempts, most))
}

// deniable reports whether a denial of the person on the device in slot closes
// r: of a request for a signature it always does.
func (lg *Ledger) deniable(r *Request, slot wire.Slot) bool {
	return r.Change == nil || r.Change.Deniable(slot, circleFacts{lg, r})
}

func (lg *Ledger) closedError(r *Request) error {
	e := say.New(say.RequestClosed, r.ID, r.State())
	if names := lg.me.Names(standing.SortedSlots(r.Denied)); len(names) > 0 {
		e = say.New(say.RequestDenied, r.ID, standing.List(names))
	}
	return e
}
