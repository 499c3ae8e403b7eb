package node

import (
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/recovery"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// signers checks that a signature comes of it when exactly these approve.
func (l *lab) signers(devices ...*labDevice) {
	l.t.Helper()
	r := devices[0].ask("signed by " + devices[0].name)
	for i, d := range devices[1:] {
		l.run(15*time.Second, nil)
		if devices[0].signed(r.ID) {
			l.t.Fatalf("%d signed, which are too few", i+1)
		}
		d.approves(r.ID)
	}
	if !l.run(2*time.Minute, func() bool { return devices[0].signed(r.ID) }) {
		l.t.Fatalf("%d devices do not sign\n%s", len(devices), l.logs())
	}
}

func TestThresholdChanges(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ n, from, to int }{{3, 2, 3}, {3, 3, 2}, {5, 3, 5}, {5, 4, 3}} {
		l := newLab(t, tc.n, 70)
		l.found(tc.from, tc.n)
		before := l.devices[0].core.Circle.Record
		r := l.devices[0].change(change.Threshold, change.Payload{Threshold: uint16(tc.to)})
		for _, d := range l.devices[1:tc.from] {
			l.run(5*time.Second, nil)
			if l.devices[0].core.Circle.Record.Epoch != 0 {
				t.Fatal("too few persons changed how many must sign")
			}
			d.approves(r.ID)
		}
		if !l.run(time.Minute, l.in(0, l.devices...)) {
			t.Fatalf("no new epoch\n%s", l.logs())
		}
		l.run(2*time.Second, nil)
		rec := l.devices[1].core.Circle.Record
		if rec.Threshold != tc.to || len(rec.Accounts[0].Commitments) != tc.to || string(rec.Accounts[0].GroupKey()) != string(before.Accounts[0].GroupKey()) {
			t.Errorf("%d of %d, want %d", rec.Threshold, len(rec.Devices), tc.to)
		}
		if s := r.State(); s != api.StateDone {
			t.Errorf("request is %s", s)
		}
		l.signers(l.devices[tc.n-tc.to:]...)
	}
}

// TestThresholdNeedsEnoughDevices: nobody deals a sharing that those who are
// there could not use, and the person hears whom it waits for.
func TestThresholdNeedsEnoughDevices(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 71)
	l.found(2, 3)
	l.devices[2].kill()
	r := l.devices[0].change(change.Threshold, change.Payload{Threshold: 3})
	l.devices[1].approves(r.ID)
	l.run(20*time.Second, nil)
	if e := l.devices[0].core.Circle.Record.Epoch; e != 0 || !strings.Contains(r.Trouble, "3 devices must take part, and only 2 can") {
		t.Errorf("epoch %d; trouble %q", e, r.Trouble)
	}
	l.devices[2].start()
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("not done when all were there\n%s", l.logs())
	}
	l.signers(l.devices...)
}

// TestNobodySlipsAnythingIn: what the persons did not agree to is in no re-deal,
// not even in one that devices make by themselves.
func TestNobodySlipsAnythingIn(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 72)
	l.found(2, 3)
	c := l.devices[1].core
	r := l.devices[0].change(change.Lost, change.Payload{Slot: 3})
	l.devices[1].approves(r.ID)
	good := refresh.Proposal{
		Kind: roster.Remove, Epoch: 1, Threshold: 2, Members: []wire.Slot{1, 2}, Settings: c.Circle.Record.Settings,
		Removed: []refresh.Removal{{Slot: 3, State: roster.Stolen}},
	}
	if why := c.Objection(good, r.ID); why != "" {
		t.Fatal(why)
	}
	for _, request := range []wire.RequestID{r.ID, {}} {
		p := good
		p.Threshold = 3
		if why := c.Objection(p, request); !strings.Contains(why, "how many must sign") {
			t.Errorf("another threshold: %q", why)
		}
		p = good
		p.Settings.Grace++
		if why := c.Objection(p, request); !strings.Contains(why, "settings") {
			t.Errorf("other settings: %q", why)
		}
	}
}

// TestRemoveAgrees: where the circle asks before it removes a silent device that
// leaves no spare, one person's agreement is enough, said during the countdown.
func TestRemoveAgrees(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 73)
	l.settings.NoSpareAuto = false
	l.found(2, 3)
	laptop, tablet := l.devices[1], l.devices[2]
	l.devices[0].kill()
	l.step = 10 * time.Minute
	for _, d := range []*labDevice{laptop, tablet} {
		d.core.Config.Timings = l.timings()
	}
	l.run(30*24*time.Hour, nil)
	if v, _ := laptop.core.Vigil.Judge.View(1); v.State != recovery.Grace || laptop.core.Circle.Record.Epoch != 0 {
		t.Fatalf("state %v in epoch %d, want to be asked", v.State, laptop.core.Circle.Record.Epoch)
	}
	r := laptop.change(change.Remove, change.Payload{Slot: 1})
	if !l.run(24*time.Hour, l.in(0, laptop, tablet)) {
		t.Fatalf("not removed\n%s", l.logs())
	}
	if s := r.State(); s != api.StateDone {
		t.Errorf("request is %s", s)
	}
	l.step = 500 * time.Millisecond
	l.signsWith(laptop, tablet)
}

// TestRetireWithoutTheSleeper: a person gives up on waiting for a device that
// sleeps. The old share of this device dies, and the sleeper still comes along.
func TestRetireWithoutTheSleeper(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 74)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	if err := laptop.core.RetireNow(); codeOf(err) != api.CodeBadArgument {
		t.Errorf("retired nothing: %v", err)
	}
	phone.kill()
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.Circle.Record.Epoch > 0 && !laptop.core.Redealing() && !tablet.core.Redealing()
	}) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	l.run(5*time.Second, nil)
	old := laptop.core.Circle.Chain[0].Record
	laptop.core.Now = l.now
	if err := laptop.core.RetireNow(); err != nil {
		t.Fatal(err)
	}
	if e := laptop.core.OldestShare(); e != 1 || len(laptop.keeper.keys) != 2 {
		t.Errorf("oldest share of epoch %d, %d keys", e, len(laptop.keeper.keys))
	}
	l.run(2*time.Second, nil)
	if d, _ := old.Device(2); tablet.core.MayHold(d, 0) {
		t.Error("the others do not hear of it")
	}
	laptop.kill()
	laptop.start()
	l.signsWith(laptop, tablet)
	phone.start()
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("the sleeper did not come along\n%s", l.logs())
	}
	l.signsWith(phone, laptop)
}
