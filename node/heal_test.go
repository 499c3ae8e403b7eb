package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/founding"
	"github.com/warifu/warifu/node/ledger"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/recovery"
)

// change asks for a change of the circle at d, whose person is there.
func (d *labDevice) change(kind change.Kind, ch change.Payload) *ledger.Request {
	d.lab.t.Helper()
	d.core.Now = d.lab.now
	r, err := d.core.AskChange(kind, ch, time.Hour)
	d.core.settle()
	if err != nil {
		d.lab.t.Fatal(err)
	}
	return r
}

// in reports whether the devices are settled in one epoch above e.
func (l *lab) in(e uint64, devices ...*labDevice) func() bool {
	return func() bool {
		for _, d := range devices {
			c := d.core
			if c == nil || c.Circle == nil || c.Circle.Record.Epoch <= e || c.Redealing() ||
				c.Circle.Record.Epoch != devices[0].core.Circle.Record.Epoch || c.OldestShare() != c.Circle.Record.Epoch {
				return false
			}
		}
		return true
	}
}

// signsWith checks that a asks and b approves, and a signature comes of it.
func (l *lab) signsWith(a, b *labDevice) {
	l.t.Helper()
	r := a.ask("after it: " + a.name + " and " + b.name)
	b.approves(r.ID)
	if !l.run(2*time.Minute, func() bool { return a.signed(r.ID) }) {
		l.t.Fatalf("%s and %s do not sign\n%s", a.name, b.name, l.logs())
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 20)
	l.found(2, 3)
	before := l.devices[0].core.Circle.Record
	r := l.devices[1].change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	l.run(2*time.Second, nil)
	if s := r.State(); s != api.StateDone {
		t.Errorf("request is %s", s)
	}
	after := l.devices[0].core.Circle.Record
	if string(after.Accounts[0].GroupKey()) != string(before.Accounts[0].GroupKey()) || string(after.Accounts[0].Commitments[1]) == string(before.Accounts[0].Commitments[1]) {
		t.Error("the key changed, or the shares did not")
	}
	for i, a := range l.devices {
		if n := len(a.keeper.keys); n != 2 {
			t.Errorf("%s has %d epoch keys", a.name, n)
		}
		l.signsWith(a, l.devices[(i+1)%3])
	}
}

func TestLostDeviceIsRemoved(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 21)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	r := laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.Circle.Slot)})
	l.run(5*time.Second, nil)
	if laptop.core.Circle.Record.Epoch != 0 {
		t.Fatal("one person's word was enough")
	}
	if err := tablet.core.MaySign(); codeOf(err) != api.CodeFrozen {
		t.Errorf("not frozen: %v", err)
	}
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	if laptop.linked[phone] || tablet.linked[phone] {
		t.Error("the lost device is still connected")
	}
	l.signsWith(laptop, tablet)
	l.signsWith(tablet, laptop)
	// The thief's device knows nothing of it and can do nothing.
	phone.core.Now = l.now
	phone.core.Vigil.Judge = nil // the thief does not care for accusations
	stolen := phone.ask("money to the thief")
	if l.run(2*time.Minute, func() bool { return phone.signed(stolen.ID) }) {
		t.Fatal("the lost device signs")
	}
	if laptop.request(stolen.ID) != nil {
		t.Error("a request of the lost device was taken")
	}
}

func TestSleeperWakesUp(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 22)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.Circle.Record.Epoch > 0 && !laptop.core.Redealing() && !tablet.core.Redealing()
	}) {
		t.Fatalf("no new epoch without the sleeper\n%s", l.logs())
	}
	if len(laptop.keeper.keys) != 3 {
		t.Error("old shares died although a sleeper may need them to be alive")
	}
	l.signsWith(laptop, tablet)
	phone.start()
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("the sleeper did not come along\n%s", l.logs())
	}
	l.run(5*time.Second, nil)
	for _, d := range l.devices {
		if len(d.keeper.keys) != 2 {
			t.Errorf("%s has %d keys", d.name, len(d.keeper.keys))
		}
	}
	l.signsWith(phone, tablet)
	l.signsWith(laptop, phone)
}

