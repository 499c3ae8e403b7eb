package node

import (
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/standing"
)

// TestDiscoveryKeyChangesAtARemoval: a device that is out does not see the
// others on the local network any more, however it went, and they see each
// other, also after a restart.
func TestDiscoveryKeyChangesAtARemoval(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		goes func(l *lab, phone, laptop, tablet *labDevice)
	}{
		{"lost", func(_ *lab, phone, laptop, tablet *labDevice) {
			r := laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.Circle.Slot)})
			tablet.approves(r.ID)
		}},
		{"leaves", func(_ *lab, phone, _, _ *labDevice) { phone.change(change.Leave, change.Payload{}) }},
		{"silent", func(l *lab, phone, laptop, tablet *labDevice) {
			phone.kill()
			l.step = 10 * time.Minute
			for _, d := range []*labDevice{laptop, tablet} {
				d.core.Config.Timings = l.timings()
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, 3, 63)
			l.found(2, 3)
			phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
			before := phone.beacon
			if before == ([32]byte{}) || laptop.beacon != before || tablet.beacon != before {
				t.Fatal("they have no common key")
			}
			tc.goes(l, phone, laptop, tablet)
			if !l.run(40*24*time.Hour, l.in(0, laptop, tablet)) {
				t.Fatalf("not removed\n%s", l.logs())
			}
			for _, when := range []string{"at once", "after a restart"} {
				if laptop.beacon == before || laptop.beacon == ([32]byte{}) || tablet.beacon != laptop.beacon {
					t.Errorf("%s: before %x, laptop %x, tablet %x", when, before[:4], laptop.beacon[:4], tablet.beacon[:4])
				}
				if len(laptop.older) > 0 || len(tablet.older) > 0 {
					t.Errorf("%s: older keys are used although nobody is behind", when)
				}
				if phone.beacon == laptop.beacon {
					t.Errorf("%s: who is out has the key", when)
				}
				for _, d := range []*labDevice{laptop, tablet} {
					d.kill()
					d.start()
				}
			}
		})
	}
}

// TestSleeperIsLookedFor: a device that sleeps through re-deals has the key of
// the epoch before. The others look for it under that one, whatever restarts,
// as long as it is behind, and show themselves under the newest.
func TestSleeperIsLookedFor(t *testing.T) {
	t.Parallel()
	for _, epochs := range []int{1, 3, standing.MaxOlder + 3} {
		l := newLab(t, 3, 64)
		l.found(2, 3)
		phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
		others := []*labDevice{laptop, tablet}
		before := phone.beacon
		phone.kill()
		for range epochs {
			e := laptop.core.Circle.Record.Epoch
			laptop.change(change.Refresh, change.Payload{})
			if !l.run(time.Minute, func() bool { return laptop.settled(e) && tablet.settled(e) }) {
				t.Fatalf("no new epoch\n%s", l.logs())
			}
		}
		for _, d := range others {
			d.kill()
			d.start()
			if d.beacon == before || !slices.Contains(d.older, before) || slices.Contains(d.older, d.beacon) || len(d.older) > standing.MaxOlder {
				t.Errorf("%d epochs: %s shows itself under %x and looks under %d others", epochs, d.name, d.beacon[:4], len(d.older))
			}
		}
		phone.start()
		if phone.beacon != before {
			t.Error("the sleeper has another key than before")
		}
		if epochs > 1 { // its share is nowhere any more
			e := laptop.core.Circle.Record.Epoch
			if !l.run(time.Minute, func() bool { return phone.core.Circle.Record.Epoch == e }) {
				t.Fatalf("it does not learn how far the others are\n%s", l.logs())
			}
			if !slices.Contains(laptop.older, phone.beacon) {
				t.Error("a device without a share is not looked for")
			}
			laptop.change(change.Refresh, change.Payload{})
		}
		if !l.run(2*time.Minute, l.in(0, l.devices...)) {
			t.Fatalf("the sleeper did not come along\n%s", l.logs())
		}
		for _, d := range l.devices {
			d.kill()
			d.start()
			if d.beacon != laptop.beacon || len(d.older) > 0 {
				t.Errorf("%d epochs, in the end: %s shows itself under %x and looks under %d others", epochs, d.name, d.beacon[:4], len(d.older))
			}
		}
	}
}
