package node

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// hopeless is a request of d, of that many bytes, and the denial by which d
// closes it at once: what a device can make without end, alone.
func (d *labDevice) hopeless(n, size int) (request, denial item) {
	d.lab.t.Helper()
	c := d.core
	text := append(fmt.Appendf(nil, "request %d without end ", n), bytes.Repeat([]byte{'x'}, size)...)
	payload, err := intent.Normalize(intent.Input{Kind: intent.Message, Message: text})
	if err != nil {
		d.lab.t.Fatal(err)
	}
	body := wire.Marshal(c.messageRequest(payload, n))
	request = c.signItem(itemRequest, body)
	denial = c.signItem(itemAnswer, wire.Marshal(answer{
		Version: 1, Request: requestID(body), Verdict: verdictDeny, Epoch: c.circle.record.Epoch, Record: c.circle.hash,
	}))
	return request, denial
}

func (c *core) messageRequest(payload []byte, n int) request {
	return request{
		Version: 1, Circle: c.circle.record.Circle, From: uint16(c.circle.slot), Account: roster.Ethereum, Path: []uint32{0, 0},
		Kind: string(intent.Message), Payload: payload, Created: unix(c.now), Lifetime: minLifetime, Nonce: [16]byte{byte(n), byte(n >> 8)},
	}
}

// itemsStored counts what the journal of d holds of requests, and its bytes.
func (d *labDevice) itemsStored() (n, size int) {
	d.lab.t.Helper()
	if err := d.journal.View(func(tx journal.Tx) error {
		keys, err := tx.Keys(bucketItems)
		for _, k := range keys {
			b, err := tx.Get(bucketItems, k)
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
		d.core.now = d.lab.now
		request, denial := from.hopeless(i, size)
		ids = append(ids, request.id(), denial.id())
		for _, it := range []item{request, denial} {
			if err := d.core.take(it); err != nil {
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
		{"many", 3 * maxIdlePerDevice, 10},
		{"large", 2 * maxIdleBytes / (100 << 10), 100 << 10},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 30)
			l.found(2, 3)
			phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]

			signed := laptop.ask("this was signed")
			phone.approves(signed.id)
			if !l.run(time.Minute, func() bool { return phone.signed(signed.id) && tablet.signed(signed.id) }) {
				t.Fatal("not signed")
			}
			for _, d := range []*labDevice{phone, tablet} {
				d.core.renew(d.request(signed.id)) // as at the end of an epoch: no approval counts any more
			}
			others := tablet.ask("of the tablet")
			released := laptop.ask("this may be signed")
			if !l.run(time.Minute, func() bool { return phone.request(others.id) != nil && phone.request(released.id) != nil }) {
				t.Fatal("the requests do not arrive")
			}
			phone.core.now = l.now
			if err := phone.core.noteReleased(phone.request(released.id)); err != nil {
				t.Fatal(err)
			}
			for _, id := range []wire.RequestID{others.id, released.id} {
				phone.core.deny(phone.request(id)) // of the released one it says that this is too late
			}
			l.now = l.now.Add(time.Minute)

			before, bytesBefore := phone.itemsStored()
			phone.flood(laptop, c.requests, c.size)
			check := func(when string) {
				t.Helper()
				n, size := phone.itemsStored()
				if n-before > 2*maxIdlePerDevice || size-bytesBefore > maxIdleBytes {
					t.Errorf("%s: the laptop has filled the phone with %d items, %d bytes", when, n-before, size-bytesBefore)
				}
				if n == before {
					t.Errorf("%s: nothing of the laptop's requests is kept", when)
				}
				for _, id := range []wire.RequestID{signed.id, others.id, released.id} {
					if phone.request(id) == nil {
						t.Errorf("%s: the flood has pushed out request %v", when, id)
					}
				}
			}
			check("after the flood")
			if tablet.flood(laptop, c.requests, c.size); tablet.request(signed.id) == nil {
				t.Error("the flood has pushed out a receipt from a device that took no part in the signature")
			}
			phone.kill()
			phone.start()
			check("after a restart")
		})
	}
}