// TestLockedSleeperFindsItsShareWhenUnlocked: who is locked cannot make its share
// durable, and what it was told is gone by the time when it can.
func TestLockedSleeperFindsItsShareWhenUnlocked(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 31)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.core.Config.Keeper.Lock()
	phone.core.TellLocked()
	l.run(time.Second, nil)
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.Circle.Record.Epoch > 0 && !laptop.core.Redealing() && !tablet.core.Redealing()
	}) {
		t.Fatalf("no new epoch without the locked device\n%s", l.logs())
	}
	l.run(10*time.Minute, nil)
	if phone.core.HasShare() {
		t.Fatal("a locked device has a new share")
	}
	if err := phone.keeper.Unlock(nil); err != nil {
		t.Fatal(err)
	}
	phone.core.Now = l.now
	phone.core.Unlocked()
	if !l.run(15*time.Second, l.in(0, l.devices...)) {
		t.Fatalf("it did not find its share\n%s", l.logs())
	}
	l.signsWith(phone, tablet)
}

func TestSleepsThroughThreeEpochs(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 23)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	for range 3 {
		e := laptop.core.Circle.Record.Epoch
		laptop.change(change.Refresh, change.Payload{})
		if !l.run(time.Minute, func() bool {
			return laptop.core.Circle.Record.Epoch > e && !laptop.core.Redealing() && !tablet.core.Redealing()
		}) {
			t.Fatalf("no new epoch\n%s", l.logs())
		}
	}
	phone.start()
	if !l.run(2*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("the sleeper did not come along\n%s", l.logs())
	}
	l.signsWith(phone, laptop)
	l.signsWith(tablet, phone)
	// What it hears of only now has long come about, and the sleeper must not
	// take it upon itself once who asked is away.
	for id, r := range phone.core.Requests {
		if r.Open() && r.State() != api.StateDone {
			t.Errorf("%s is %s on the sleeper", id, r.State())
		}
	}
	e := phone.core.Circle.Record.Epoch
	laptop.kill()
	l.run(2*time.Minute, nil)
	if now := phone.core.Circle.Record.Epoch; now != e || phone.core.Redealing() {
		t.Errorf("the sleeper has begun a re-deal that nobody asked for: epoch %d after %d", now, e)
	}
}

func TestLeave(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 24)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.change(change.Leave, change.Payload{})
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not left\n%s", l.logs())
	}
	if !l.run(2*time.Minute, func() bool { return phone.core.Circle.Evicted != nil }) {
		t.Errorf("the device does not know that it is out\n%s", l.logs())
	}
	l.signsWith(laptop, tablet)
}

func TestAddDevice(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 25)
	l.found(2, 3)
	phone, laptop, watch := l.devices[0], l.devices[1], l.devices[3]
	l.introduce(phone, watch)
	r := phone.change(change.Add, change.Payload{Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.ID)
	if !l.run(time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("not added\n%s", l.logs())
	}
	rec := watch.core.Circle.Record
	if rec.Threshold != 3 || len(rec.Devices) != 4 {
		t.Errorf("%d of %d", rec.Threshold, len(rec.Devices))
	}
	r = watch.ask("from the new device")
	laptop.approves(r.ID)
	phone.approves(r.ID)
	if !l.run(time.Minute, func() bool { return watch.signed(r.ID) }) {
		t.Fatalf("the new device does not sign\n%s", l.logs())
	}
	watch.kill()
	watch.start()
	if watch.core.Circle == nil || len(watch.core.Circle.Chain) != 2 {
		t.Fatal("the new device forgot the chain")
	}
}

// introduce lets a newcomer join a living circle as pairing does.
func (l *lab) introduce(sponsor, newcomer_ *labDevice) {
	c := newcomer_.core
	c.Now = l.now
	s := meet.Newcomer{Card: sponsor.core.OwnCard([32]byte{1}), Addrs: sponsor.Addrs()}
	c.Joining = &founding.Joining{Sponsor: s, Card: c.OwnCard([32]byte{1}), Touched: l.now}
	c.Pairing[string(sponsor.id)] = nil
	c.admit()
	sponsor.core.Pairing[string(newcomer_.id)] = nil
	sponsor.core.admit()
	l.connect()
}

