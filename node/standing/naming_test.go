package standing_test

import (
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// TestNamesWhileOneReplacesTheOther: as long as both are at hand, both are told by
// their fingerprints.
func TestNamesWhileOneReplacesTheOther(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3).InCircle(2)
	two := slices.Clone(b.Circle.Record.Devices)
	two[1].Name, two[2].Name = "laptop", "LAPTOP"
	b.Circle.Record.Devices = two
	if got := b.Names([]wire.Slot{1, 2, 3}); got[0] != "phone" || got[1] != "laptop ("+standing.Fingerprint(two[1])+")" || got[2] != "LAPTOP ("+standing.Fingerprint(two[2])+")" {
		t.Errorf("they are called %q", got)
	}
}

// TestDatesOfOldStores: a store from before there were dates opens, and the epoch
// stands for the date.
func TestDatesOfOldStores(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3).InCircle(2)
	b.Circle.Record.Former = []roster.Former{{Slot: 9, Name: "Phone", State: roster.Left, Epoch: 4}}
	if at, got := b.SinceOf(4), b.Name(9); at != nil || got != "Phone (left in epoch 4, 00000000)" {
		t.Errorf("since %v, it is called %q", at, got)
	}
	// The first time that an epoch is stored counts.
	stored := b.Now
	for range 2 {
		if err := b.Config.Journal.Update(func(tx journal.Tx) error { return b.PutSince(tx, 4) }); err != nil {
			t.Fatal(err)
		}
		b.Now = b.Now.Add(24 * time.Hour)
	}
	if at, got := b.SinceOf(4), b.Name(9); at == nil || !at.Equal(stored) || got != "Phone (left 1 Dec 2026, 00000000)" {
		t.Errorf("since %v, it is called %q", at, got)
	}
	// A name that no other device has is enough.
	b.Circle.Record.Former[0].Name = "watch"
	if got := b.Name(9); got != "watch" {
		t.Errorf("it is called %q", got)
	}
}
