package standing_test

import (
	"errors"
	"testing"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/node/standing"
	"github.com/warifu/warifu/node/standing/standingtest"
	"github.com/warifu/warifu/wire"
)

// TestWhoIsAtFault: whoever passes on a signature that does not hold, if it must mean the
// same key by the slot as this device does: its own, or that of a founder.
func TestWhoIsAtFault(t *testing.T) {
	t.Parallel()
	b := standingtest.New(t, 3).InCircle(2)
	later := b.Circle.Record.Devices[2]
	later.Slot, later.Identity = 9, wire.DeviceID{1} // it came in later, in whose slot another may have been
	b.Circle.Record.Devices = append(b.Circle.Record.Devices[:3:3], later)
	forged := func(of wire.Slot) (message.Item, error) {
		it := message.Item{Type: message.ItemAnswer, From: of, Body: []byte("nothing"), Sig: make([]byte, 64)}
		d, _ := b.Device(of)
		return it, b.VerifyItem(d, it)
	}
	for _, c := range []struct {
		from, of wire.Slot
		fault    bool
	}{{2, 1, true}, {2, 2, true}, {2, 3, true}, {2, 9, false}, {9, 3, true}, {9, 9, true}} {
		it, err := forged(c.of)
		if !errors.Is(err, standing.ErrSpoilt) {
			t.Fatalf("a signature of nobody in the name of %d holds: %v", c.of, err)
		}
		if got := errors.Is(b.BlameItem(c.from, it, err), standing.ErrFault); got != c.fault {
			t.Errorf("%d passes it on in the name of %d: at fault %v, want %v", c.from, c.of, got, c.fault)
		}
		if got := errors.Is(b.BlameBeat(c.from, c.of, err), standing.ErrFault); got != c.fault {
			t.Errorf("%d passes on a heartbeat in the name of %d: at fault %v, want %v", c.from, c.of, got, c.fault)
		}
	}
	good := message.Item{Type: message.ItemAnswer, From: 2, Body: []byte("its own word")}
	good.Sig = b.Sign(2, message.ItemMessage(b.Circle.Record.Circle, good.Type, good.From, good.Body))
	d, _ := b.Device(2)
	if err := b.VerifyItem(d, good); err != nil {
		t.Error(err)
	}
	if err := b.BlameItem(2, good, errors.New("it is not understood")); errors.Is(err, standing.ErrFault) {
		t.Error("what is not understood is a fault")
	}
}