func TestFreezeAndThaw(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 26)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.change(change.Freeze, change.Payload{})
	l.run(2*time.Second, nil)
	for _, d := range l.devices {
		if err := d.core.MaySign(); codeOf(err) != api.CodeFrozen {
			t.Errorf("%s: %v", d.name, err)
		}
	}
	r := laptop.change(change.Thaw, change.Payload{})
	l.run(2*time.Second, nil)
	if laptop.core.Frozen() == "" {
		t.Error("thawed by one")
	}
	tablet.approves(r.ID)
	l.run(2*time.Second, nil)
	for _, d := range l.devices {
		if why := d.core.Frozen(); why != "" {
			t.Errorf("%s is still frozen: %s", d.name, why)
		}
	}
	// The overruled device cannot freeze again alone.
	phone.change(change.Freeze, change.Payload{})
	l.run(2*time.Second, nil)
	if why := tablet.core.Frozen(); why != "" {
		t.Errorf("frozen again by the overruled: %s", why)
	}
	l.signsWith(laptop, tablet)
}

func TestMutualAccusationsAreDisputed(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 27)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.change(change.Lost, change.Payload{Slot: uint16(laptop.core.Circle.Slot)})
	laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.Circle.Slot)})
	l.run(5*time.Second, nil)
	v, _ := tablet.core.Vigil.Judge.View(laptop.core.Circle.Slot)
	if v.State != recovery.Disputed || tablet.core.Frozen() == "" {
		t.Error("not disputed")
	}
	if tablet.core.Circle.Record.Epoch != 0 {
		t.Error("somebody was removed")
	}
}

func TestSilentDeviceIsRemovedByItself(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 28)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	start := l.now
	phone.kill()
	l.step = 10 * time.Minute
	for _, d := range []*labDevice{laptop, tablet} {
		d.core.Config.Timings = l.timings()
	}
	if !l.run(40*24*time.Hour, l.in(0, laptop, tablet)) {
		v, _ := laptop.core.Vigil.Judge.View(1)
		t.Fatalf("not removed: %+v\n%s", v, l.logs())
	}
	if took := l.now.Sub(start); took < 21*24*time.Hour || took > 22*24*time.Hour {
		t.Errorf("removed after %v, want 7 days of suspicion and 14 of grace", took)
	}
	l.step = 500 * time.Millisecond
	l.signsWith(laptop, tablet)
	phone.start()
	if !l.run(time.Minute, func() bool { return phone.core.Circle.Evicted != nil }) {
		t.Errorf("the removed device does not learn it\n%s", l.logs())
	}
}

func TestReturningDeviceCancelsItsRemoval(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 29)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	l.step = 10 * time.Minute
	for _, d := range []*labDevice{laptop, tablet} {
		d.core.Config.Timings = l.timings()
	}
	l.run(20*24*time.Hour, nil)
	if v, _ := laptop.core.Vigil.Judge.View(1); v.State != recovery.Grace {
		t.Fatalf("state %v", v.State)
	}
	phone.start()
	l.run(time.Hour, nil)
	l.run(10*24*time.Hour, nil)
	if e := laptop.core.Circle.Record.Epoch; e != 0 {
		t.Errorf("epoch %d", e)
	}
	if v, _ := tablet.core.Vigil.Judge.View(1); v.State != recovery.Live {
		t.Errorf("state %v", v.State)
	}
}

func TestNewPhoneAfterALostOne(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 30)
	l.found(2, 3)
	phone, laptop, tablet, fresh := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	r := laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.Circle.Slot)})
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	phone.kill()
	l.run(3*time.Second, nil)
	if n := len(laptop.core.OldShares().Alive); n != 1 {
		t.Errorf("%d old shares possibly alive, want that of the lost device", n)
	}
	l.introduce(laptop, fresh)
	r = laptop.change(change.Add, change.Payload{Card: fresh.core.Joining.Card.Bytes(), Addrs: fresh.Addrs()})
	tablet.approves(r.ID)
	if !l.run(time.Minute, l.in(1, laptop, tablet, fresh)) {
		t.Fatalf("not added\n%s", l.logs())
	}
	if rec := fresh.core.Circle.Record; rec.Threshold != 2 || len(rec.Devices) != 3 || rec.Devices[2].Slot != 4 {
		t.Errorf("%d of %d", rec.Threshold, len(rec.Devices))
	}
	for _, pair := range [][2]*labDevice{{laptop, fresh}, {fresh, tablet}, {tablet, laptop}} {
		l.signsWith(pair[0], pair[1])
	}
}