// TestForgottenIsNotFetchedAgain: another device may still hold what this one
// has let go. It must not be asked for it at every contact.
func TestForgottenIsNotFetchedAgain(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 31)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	ids := phone.flood(laptop, maxIdlePerDevice+10, 10)
	first, denial := laptop.hopeless(0, 10)
	if phone.core.requests[requestID(first.Body)] != nil {
		t.Fatal("the first request is not forgotten")
	}
	// The tablet has a denial of its own, of a request that the phone let go.
	late := tablet.core.signItem(itemAnswer, wire.Marshal(answer{
		Version: 1, Request: requestID(first.Body), Verdict: verdictDeny, Epoch: phone.core.circle.record.Epoch, Record: phone.core.circle.hash,
	}))
	ids = append(ids, late.id())

	asked := func() (n int) {
		l.wire = nil
		if err := phone.core.onHave(tablet.core.circle.slot, have{IDs: ids}); err != nil {
			t.Fatal(err)
		}
		for _, p := range l.wire {
			if typ, body, err := splitMessage(p.msg); err == nil && typ == msgWant {
				var w want
				if err := wire.Unmarshal(body, &w); err != nil {
					t.Fatal(err)
				}
				n += len(w.IDs)
			}
		}
		return n
	}
	if n := asked(); n != 1 {
		t.Errorf("the phone asks for %d items, want 1: the answer that is new to it", n)
	}
	for _, it := range []item{first, denial, late} {
		if err := phone.core.take(it); err != nil {
			t.Error(err)
		}
	}
	if phone.core.requests[requestID(first.Body)] != nil || len(phone.core.waiting) != 0 {
		t.Error("what was let go is taken again")
	}
	if n := asked(); n != 0 {
		t.Errorf("the phone asks for %d items again", n)
	}
}

// TestFloodDoesNotReviveARequest: a request that this device's person approved
// and that then expired must not come back as an open one, approved, because a
// flood made the device forget that it had expired.
func TestFloodDoesNotReviveARequest(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 32)
	l.found(3, 3)
	phone, laptop := l.devices[0], l.devices[1]
	r := laptop.ask("in time or never")
	phone.approves(r.id)
	request, approval := phone.request(r.id).item, phone.request(r.id).approved[1]
	l.step = time.Minute
	if !l.run(8*24*time.Hour, func() bool { return phone.request(r.id).state() == api.StateExpired }) {
		t.Fatal("the request does not expire")
	}
	phone.flood(laptop, 2*maxIdlePerDevice, 10)
	phone.kill()
	phone.start() // what it forgot, it does not know any more
	phone.core.now = l.now
	for _, it := range []item{request, approval} {
		phone.core.take(it)
	}
	if got := phone.request(r.id).state(); got != api.StateExpired {
		t.Errorf("a request that had expired is %s", got)
	}
}

// TestFloodDoesNotLiftADenial is the same for what a quorum agreed to and one
// person denied: without that denial it would take effect.
func TestFloodDoesNotLiftADenial(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 33)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := laptop.ask("two say yes, one says no")
	r.notUntil = l.now.Add(longestPause)
	tablet.approves(r.id)
	if !l.run(time.Minute, func() bool { p := phone.request(r.id); return p != nil && len(p.approved) == 2 }) {
		t.Fatal("the approvals do not arrive")
	}
	phone.core.now = l.now
	if err := phone.core.deny(phone.request(r.id)); err != nil {
		t.Fatal(err)
	}
	l.now = l.now.Add(time.Minute)
	phone.flood(laptop, 2*maxIdlePerDevice, 10)
	if phone.request(r.id) == nil {
		t.Error("the flood has pushed out a denial of what a quorum agreed to")
	}
}

// TestApprovalsOfOtherEpochsGoWithTheirRequest: they are stored, count for
// nothing, and must not stay behind.
func TestApprovalsOfOtherEpochsGoWithTheirRequest(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 34)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := laptop.ask("across an epoch")
	r.notUntil = l.now.Add(longestPause)
	if !l.run(time.Minute, func() bool { return phone.request(r.id) != nil && len(phone.request(r.id).approved) == 1 }) {
		t.Fatal("the request does not arrive")
	}
	void := func(d *labDevice) item {
		return d.core.signItem(itemAnswer, wire.Marshal(answer{
			Version: 1, Request: r.id, Verdict: verdictApprove, Epoch: phone.core.circle.record.Epoch, Record: wire.Hash{1},
		}))
	}
	if err := phone.journal.Update(func(tx journal.Tx) error { return putItem(tx, void(tablet)) }); err != nil {
		t.Fatal(err)
	}
	phone.kill()
	phone.start()
	held := phone.request(r.id)
	phone.core.renew(held) // as at the end of an epoch
	stored := []wire.Hash{held.item.id(), r.approved[laptop.core.circle.slot].id(), void(tablet).id()}
	if !phone.core.forget(held) {
		t.Fatal("not forgotten")
	}
	if err := phone.journal.View(func(tx journal.Tx) error {
		for _, id := range stored {
			if b, err := tx.Get(bucketItems, id.Hex()); err != nil || b != nil {
				t.Errorf("item %v is still there: %v", id, err)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}
