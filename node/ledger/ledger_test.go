package ledger

import (
	"bytes"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/judging"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// A sequel writes down what the ledger wants done.
type sequel struct{ lines []string }

func (s *sequel) Arrived(*Request)            { s.lines = append(s.lines, "arrived") }
func (s *sequel) Stop(_ *Request, why string) { s.lines = append(s.lines, "stop: "+why) }
func (s *sequel) Interrupted() bool           { return false }
func (s *sequel) ShareAwaited() bool          { return false }
func (s *sequel) AwaitedWords() string        { return "" }

// A device is the ledger of one in slot 1, with what it says for its person.
type device struct {
	*testing.T
	bench   *standingtest.Bench
	ledger  *Ledger
	answers *Answers
	sequel  *sequel
	log     *bytes.Buffer
}

// newDevice makes that of a circle of n devices, threshold of which sign.
func newDevice(t *testing.T, n, threshold int) *device {
	t.Helper()
	d := &device{T: t, bench: standingtest.New(t, n).InCircle(threshold), log: &bytes.Buffer{}}
	d.bench.Log = slog.New(slog.NewTextHandler(d.log, nil))
	d.start()
	return d
}

// start reads what the journal holds, as after a restart.
func (d *device) start() {
	d.Helper()
	j := judging.New(d.bench.Standing)
	d.sequel = &sequel{}
	d.ledger = New(d.bench.Standing, j, d.sequel)
	d.answers = NewAnswers(d.bench.Standing, j, d.ledger)
	if err := d.ledger.LoadRequests(); err != nil {
		d.Fatal(err)
	}
}

// item is one of the device in slot from.
func (d *device) item(typ uint8, from wire.Slot, body any) message.Item {
	it := message.Item{Type: typ, From: from, Body: wire.Marshal(body)}
	it.Sig = d.bench.Sign(from, message.ItemMessage(d.bench.Circle.Record.Circle, typ, from, it.Body))
	return it
}

// asks is the n-th request of the device in slot from for a signature, of size bytes.
func (d *device) asks(from wire.Slot, n, size int) message.Item {
	d.Helper()
	text := append(fmt.Appendf(nil, "request %d ", n), bytes.Repeat([]byte{'x'}, size)...)
	payload, err := intent.Normalize(intent.Input{Kind: intent.Message, Message: text})
	if err != nil {
		d.Fatal(err)
	}
	return d.item(message.ItemRequest, from, message.Request{
		Version: 1, Circle: d.bench.Circle.Record.Circle, From: uint16(from), Account: roster.Ethereum, Path: []uint32{0, 0}, Kind: string(intent.Message),
		Payload: payload, Created: standing.Unix(d.bench.Now), Lifetime: message.MinLifetime, Nonce: [16]byte{byte(n), byte(n >> 8)},
	})
}

// answer is what the device in slot from says to a request, in this epoch.
func (d *device) answer(from wire.Slot, verdict uint8, id wire.RequestID, change ...func(*message.Answer)) message.Item {
	a := message.Answer{Version: 1, Request: id, Verdict: verdict, Epoch: d.bench.Circle.Record.Epoch, Record: d.bench.Circle.Hash}
	for _, f := range change {
		f(&a)
	}
	return d.item(message.ItemAnswer, from, a)
}

// takes has the ledger take items that are in order.
func (d *device) takes(items ...message.Item) {
	d.Helper()
	for _, it := range items {
		if err := d.ledger.Take(it); err != nil {
			d.Fatal(err)
		}
	}
}

// flood has it hear of so many requests of a device that this one denies itself, one each
// second, and returns them with the denials.
func (d *device) flood(from wire.Slot, requests, size int) (items []message.Item) {
	d.Helper()
	for i := range requests {
		d.bench.Now = d.bench.Now.Add(time.Second)
		r := d.asks(from, i, size)
		no := d.answer(from, message.VerdictDeny, message.RequestID(r.Body))
		d.takes(r, no)
		items = append(items, r, no)
	}
	return items
}

// stored lists the keys of items in the journal.
func (d *device) stored() (keys []string) {
	d.Helper()
	if err := d.bench.Config.Journal.View(func(tx journal.Tx) (err error) {
		keys, err = tx.Keys(standing.BucketItems)
		return err
	}); err != nil {
		d.Fatal(err)
	}
	return keys
}
