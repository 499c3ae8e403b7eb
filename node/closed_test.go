package node

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// hopeless is a request of d, of that many bytes, and the denial by which d
// closes it at once: what a device can make without end, alone.
func (d *labDevice) hopeless(n, size int) (request, denial message.Item) {
	d.lab.t.Helper()
	c := d.core
	text := append(fmt.Appendf(nil, "request %d without end ", n), bytes.Repeat([]byte{'x'}, size)...)
	payload, err := intent.Normalize(intent.Input{Kind: intent.Message, Message: text})
	if err != nil {
		d.lab.t.Fatal(err)
	}
	body := wire.Marshal(c.messageRequest(payload, n))
	request = c.SignItem(message.ItemRequest, body)
	denial = c.SignItem(message.ItemAnswer, wire.Marshal(message.Answer{
		Version: 1, Request: message.RequestID(body), Verdict: message.VerdictDeny, Epoch: c.Circle.Record.Epoch, Record: c.Circle.Hash,
	}))
	return request, denial
}

func (c *core) messageRequest(payload []byte, n int) message.Request {
	return message.Request{
		Version: 1, Circle: c.Circle.Record.Circle, From: uint16(c.Circle.Slot), Account: roster.Ethereum, Path: []uint32{0, 0},
		Kind: string(intent.Message), Payload: payload, Created: standing.Unix(c.Now), Lifetime: message.MinLifetime, Nonce: [16]byte{byte(n), byte(n >> 8)},
	}
}

// itemsStored counts what the journal of d holds of requests, and its bytes.
func (d *labDevice) itemsStored() (n, size int) {
	d.lab.t.Helper()
	if err := d.journal.View(func(tx journal.Tx) error {
		keys, err := tx.Keys(standing.BucketItems)
		for _, k := range keys {
			b, err := tx.Get(standing.BucketItems, k)
			if err != nil {
				return err
			}
			n, size = n+1, size+len(b)
		}
		return err
	}); err != nil {
		d.lab.t.Fatal(err)
	}
	return n, size
}

// flood lets d hear of so many requests of the other that came to nothing.
func (d *labDevice) flood(from *labDevice, requests, size int) (ids []wire.Hash) {
	d.lab.t.Helper()
	for i := range requests {
		d.lab.now = d.lab.now.Add(time.Second)
		d.core.Now = d.lab.now
		request, denial := from.hopeless(i, size)
		ids = append(ids, request.ID(), denial.ID())
		for _, it := range []message.Item{request, denial} {
			if err := d.core.Take(it); err != nil {
				d.lab.t.Fatalf("request %d: %v", i, err)
			}
		}
	}
	return ids
}

// TestFloodOfClosedRequests: a device that makes requests and denies them
// itself, for ever, has its share of the others' disks and no more. What was
// signed, what may be, and what other devices asked for stays.
func TestFloodOfClosedRequests(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		requests, size int
	}{
		{"many", 3 * ledger.MaxIdlePerDevice, 10},
		{"large", 2 * ledger.MaxIdleBytes / (100 << 10), 100 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 30)
			l.found(2, 3)
			phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]

			signed := laptop.ask("this was signed")
			phone.approves(signed.ID)
			if !l.run(time.Minute, func() bool { return phone.signed(signed.ID) && tablet.signed(signed.ID) }) {
				t.Fatal("not signed")
			}
			for _, d := range []*labDevice{phone, tablet} {
				d.core.Renew(d.request(signed.ID)) // as at the end of an epoch: no approval counts any more
			}
			others := tablet.ask("of the tablet")
			released := laptop.ask("this may be signed")
			if !l.run(time.Minute, func() bool { return phone.request(others.ID) != nil && phone.request(released.ID) != nil }) {
				t.Fatal("the requests do not arrive")
			}
			phone.core.Now = l.now
			if err := phone.core.NoteReleased(phone.request(released.ID)); err != nil {
				t.Fatal(err)
			}
			for _, id := range []wire.RequestID{others.ID, released.ID} {
				phone.core.Deny(phone.request(id)) // of the released one it says that this is too late
			}
			l.now = l.now.Add(time.Minute)

			before, bytesBefore := phone.itemsStored()
			phone.flood(laptop, c.requests, c.size)
			check := func(when string) {
				t.Helper()
				n, size := phone.itemsStored()
				if n-before > 2*ledger.MaxIdlePerDevice || size-bytesBefore > ledger.MaxIdleBytes {
					t.Errorf("%s: the laptop has filled the phone with %d items, %d bytes", when, n-before, size-bytesBefore)
				}
				if n == before {
					t.Errorf("%s: nothing of the laptop's requests is kept", when)
				}
				for _, id := range []wire.RequestID{signed.ID, others.ID, released.ID} {
					if phone.request(id) == nil {
						t.Errorf("%s: the flood has pushed out request %v", when, id)
					}
				}
			}
			check("after the flood")
			if tablet.flood(laptop, c.requests, c.size); tablet.request(signed.ID) == nil {
				t.Error("the flood has pushed out a receipt from a device that took no part in the signature")
			}
			phone.kill()
			phone.start()
			check("after a restart")
		})
	}
}
