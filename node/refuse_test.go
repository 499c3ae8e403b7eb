package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/journal"
	"github.com/warifu/warifu/node/changes"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/redeal"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// refusals counts the dead re-deals on the disk of d.
func (d *labDevice) refusals() (n int) {
	d.lab.t.Helper()
	if err := d.journal.View(func(tx journal.Tx) error {
		keys, err := tx.Keys(standing.BucketDead)
		n = len(keys)
		return err
	}); err != nil {
		d.lab.t.Fatal(err)
	}
	return n
}

// TestOneMemberDoesNotFillDisksWithRefusals: whoever makes up one re-deal after
// the other must not have the others write each down for good.
func TestOneMemberDoesNotFillDisksWithRefusals(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 96)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	head := laptop.core.Circle.Head().Record
	made := func() refresh.Proposal {
		return refresh.Proposal{
			Version: refresh.Version, Circle: head.Circle, Parent: head.Hash(), Epoch: 1, Kind: roster.Refresh, Threshold: 2,
			Members: []wire.Slot{1, 2, 3}, Dealers: []wire.Slot{1, 2}, Settings: head.Settings, Proposer: 3,
		}
	}
	bring := func(from *labDevice, n uint64) {
		for range n {
			l.now = l.now.Add(time.Millisecond)
			m := proposing(made(), uint64(l.now.UnixNano()))
			laptop.core.onMessage(l.now, from.id, wire.ProtocolSync, message.EncodeMessage(message.MsgRedeal, m))
		}
	}
	bring(tablet, 10*redeal.MaxRefused)
	if n := laptop.refusals(); n != redeal.MaxRefused || len(laptop.core.Dead) != redeal.MaxRefused {
		t.Errorf("%d refusals are kept, %d in memory, want %d", n, len(laptop.core.Dead), redeal.MaxRefused)
	}
	bring(phone, 1) // another one is told no all the same
	if n := laptop.refusals(); n != redeal.MaxRefused+1 {
		t.Errorf("%d refusals, want one more", n)
	}
	l.now = l.now.Add(redeal.RefusedFor)
	bring(tablet, 1)
	if n := laptop.refusals(); n != redeal.MaxRefused+2 {
		t.Errorf("%d refusals an hour later, want one more", n)
	}
	phone.change(change.Refresh, change.Payload{})
	if !l.run(10*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("no re-deal afterwards\n%s", l.logs())
	}
	l.signsWith(laptop, tablet)
}

// TestOneMemberDoesNotUseUpTheNumbers: a member proposes the highest number that
// is taken, over and over, and lets each attempt die. The others must be able to
// re-deal afterwards.
func TestOneMemberDoesNotUseUpTheNumbers(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 101)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	head := laptop.core.Circle.Head().Record
	l.tamper = withoutTests
	for n := range uint64(3) {
		r := tablet.change(change.Refresh, change.Payload{})
		l.run(time.Second, nil)
		for _, top := range []uint64{head.Epoch + changes.MaxSkip, laptop.core.Circle.Highest + changes.MaxSkip} {
			p := refresh.Proposal{
				Version: refresh.Version, Circle: head.Circle, Parent: head.Hash(), Epoch: top, Kind: roster.Refresh, Threshold: 2,
				Members: []wire.Slot{1, 2, 3}, Dealers: []wire.Slot{1, 2}, Settings: head.Settings, Proposer: 3,
			}
			m := proposing(p, n)
			m.Request = r.ID
			for _, d := range []*labDevice{phone, laptop} {
				l.run(5*time.Minute, func() bool { return !d.core.Redealing() })
				d.core.onMessage(l.now, tablet.id, wire.ProtocolSync, message.EncodeMessage(message.MsgRedeal, m))
			}
		}
		l.run(5*time.Minute, func() bool { return !phone.core.Redealing() && !laptop.core.Redealing() })
		if err := tablet.core.Deny(r); err != nil {
			t.Fatal(err)
		}
	}
	l.tamper = nil
	phone.change(change.Refresh, change.Payload{})
	if !l.run(10*time.Minute, l.in(0, phone, laptop)) {
		t.Fatalf("no re-deal is possible any more: the highest number is %d\n%s", laptop.core.Circle.Highest, laptop.log)
	}
	l.signsWith(phone, laptop)
}
