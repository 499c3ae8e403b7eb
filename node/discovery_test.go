package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// proposing says what no request asks for. No two numbers give the same attempt.
func proposing(p refresh.Proposal, n uint64) message.Redeal {
	key := wire.Sum("node/test", wire.U64(n))
	p.Nonce = standing.DiscoveryNonce(key)
	return message.Redeal{Proposal: p.Bytes(), Discovery: key, Grounds: []message.Item{}, Addrs: standing.PackAddrs(nil), Chain: [][]byte{}}
}

// elsewhere has one device tell another the right proposal with a discovery key of
// its own, as often as it says it. It reports whether it has.
func elsewhere(l *lab, to *labDevice) (told *bool) {
	told = new(bool)
	l.tamper = func(_, at *labDevice, b []byte) []byte {
		typ, body, err := message.SplitMessage(b)
		if at != to || err != nil {
			return b
		}
		var r message.Redeal
		var f message.Found
		switch {
		case typ == message.MsgRedeal && wire.Unmarshal(body, &r) == nil:
			r.Discovery[0] ^= 1
			b = message.EncodeMessage(typ, r)
		case typ == message.MsgFound && wire.Unmarshal(body, &f) == nil:
			f.Discovery[0] ^= 1
			b = message.EncodeMessage(typ, f)
		default:
			return b
		}
		*told = true
		return b
	}
	return told
}

// TestDiscoveryKeyOfARedeal: who brings a re-deal, to a member or to one that
// slept, must not give it a key under which the others do not find it, or under
// which somebody outside does.
func TestDiscoveryKeyOfARedeal(t *testing.T) {
	t.Parallel()
	for _, sleeps := range []bool{false, true} {
		l := newLab(t, 3, 103)
		l.found(2, 3)
		phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
		before := tablet.core.Circle.Discovery
		told := elsewhere(l, tablet)
		if sleeps {
			tablet.kill()
		}
		laptop.change(change.Refresh, change.Payload{})
		if sleeps {
			if !l.run(time.Minute, func() bool { return laptop.settled(0) && phone.settled(0) && laptop.core.Circle.Record.Epoch == 1 }) {
				t.Fatalf("no new epoch\n%s", l.logs())
			}
			tablet.start()
		}
		l.run(time.Minute, nil)
		c := tablet.core
		if !*told || c.Circle.Discovery != before || c.Redealing() || c.Waking != nil {
			t.Errorf("asleep %v: it took a key that does not go with the proposal\n%s", sleeps, l.logs())
		}
		l.tamper = nil
		if !l.run(10*time.Minute, func() bool {
			return tablet.core.Circle.Discovery != before && tablet.beacon == laptop.beacon && laptop.beacon == phone.beacon
		}) {
			t.Errorf("asleep %v: they show themselves under different keys\n%s", sleeps, l.logs())
		}
	}
}

// TestDiscoveryKeyOfAFounding: the same of who is invited to found a circle.
func TestDiscoveryKeyOfAFounding(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 104)
	told := elsewhere(l, l.devices[2])
	l.beginFounding(2, 3)
	l.run(time.Minute, nil)
	if !*told || l.devices[2].core.Circle != nil || l.devices[2].core.Founding != nil && l.devices[2].core.Founding.Proposal != nil {
		t.Error("it took a key that does not go with the proposal")
	}
}
