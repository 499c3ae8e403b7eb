package ledger

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// TestOneAnswerOfADeviceIsKept: an answer can be said in many ways, each with a
// name of its own. A device that says them all must not fill other disks.
func TestOneAnswerOfADeviceIsKept(t *testing.T) {
	t.Parallel()
	d := newDevice(t, 3, 3)
	r := d.asks(3, 0, 10)
	d.takes(r)
	before := len(d.stored())
	for i := range byte(50) {
		for _, verdict := range []uint8{message.VerdictApprove, message.VerdictDeny} {
			d.takes(d.answer(2, verdict, message.RequestID(r.Body), func(a *message.Answer) { a.Presence = bytes.Repeat([]byte{i}, 64) }))
		}
	}
	if n := len(d.stored()) - before; n > 2 {
		t.Errorf("%d answers of one device are stored", n)
	}
	if want := []string{"arrived", "stop: denied"}; !slices.Equal(d.sequel.lines, want) {
		t.Errorf("what follows is %q, want %q", d.sequel.lines, want)
	}
}

// TestForgedStatementRaisesNoAlarm: a device is told that it has forgotten what
// it said only by what it did say.
func TestForgedStatementRaisesNoAlarm(t *testing.T) {
	t.Parallel()
	const alarm = "does not remember"
	d := newDevice(t, 3, 2)
	shows := func(it message.Item) error {
		return d.ledger.OnItems(2, message.Items{Items: []message.Item{it}})
	}
	forged := message.Item{Type: message.ItemAnswer, From: 1, Body: []byte("nothing"), Sig: make([]byte, 64)}
	if err := shows(forged); !errors.Is(err, standing.ErrFault) || strings.Contains(d.log.String(), alarm) {
		t.Errorf("anybody can make a device say that it was restored from a backup: %v", err)
	}
	// Its own word, of which it knows that it let it go.
	d.ledger.forgotten.Add(wire.Hash{1})
	if shows(d.answer(1, message.VerdictDeny, wire.RequestID{1})); strings.Contains(d.log.String(), alarm) {
		t.Error("what was forgotten on purpose is taken for what was lost")
	}
	own := d.answer(1, message.VerdictDeny, wire.RequestID{2})
	for range 3 {
		shows(own)
	}
	if n := strings.Count(d.log.String(), alarm); n != 1 {
		t.Errorf("a statement that it does not remember is named %d times, want once", n)
	}
}

// TestOrphansAreBounded: answers without a request are verified once each while
// they are kept, and one device's push out nobody else's.
func TestOrphansAreBounded(t *testing.T) {
	t.Parallel()
	d := newDevice(t, 3, 2)
	verified := func(items ...message.Item) int {
		before := d.bench.Verified
		d.takes(items...)
		return d.bench.Verified - before
	}
	orphan := func(from wire.Slot, i int) message.Item {
		return d.answer(from, message.VerdictApprove, wire.RequestID{byte(i), byte(i >> 8), 9})
	}
	mine := orphan(3, 0)
	verified(mine)
	for i := range 100 * MaxWaitingPerDevice {
		verified(orphan(2, i))
	}
	if n := len(d.ledger.Waiting); n != MaxWaitingPerDevice+1 {
		t.Errorf("%d are kept", n)
	}
	if n := verified(mine, mine); n != 0 {
		t.Errorf("one that is kept is verified again, or was pushed out: %d", n)
	}
	// A request that comes has its own looked at and no others.
	r := d.asks(2, 1, 10)
	if n := verified(r); n != 1 {
		t.Errorf("a request with %d orphans of others: %d verifications", len(d.ledger.Waiting), n)
	}
	if n := verified(d.answer(3, message.VerdictApprove, message.RequestID(d.asks(2, 2, 10).Body)), d.asks(2, 2, 10)); n != 3 {
		t.Errorf("an answer that came before its request: %d verifications, want one of the request and two of the answer", n)
	}
	if got := d.ledger.Requests[message.RequestID(d.asks(2, 2, 10).Body)]; !Has(got.Approved, 3) {
		t.Error("an answer that came before its request does not count")
	}
}

// TestInventoryIsMadeOnce: what is asked for a hundred times is listed once, is
// right each time, and is not kept for longer than the items are.
func TestInventoryIsMadeOnce(t *testing.T) {
	t.Parallel()
	d := newDevice(t, 3, 2)
	d.flood(3, 20, 1000)
	right := func(what string) {
		t.Helper()
		got, want := slices.Clone(d.ledger.Inventory()), []wire.Hash{}
		for _, r := range d.ledger.Requests {
			want = append(want, r.stored()...)
		}
		compare := func(a, b wire.Hash) int { return slices.Compare(a[:], b[:]) }
		slices.SortFunc(got, compare)
		slices.SortFunc(want, compare)
		if !slices.Equal(got, want) || len(got) != len(d.stored()) || len(got) != len(d.ledger.Stock.Items) {
			t.Errorf("%s: the inventory lists %d items, not the %d that are kept", what, len(got), len(want))
		}
		made := d.ledger.Stock.Made
		for range 100 {
			d.ledger.Inventory()
		}
		if d.ledger.Stock.Made != made {
			t.Errorf("%s: the inventory is made %d times for 100 looks at it", what, d.ledger.Stock.Made-made)
		}
	}
	right("at first")
	d.flood(2, 5, 1000)
	right("with more")
	if !d.ledger.Forget(d.ledger.ByAge()[0]) {
		t.Fatal("not forgotten")
	}
	right("with less")
	d.takes(d.asks(2, 100, 10))
	right("after others spoke")
	d.start()
	right("after a restart")
	d.bench.Now = d.bench.Now.Add(time.Hour)
	d.ledger.Expire()
	right("after some expired")
}
