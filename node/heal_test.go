package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/meet"
	"github.com/warifu/warifu/recovery"
)

// change asks for a change of the circle at d, whose person is there.
func (d *labDevice) change(kind change.Kind, ch change.Payload) *openRequest {
	d.lab.t.Helper()
	d.core.now = d.lab.now
	r, err := d.core.askChange(kind, ch, time.Hour)
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
			if c == nil || c.circle == nil || c.circle.record.Epoch <= e || c.redealing() ||
				c.circle.record.Epoch != devices[0].core.circle.record.Epoch || c.oldestShare() != c.circle.record.Epoch {
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
	b.approves(r.id)
	if !l.run(2*time.Minute, func() bool { return a.signed(r.id) }) {
		l.t.Fatalf("%s and %s do not sign\n%s", a.name, b.name, l.logs())
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 20)
	l.found(2, 3)
	before := l.devices[0].core.circle.record
	r := l.devices[1].change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("no new epoch\n%s", l.logs())
	}
	l.run(2*time.Second, nil)
	if s := r.state(); s != api.StateDone {
		t.Errorf("request is %s", s)
	}
	after := l.devices[0].core.circle.record
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
	r := laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.circle.slot)})
	l.run(5*time.Second, nil)
	if laptop.core.circle.record.Epoch != 0 {
		t.Fatal("one person's word was enough")
	}
	if err := tablet.core.maySign(); api.CodeOf(err) != api.CodeFrozen {
		t.Errorf("not frozen: %v", err)
	}
	tablet.approves(r.id)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	if laptop.linked[phone] || tablet.linked[phone] {
		t.Error("the lost device is still connected")
	}
	l.signsWith(laptop, tablet)
	l.signsWith(tablet, laptop)
	// The thief's device knows nothing of it and can do nothing.
	phone.core.now = l.now
	phone.core.vigil.Judge = nil // the thief does not care for accusations
	stolen := phone.ask("money to the thief")
	if l.run(2*time.Minute, func() bool { return phone.signed(stolen.id) }) {
		t.Fatal("the lost device signs")
	}
	if laptop.request(stolen.id) != nil {
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
		return laptop.core.circle.record.Epoch > 0 && !laptop.core.redealing() && !tablet.core.redealing()
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
	phone.core.cfg.Keeper.Lock()
	phone.core.tellLocked()
	l.run(time.Second, nil)
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.circle.record.Epoch > 0 && !laptop.core.redealing() && !tablet.core.redealing()
	}) {
		t.Fatalf("no new epoch without the locked device\n%s", l.logs())
	}
	l.run(10*time.Minute, nil)
	if phone.core.hasShare() {
		t.Fatal("a locked device has a new share")
	}
	if err := phone.keeper.Unlock(nil); err != nil {
		t.Fatal(err)
	}
	phone.core.now = l.now
	phone.core.unlocked()
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
		e := laptop.core.circle.record.Epoch
		laptop.change(change.Refresh, change.Payload{})
		if !l.run(time.Minute, func() bool {
			return laptop.core.circle.record.Epoch > e && !laptop.core.redealing() && !tablet.core.redealing()
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
	for id, r := range phone.core.requests {
		if r.open() && r.state() != api.StateDone {
			t.Errorf("%s is %s on the sleeper", id, r.state())
		}
	}
	e := phone.core.circle.record.Epoch
	laptop.kill()
	l.run(2*time.Minute, nil)
	if now := phone.core.circle.record.Epoch; now != e || phone.core.redealing() {
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
	if !l.run(2*time.Minute, func() bool { return phone.core.circle.evicted != nil }) {
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
	r := phone.change(change.Add, change.Payload{Card: watch.core.joining.card.Bytes(), Addrs: watch.Addrs()})
	laptop.approves(r.id)
	if !l.run(time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("not added\n%s", l.logs())
	}
	rec := watch.core.circle.record
	if rec.Threshold != 3 || len(rec.Devices) != 4 {
		t.Errorf("%d of %d", rec.Threshold, len(rec.Devices))
	}
	r = watch.ask("from the new device")
	laptop.approves(r.id)
	phone.approves(r.id)
	if !l.run(time.Minute, func() bool { return watch.signed(r.id) }) {
		t.Fatalf("the new device does not sign\n%s", l.logs())
	}
	watch.kill()
	watch.start()
	if watch.core.circle == nil || len(watch.core.circle.chain) != 2 {
		t.Fatal("the new device forgot the chain")
	}
}

// introduce lets a newcomer join a living circle as pairing does.
func (l *lab) introduce(sponsor, newcomer_ *labDevice) {
	c := newcomer_.core
	c.now = l.now
	s := meet.Newcomer{Card: sponsor.core.ownCard([32]byte{1}), Addrs: sponsor.Addrs()}
	c.joining = &joining{sponsor: s, card: c.ownCard([32]byte{1}), touched: l.now}
	c.pairing[string(sponsor.id)] = nil
	c.admit()
	sponsor.core.pairing[string(newcomer_.id)] = nil
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
		if err := d.core.maySign(); api.CodeOf(err) != api.CodeFrozen {
			t.Errorf("%s: %v", d.name, err)
		}
	}
	r := laptop.change(change.Thaw, change.Payload{})
	l.run(2*time.Second, nil)
	if laptop.core.frozen() == "" {
		t.Error("thawed by one")
	}
	tablet.approves(r.id)
	l.run(2*time.Second, nil)
	for _, d := range l.devices {
		if why := d.core.frozen(); why != "" {
			t.Errorf("%s is still frozen: %s", d.name, why)
		}
	}
	// The overruled device cannot freeze again alone.
	phone.change(change.Freeze, change.Payload{})
	l.run(2*time.Second, nil)
	if why := tablet.core.frozen(); why != "" {
		t.Errorf("frozen again by the overruled: %s", why)
	}
	l.signsWith(laptop, tablet)
}

func TestMutualAccusationsAreDisputed(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 27)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.change(change.Lost, change.Payload{Slot: uint16(laptop.core.circle.slot)})
	laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.circle.slot)})
	l.run(5*time.Second, nil)
	v, _ := tablet.core.vigil.Judge.View(laptop.core.circle.slot)
	if v.State != recovery.Disputed || tablet.core.frozen() == "" {
		t.Error("not disputed")
	}
	if tablet.core.circle.record.Epoch != 0 {
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
		d.core.cfg.Timings = l.timings()
	}
	if !l.run(40*24*time.Hour, l.in(0, laptop, tablet)) {
		v, _ := laptop.core.vigil.Judge.View(1)
		t.Fatalf("not removed: %+v\n%s", v, l.logs())
	}
	if took := l.now.Sub(start); took < 21*24*time.Hour || took > 22*24*time.Hour {
		t.Errorf("removed after %v, want 7 days of suspicion and 14 of grace", took)
	}
	l.step = 500 * time.Millisecond
	l.signsWith(laptop, tablet)
	phone.start()
	if !l.run(time.Minute, func() bool { return phone.core.circle.evicted != nil }) {
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
		d.core.cfg.Timings = l.timings()
	}
	l.run(20*24*time.Hour, nil)
	if v, _ := laptop.core.vigil.Judge.View(1); v.State != recovery.Grace {
		t.Fatalf("state %v", v.State)
	}
	phone.start()
	l.run(time.Hour, nil)
	l.run(10*24*time.Hour, nil)
	if e := laptop.core.circle.record.Epoch; e != 0 {
		t.Errorf("epoch %d", e)
	}
	if v, _ := tablet.core.vigil.Judge.View(1); v.State != recovery.Live {
		t.Errorf("state %v", v.State)
	}
}

