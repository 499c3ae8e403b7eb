package node

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/wire"
)

// says has other tell d a message of the sync protocol.
func (d *labDevice) says(other *labDevice, typ uint8, body any) {
	other.core.onMessage(d.lab.now, d.id, wire.ProtocolSync, message.EncodeMessage(typ, body))
}

// TestMemberDoesNotChangeAddressesWithoutEnd: each change is a write, and has the
// device dial everybody.
func TestMemberDoesNotChangeAddressesWithoutEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 501)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	l.run(2*changes.AddrsPause, nil)
	slot := phone.core.Circle.Slot
	known := func() string { return strings.Join(laptop.core.Circle.Addrs[slot], " ") }
	at := func(n int) []string { return []string{fmt.Sprintf("/ip4/192.0.2.1/tcp/%d", n)} }

	before := laptop.journal.Writes()
	for i := 1; i <= 500; i++ {
		h := phone.core.Hello()
		h.Addrs = at(i)
		phone.says(laptop, message.MsgHello, h)
	}
	if n := laptop.journal.Writes() - before; n > 1 {
		t.Errorf("%d writes for what one device said at once, want one", n)
	}
	if got := known(); got != at(1)[0] {
		t.Errorf("it is at %s, want the first that it said", got)
	}
	// The last of them counts when the pause is over.
	l.run(changes.AddrsPause+2*standing.DefaultTimings.IdleTick, nil)
	if got := known(); got != at(500)[0] {
		t.Errorf("after the pause it is at %s, want the last that it said", got)
	}
	laptop.kill()
	laptop.start()
	if got := known(); got != at(500)[0] {
		t.Errorf("after a restart it is at %s", got)
	}
}

// TestReplaceInAFullCircle has the newcomer's address come to those of nine
// devices. They are read back, from messages and from disks, as of nine at most.
func TestReplaceInAFullCircle(t *testing.T) {
	t.Parallel()
	l := newLab(t, standing.MaxDevices+1, 502)
	l.found(5, standing.MaxDevices)
	phone, laptop, watch := l.devices[0], l.devices[1], l.devices[standing.MaxDevices]
	l.introduce(phone, watch)
	r := phone.change(change.Replace, change.Payload{Slot: standing.MaxDevices, Card: watch.core.Joining.Card.Bytes(), Addrs: watch.Addrs()})
	for _, d := range l.devices[1:5] {
		l.run(time.Second, func() bool { return d.core.Requests[r.ID] != nil })
		d.approves(r.ID)
	}
	if !l.run(20*time.Second, func() bool { return laptop.core.Attempt != nil }) {
		t.Fatalf("the re-deal does not begin: %s\n%s", phone.request(r.ID).Trouble, laptop.log)
	}
	// The newcomer says where it is, to the founder, too.
	watch.says(phone, message.MsgHello, message.Hello{Addrs: []string{"/ip4/192.0.2.1/tcp/1"}})
	for _, d := range []*labDevice{phone, laptop} {
		d.kill()
		d.start()
		if d.core.Attempt == nil || len(d.core.Circle.Addrs) > standing.MaxDevices {
			t.Errorf("%s: it knows of %d addresses and of the re-deal %v", d.name, len(d.core.Circle.Addrs), d.core.Attempt != nil)
		}
	}
	if !l.run(10*time.Minute, l.in(0, append([]*labDevice{watch}, l.devices[:standing.MaxDevices-1]...)...)) {
		t.Error("not replaced")
	}
}
