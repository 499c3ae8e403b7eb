package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/changes"
)

// TestLockedDeviceIsNotWaitedFor: whoever asked is away, and the first device
// that is here is locked. Another one must propose.
func TestLockedDeviceIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	l := newLab(t, 5, 56)
	l.found(3, 5)
	phone, laptop, rest := l.devices[0], l.devices[1], l.devices[2:]
	rest[0].kill()
	rest[1].kill()
	phone.core.Now = l.now
	phone.core.Lock()
	l.run(2*time.Second, nil)
	r := laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return rest[2].request(r.ID) != nil }) {
		t.Fatalf("the request does not get about\n%s", l.logs())
	}
	laptop.kill()
	rest[0].start()
	rest[1].start()
	if !l.run(3*time.Minute, func() bool { return rest[2].core.Circle.Head().Record.Epoch > 0 }) {
		t.Fatalf("nobody proposes\n%s", l.logs())
	}
}

// TestTurnPasses: who asked is here, and does not propose it, because it holds
// another member to be on its way out. The next one must propose, and leave it
// out if it does not agree.
func TestTurnPasses(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 57)
	l.found(2, 3)
	phone, others := l.devices[0], l.devices[1:]
	doubted := others[1].core.Self.Public
	phone.core.Circle.Fenced[doubted] = true
	r := phone.change(change.Refresh, change.Payload{})
	if l.run(changes.TurnLife/2, func() bool { return others[0].core.Attempt != nil || others[1].core.Attempt != nil }) {
		t.Fatalf("proposed out of turn\n%s", l.logs())
	}
	if !others[0].core.Granted(others[0].request(r.ID)) {
		t.Fatalf("the request is not granted\n%s", l.logs())
	}
	if !l.run(5*changes.TurnLife, l.in(0, others...)) {
		t.Fatalf("nobody else proposes\n%s", l.logs())
	}
	delete(phone.core.Circle.Fenced, doubted)
	if !l.run(changes.TurnLife, l.in(0, l.devices...)) {
		t.Fatalf("who was left out does not come along\n%s", l.logs())
	}
}
