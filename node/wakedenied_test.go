package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestOneMemberKeepsNoSleeperAsleep: anybody can make a re-deal up in which a
// device sleeps, and that device listens to one at a time. One member must not
// have it listen to nothing else: what the others hold for it may be the only
// way to the key without that member.
func TestOneMemberKeepsNoSleeperAsleep(t *testing.T) {
	t.Parallel()
	for _, knows := range []bool{false, true} { // that there is a newer epoch
		l := newLab(t, 3, 98)
		l.found(2, 3)
		phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
		tablet.kill()
		laptop.change(change.Refresh, change.Payload{})
		if !l.run(time.Minute, func() bool {
			return laptop.core.Circle.Head().Record.Epoch == 1 && phone.core.Circle.Head().Record.Epoch == 1
		}) {
			t.Fatalf("no new epoch without the sleeper\n%s", l.logs())
		}
		parent := phone.core.Circle.Chain[0].Record
		if knows {
			parent = phone.core.Circle.Chain[1].Record
		}
		n := uint64(0)
		bother := func() {
			p := refresh.Proposal{
				Version: refresh.Version, Circle: parent.Circle, Parent: parent.Hash(), Epoch: 9, Kind: roster.Refresh, Threshold: 2,
				Members: []wire.Slot{1, 2}, Dealers: []wire.Slot{1, 2}, Sleepers: []wire.Slot{3}, Settings: parent.Settings, Proposer: 2,
			}
			n++
			m := proposing(p, n)
			tablet.core.onMessage(l.now, laptop.id, wire.ProtocolSync, message.EncodeMessage(message.MsgRedeal, m))
		}
		l.tamper = func(from, to *labDevice, b []byte) []byte {
			if to == tablet {
				bother() // before whatever an honest device says
			}
			if from == laptop && to == tablet {
				return nil
			}
			return b
		}
		tablet.start()
		if !l.run(5*time.Minute, func() bool { return tablet.core.HasShare() && tablet.core.Circle.Record.Epoch == 1 }) {
			t.Fatalf("it does not wake up\n%s", phone.log)
		}
		l.signsWith(tablet, phone)
		l.signsWith(phone, tablet)
	}
}
