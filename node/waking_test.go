package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// TestSleeperDoesNotWakeUpIntoThePast has a sleeper hear of the re-deal that it
// slept through, then that the circle has gone past it, and only then who was
// ready for it. Its share of that epoch is worth nothing by now, and must not
// pass for one of the newest.
func TestSleeperDoesNotWakeUpIntoThePast(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 54)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return laptop.core.Circle.Record.Epoch == 1 && !laptop.core.Redealing() && !tablet.core.Redealing()
	}) {
		t.Fatalf("no new epoch without the sleeper\n%s", l.logs())
	}

	// The sleeper hears of the proposal, and nothing else gets through.
	var late []parcel
	old := laptop.core.Attempt.Proposal.Session()
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if to != phone {
			return b
		}
		f, err := wire.ParseFrame(b)
		switch isFrame := err == nil; {
		case isFrame && f.Session == old:
			late = append(late, parcel{from: from, msg: b})
			return nil
		case isFrame || b[0] == message.MsgChain:
			return nil
		}
		return b
	}
	phone.start()
	if !l.run(time.Minute, func() bool { return phone.core.Waking != nil && len(late) >= 12 }) {
		t.Fatalf("the sleeper does not hear of the re-deal\n%s", l.logs())
	}
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(2*time.Minute, func() bool {
		return laptop.core.Circle.Record.Epoch >= 2 && !laptop.core.Redealing() && !tablet.core.Redealing()
	}) {
		t.Fatalf("no epoch after it\n%s", l.logs())
	}

	// The rest of the old re-deal is overtaken by the chain on its way.
	for _, m := range laptop.core.ChainAfter(0) {
		phone.core.onMessage(l.now, laptop.id, wire.ProtocolSync, message.EncodeMessage(message.MsgChain, m))
	}
	for _, p := range late {
		phone.core.onMessage(l.now, p.from.id, wire.ProtocolSession, p.msg)
	}
	c := phone.core
	if c.Circle.Record.Epoch != c.Circle.Head().Record.Epoch || c.HasShare() {
		t.Errorf("it signs in epoch %d of %d, share %q", c.Circle.Record.Epoch, c.Circle.Head().Record.Epoch, c.Circle.ShareKey)
	}
	l.tamper = nil
	if !l.run(2*time.Minute, l.in(1, l.devices...)) {
		t.Fatalf("the sleeper did not come along\n%s", l.logs())
	}
	phone.kill()
	phone.start()
	l.signsWith(phone, tablet)
}
