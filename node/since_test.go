package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/standing"
)

// TestEpochsHaveDates: each device knows when it stored an epoch, also after a
// restart, and claims nothing of epochs that were stored before it noted times.
func TestEpochsHaveDates(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 93)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	tablet.kill()
	l.now = l.now.Add(48 * time.Hour)
	began := l.now
	phone.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return len(phone.core.Circle.Chain) == 2 && len(laptop.core.Circle.Chain) == 2 // the tablet sleeps
	}) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	healed := l.now
	l.now = l.now.Add(24 * time.Hour)
	woke := l.now
	tablet.start()
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("the sleeper does not come along\n%s", l.logs())
	}
	phone.kill()
	phone.start()
	epochs := func(d *labDevice) []api.Epoch {
		t.Helper()
		list, err := d.node().Epochs(t.Context())
		if err != nil || len(list) != 2 || list[0].Since == nil || list[1].Since == nil {
			t.Fatalf("%s: %+v, %v", d.name, list, err)
		}
		return list
	}
	within := func(at *time.Time, from, to time.Time) bool {
		return !at.Before(from.Truncate(time.Second)) && !at.After(to)
	}
	for _, d := range []*labDevice{phone, laptop} {
		list := epochs(d)
		if !list[0].Since.Before(began.Add(-47*time.Hour)) || !within(list[1].Since, began, healed) {
			t.Errorf("%s: since %v and %v, want before %v and then", d.name, list[0].Since, list[1].Since, began)
		}
	}
	if list := epochs(tablet); !within(list[1].Since, woke, l.now) {
		t.Errorf("the sleeper has it since %v, and woke at %v", list[1].Since, woke)
	}
	// As an earlier release left it.
	if err := laptop.journal.Update(func(tx journal.Tx) error { return tx.Delete(standing.BucketCircle, "since-0000000000000000") }); err != nil {
		t.Fatal(err)
	}
	if list, err := laptop.node().Epochs(t.Context()); err != nil || list[0].Since != nil || list[1].Since == nil {
		t.Errorf("%+v, %v", list, err)
	}
}
