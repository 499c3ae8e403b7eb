package node

import (
	"testing"

	"github.com/warifu/warifu/node/message"
)

// TestSaidWhenTheEventIsOver: a device that loses power in the middle of an event has
// said nothing of it.
func TestSaidWhenTheEventIsOver(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 750)
	l.found(2, 3)
	phone := l.devices[0]
	l.wire = nil
	phone.core.step(l.now, func() {
		phone.core.Broadcast(message.MsgHello, phone.core.Hello())
		if len(l.wire) > 0 {
			t.Error("it speaks in the middle of an event")
		}
	})
	if len(l.wire) != 2 {
		t.Errorf("%d messages, want one to each of the others", len(l.wire))
	}
}

// TestConsequencesEnd: what follows from an event is drawn in its step.
func TestConsequencesEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t, 2, 751)
	l.found(2, 2)
	c := l.devices[0].core
	c.step(l.now, c.Stir)
	if c.Stirred() {
		t.Error("something is left to be drawn")
	}
}
