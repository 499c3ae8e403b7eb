package node

import (
	"slices"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/wire"
)

// spoil flips a bit in the signature of the first ground of a re-deal.
func spoil(b []byte) []byte {
	typ, body, err := message.SplitMessage(b)
	var m message.Redeal
	if err != nil || typ != message.MsgRedeal || wire.Unmarshal(body, &m) != nil || len(m.Grounds) == 0 {
		return b
	}
	m.Grounds = slices.Clone(m.Grounds)
	m.Grounds[0].Sig = slices.Clone(m.Grounds[0].Sig)
	m.Grounds[0].Sig[0] ^= 1
	return message.EncodeMessage(message.MsgRedeal, m)
}

// TestSpoiltGroundsBlameNobody: a device that holds a request does not look at it
// again when it comes as the ground of a re-deal. So whoever spoils its signature
// there must not have that device take the blame where it passes the proposal on:
// it passes on what it holds itself. And who is told of a re-deal on a ground that
// does not hold, by whomever, still wakes up into it.
func TestSpoiltGroundsBlameNobody(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 2805)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	tablet.kill()
	spoilt := 0
	l.tamper = func(from, to *labDevice, b []byte) []byte {
		if out := spoil(b); from == phone && to == laptop && !slices.Equal(out, b) {
			spoilt++
			return out
		}
		return b
	}
	phone.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return phone.settled(0) && laptop.settled(0) }) || spoilt == 0 {
		t.Fatalf("no new epoch, or nothing was spoilt (%d)\n%s", spoilt, l.logs())
	}
	for _, it := range laptop.core.Attempt.Grounds {
		d, _ := laptop.core.Device(it.From)
		if err := laptop.core.VerifyItem(d, it); err != nil {
			t.Errorf("the laptop would pass on a ground that does not hold: %v", err)
		}
	}
	// What was stored by an earlier release may be spoilt all the same, and comes
	// before the request itself.
	early := false
	l.tamper = func(_, to *labDevice, b []byte) []byte {
		if to != tablet {
			return b
		}
		early = early || b[0] == message.MsgRedeal
		if b[0] == message.MsgItems && !tablet.core.HasShare() {
			return nil
		}
		return spoil(b)
	}
	tablet.start()
	if !l.run(2*time.Minute, func() bool { return tablet.core.HasShare() && tablet.core.Circle.Record.Epoch == 1 }) || !early {
		t.Fatalf("it does not wake up\n%s", l.logs())
	}
	if len(tablet.faults) != 0 {
		t.Errorf("the tablet blames %q", tablet.faults)
	}
}
