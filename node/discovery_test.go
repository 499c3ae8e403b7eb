package node

import (
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// proposing says what no request asks for. No two numbers give the same attempt.
func proposing(p refresh.Proposal, n uint64) redeal {
	key := wire.Sum("node/test", wire.U64(n))
	p.Nonce = discoveryNonce(key)
	return redeal{Proposal: p.Bytes(), Discovery: key, Grounds: []item{}, Addrs: packAddrs(nil), Chain: [][]byte{}}
}

// elsewhere has one device tell another the right proposal with a discovery key of
// its own, as often as it says it. It reports whether it has.
func elsewhere(l *lab, to *labDevice) (told *bool) {
	told = new(bool)
	l.tamper = func(_, at *labDevice, b []byte) []byte {
		typ, body, err := splitMessage(b)
		if at != to || err != nil {
			return b
		}
		var r redeal
		var f found
		switch {
		case typ == msgRedeal && wire.Unmarshal(body, &r) == nil:
			r.Discovery[0] ^= 1
			b = encodeMessage(typ, r)
		case typ == msgFound && wire.Unmarshal(body, &f) == nil:
			f.Discovery[0] ^= 1
			b = encodeMessage(typ, f)
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
		before := tablet.core.circle.discovery
		told := elsewhere(l, tablet)
		if sleeps {
			tablet.kill()
		}
		laptop.change(change.Refresh, change.Payload{})
		if sleeps {
			if !l.run(time.Minute, func() bool { return laptop.settled(0) && phone.settled(0) && laptop.core.circle.record.Epoch == 1 }) {
				t.Fatalf("no new epoch\n%s", l.logs())
			}
			tablet.start()
		}
		l.run(time.Minute, nil)
		c := tablet.core
		if !*told || c.circle.discovery != before || c.redealing() || c.waking != nil {
			t.Errorf("asleep %v: it took a key that does not go with the proposal\n%s", sleeps, l.logs())
		}
		l.tamper = nil
		if !l.run(10*time.Minute, func() bool {
			return tablet.core.circle.discovery != before && tablet.beacon == laptop.beacon && laptop.beacon == phone.beacon
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
	if !*told || l.devices[2].core.circle != nil || l.devices[2].core.founding != nil && l.devices[2].core.founding.proposal != nil {
		t.Error("it took a key that does not go with the proposal")
	}
}
