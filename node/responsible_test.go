package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
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
	phone.core.now = l.now
	phone.core.lock()
	l.run(2*time.Second, nil)
	r := laptop.change(api.KindRefresh, change{})
	if !l.run(time.Minute, func() bool { return rest[2].request(r.id) != nil }) {
		t.Fatalf("the request does not get about\n%s", l.logs())
	}
	laptop.kill()
	rest[0].start()
	rest[1].start()
	if !l.run(3*time.Minute, func() bool { return rest[2].core.circle.head().Record.Epoch > 0 }) {
		t.Fatalf("nobody proposes\n%s", l.logs())
	}
}
