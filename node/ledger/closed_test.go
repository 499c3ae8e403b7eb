package ledger

import (
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// TestForgottenIsNotFetchedAgain: another device may still hold what this one
// has let go. It must not be asked for it at every contact.
func TestForgottenIsNotFetchedAgain(t *testing.T) {
	t.Parallel()
	d := newDevice(t, 3, 2)
	items := d.flood(2, MaxIdlePerDevice+10, 10)
	first, denial := items[0], items[1]
	id := message.RequestID(first.Body)
	if d.ledger.Requests[id] != nil {
		t.Fatal("the first request is not forgotten")
	}
	// The third device has a denial of its own, of a request that this one let go.
	late := d.answer(3, message.VerdictDeny, id)
	var ids []wire.Hash
	for _, it := range append(items, late) {
		ids = append(ids, it.ID())
	}
	asked := func() (n int) {
		if err := d.ledger.OnHave(3, message.Have{IDs: ids}); err != nil {
			t.Fatal(err)
		}
		for _, p := range d.bench.Sent() {
			var w message.Want
			if typ, body, err := message.SplitMessage(p.Msg); err != nil || typ != message.MsgWant || p.To != 3 || wire.Unmarshal(body, &w) != nil {
				t.Fatalf("it says %+v", p)
			}
			n += len(w.IDs)
		}
		return n
	}
	if n := asked(); n != 1 {
		t.Errorf("it asks for %d items, want 1: the answer that is new to it", n)
	}
	d.takes(first, denial, late)
	if d.ledger.Requests[id] != nil || len(d.ledger.Waiting) != 0 {
		t.Error("what was let go is taken again")
	}
	if n := asked(); n != 0 {
		t.Errorf("it asks for %d items again", n)
	}
}

// TestFloodDoesNotReviveARequest: a request that this device's person approved
// and that then expired must not come back as an open one, approved, because a
// flood made the device forget that it had expired.
func TestFloodDoesNotReviveARequest(t *testing.T) {
	t.Parallel()
	d := newDevice(t, 3, 3)
	request := d.asks(2, 1000, 10)
	id := message.RequestID(request.Body)
	d.takes(request)
	if err := d.answers.Approve(d.ledger.Requests[id], false); err != nil {
		t.Fatal(err)
	}
	approval := d.ledger.Requests[id].Approved[1]
	d.bench.Now = d.bench.Now.Add(8 * 24 * time.Hour)
	if d.ledger.Expire(); d.ledger.Requests[id].State() != Expired {
		t.Fatal("the request does not expire")
	}
	d.flood(2, 2*MaxIdlePerDevice, 10)
	d.start() // what it forgot, it does not know any more
	d.takes(request, approval)
	if got := d.ledger.Requests[id].State(); got != Expired {
		t.Errorf("a request that had expired is %s", got)
	}
}

// TestFloodDoesNotLiftADenial is the same for what a quorum agreed to and one
// person denied: without that denial it would take effect.
func TestFloodDoesNotLiftADenial(t *testing.T) {
	t.Parallel()
	d := newDevice(t, 3, 2)
	request := d.asks(2, 1000, 10)
	id := message.RequestID(request.Body)
	d.takes(request, d.answer(2, message.VerdictApprove, id), d.answer(3, message.VerdictApprove, id))
	if err := d.answers.Deny(d.ledger.Requests[id]); err != nil {
		t.Fatal(err)
	}
	d.bench.Now = d.bench.Now.Add(time.Minute)
	d.flood(2, 2*MaxIdlePerDevice, 10)
	if d.ledger.Requests[id] == nil {
		t.Error("the flood has pushed out a denial of what a quorum agreed to")
	}
}

// TestApprovalsOfOtherEpochsGoWithTheirRequest: they are stored, count for
// nothing, and must not stay behind.
func TestApprovalsOfOtherEpochsGoWithTheirRequest(t *testing.T) {
	t.Parallel()
	d := newDevice(t, 3, 2)
	request := d.asks(2, 0, 10)
	id := message.RequestID(request.Body)
	d.takes(request, d.answer(2, message.VerdictApprove, id))
	void := d.answer(3, message.VerdictApprove, id, func(a *message.Answer) { a.Record = wire.Hash{1} })
	if err := d.bench.Config.Journal.Update(func(tx journal.Tx) error { return putItem(tx, void) }); err != nil {
		t.Fatal(err)
	}
	d.start()
	held := d.ledger.Requests[id]
	approval := held.Approved[2]
	if len(held.Approved) != 1 || !slices.Contains(held.void, void.ID()) {
		t.Fatalf("approved by %v", held.Approved)
	}
	d.bench.Circle.Record.Epoch++ // none of them counts any more
	d.bench.Circle.Hash = d.bench.Circle.Record.Hash()
	d.answers.Renew(held)
	if len(held.Approved) != 0 {
		t.Error("an approval of the epoch before counts")
	}
	if !d.ledger.Forget(held) {
		t.Fatal("not forgotten")
	}
	for _, it := range []message.Item{request, approval, void} {
		if slices.Contains(d.stored(), it.ID().Hex()) {
			t.Errorf("item %v is still there", it.ID())
		}
	}
}

// TestForgottenIsBounded: so many names are remembered, and the oldest go first.
func TestForgottenIsBounded(t *testing.T) {
	t.Parallel()
	var f forgotten
	id := func(i int) wire.Hash { return wire.Hash{byte(i), byte(i >> 8), 1} }
	for i := range maxForgotten + 10 {
		f.Add(id(i))
		f.Add(id(i))
	}
	if len(f.ids) != maxForgotten || f.has(id(9)) || !f.has(id(10)) || !f.has(id(maxForgotten+9)) {
		t.Errorf("%d are remembered, the tenth: %v", len(f.ids), f.has(id(9)))
	}
}
