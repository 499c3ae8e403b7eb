package node

import (
	"maps"
	"testing"
	"time"

	"github.com/warifu/warifu/change"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/share/refresh"
	"github.com/warifu/warifu/wire"
)

// TestSetBackInARedeal: a device that was set back while nobody was in another
// epoch yet is shown a vote that it does not remember. From then on it signs
// nothing with the share that it holds, also after a restart, until it is dealt
// another.
func TestSetBackInARedeal(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 70)
	l.found(2, 3)
	phone, laptop := l.devices[0], l.devices[1]
	l.tamper = func(_, _ *labDevice, b []byte) []byte {
		if typ, body, err := message.SplitMessage(b); err == nil && typ == message.MsgTest {
			var m message.Test
			if wire.Unmarshal(body, &m) == nil {
				return nil // so that nobody commits, and all give it up
			}
		}
		return b
	}
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool {
		return phone.core.Attempt != nil && phone.core.Attempt.Machine.Phase() == refresh.Prepared
	}) {
		t.Fatalf("it is never ready\n%s", l.logs())
	}
	copied, id, keys := phone.journal.Copy(), phone.core.Attempt.Live.ID, maps.Clone(phone.keeper.keys)
	if !l.run(5*time.Minute, func() bool { return phone.core.Dead[id] != nil && laptop.core.Dead[id] != nil }) {
		t.Fatalf("they do not give it up\n%s", l.logs())
	}
	phone.kill()
	phone.journal, phone.keeper.keys = copied, keys // a copy of everything
	phone.start()
	if !l.run(10*time.Second, func() bool { return phone.core.RedealTrouble == refresh.ErrRolledBack.Error() }) {
		t.Fatalf("it does not notice\n%s", l.logs())
	}
	for _, when := range []string{"at once", "after a restart"} {
		if err := phone.core.MaySign(); codeOf(err) != api.CodeRolledBack || phone.core.Circle.Record.Epoch != 0 {
			t.Errorf("%s: it would sign in epoch %d: %v", when, phone.core.Circle.Record.Epoch, err)
		}
		phone.kill()
		phone.start()
		l.run(time.Second, nil)
	}
	l.tamper = nil
	if !l.run(10*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("it is not dealt another share\n%s", l.logs())
	}
	l.signsWith(phone, laptop)
}

// TestSleeperThatWasSetBack: a device that has taken its share out of the mailbox,
// and was set back to before that, takes the same share again.
func TestSleeperThatWasSetBack(t *testing.T) {
	t.Parallel()
	l := newLab(t, 3, 2806)
	l.found(2, 3)
	phone, laptop, tablet := l.devices[0], l.devices[1], l.devices[2]
	phone.kill()
	copied, keys := phone.journal.Copy(), maps.Clone(phone.keeper.keys)
	laptop.change(change.Refresh, change.Payload{})
	if !l.run(time.Minute, func() bool { return laptop.settled(0) && tablet.settled(0) }) {
		t.Fatalf("no new epoch without the sleeper\n%s", l.logs())
	}
	phone.start()
	if !l.run(time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("it does not wake up\n%s", l.logs())
	}
	phone.kill()
	phone.journal, phone.keeper.keys = copied, keys
	phone.start()
	if !l.run(5*time.Minute, l.in(0, l.devices...)) {
		t.Fatalf("it does not wake up again\n%s", l.logs())
	}
	l.signsWith(phone, laptop)
	// What it would be told of a re-deal in which it has said more than it
	// remembers: that attempt holds nothing ready for it.
	phone.core.Waking = phone.core.Attempt
	phone.core.Waking.Stored, phone.core.Attempt = false, nil
	phone.core.RedealBroke(phone.core.Waking, refresh.ErrRolledBack)
	if phone.core.Spent != phone.core.Circle.Record.Change.Attempt {
		t.Error("it would wait for its share again")
	}
}