func TestNewPhoneAfterALostOne(t *testing.T) {
	t.Parallel()
	l := newLab(t, 4, 30)
	l.found(2, 3)
	phone, laptop, tablet, fresh := l.devices[0], l.devices[1], l.devices[2], l.devices[3]
	r := laptop.change(change.Lost, change.Payload{Slot: uint16(phone.core.circle.slot)})
	tablet.approves(r.id)
	if !l.run(time.Minute, l.in(0, laptop, tablet)) {
		t.Fatalf("not healed\n%s", l.logs())
	}
	phone.kill()
	l.run(3*time.Second, nil)
	if n := len(laptop.core.oldShares().alive); n != 1 {
		t.Errorf("%d old shares possibly alive, want that of the lost device", n)
	}
	l.introduce(laptop, fresh)
	r = laptop.change(change.Add, change.Payload{Card: fresh.core.joining.card.Bytes(), Addrs: fresh.Addrs()})
	tablet.approves(r.id)
	if !l.run(time.Minute, l.in(1, laptop, tablet, fresh)) {
		t.Fatalf("not added\n%s", l.logs())
	}
	if rec := fresh.core.circle.record; rec.Threshold != 2 || len(rec.Devices) != 3 || rec.Devices[2].Slot != 4 {
		t.Errorf("%d of %d", rec.Threshold, len(rec.Devices))
	}
	for _, pair := range [][2]*labDevice{{laptop, fresh}, {fresh, tablet}, {tablet, laptop}} {
		l.signsWith(pair[0], pair[1])
	}
}
