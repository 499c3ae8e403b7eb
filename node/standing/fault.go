package standing

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"github.com/warifu/warifu/node/message"
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Devices pass on what others have signed, and verify it before. So a signature
// that does not hold is the doing of whoever sent it, and not of whoever it is
// said to be of. It is told to the link, which counts it like a message that is
// malformed, and cuts off for a while who does not stop.
//
// Two devices must mean the same key by a slot for that. They do if it is the
// sender's own, which it signed itself, and if it is a founder's, which is in the
// first record of every device of the circle. Of any other it is not certain: a
// re-deal that came to nothing may have given the slot to another device, and
// whoever was in it may still hold what that one said. And nobody is at fault for
// passing on what a device said that this one does not know (yet, or any more):
// that is not verified at all.

// ErrSpoilt is wrapped by errors that an honest device never causes: nothing more
// of the message is looked at.
var ErrSpoilt = errors.New("node: no honest device says so")

// ErrFault is wrapped by errors that prove that the sender of a message is not
// honest.
var ErrFault = errors.New("node: the sender is at fault")

// VerifyItem checks the signature of an item against the device in its slot.
func (me *Standing) VerifyItem(d roster.Device, it message.Item) error {
	me.Verified++
	if len(it.Sig) != ed25519.SignatureSize ||
		!ed25519.Verify(d.Identity[:], message.ItemMessage(me.Circle.Record.Circle, it.Type, it.From, it.Body), it.Sig) {
		return fmt.Errorf("node: item with a bad signature of slot %d: %w", it.From, errForged)
	}
	return nil
}

var errForged = fmt.Errorf("a signature that does not hold: %w", ErrSpoilt)

// BlameItem adds to an error whether it is the fault of the device in slot from.
func (me *Standing) BlameItem(from wire.Slot, it message.Item, err error) error {
	if errors.Is(err, errForged) && me.sameKey(from, it.From) {
		return fmt.Errorf("%w: %w", ErrFault, err)
	}
	return err
}

// BlameBeat is blameItem for a heartbeat or a doubt of the device in slot by.
func (me *Standing) BlameBeat(from, by wire.Slot, err error) error {
	if me.sameKey(from, by) {
		return fmt.Errorf("%w: %w", ErrFault, err)
	}
	return err
}

// sameKey reports whether the device in slot from is certain to know the same key
// of the one in slot by as this device does.
func (me *Standing) sameKey(from, by wire.Slot) bool {
	if from == by {
		return true
	}
	now, ok := me.Circle.Record.Device(by)
	founder, was := me.Circle.Chain[0].Record.Device(by)
	return ok && was && now.Identity == founder.Identity
}

// Fault tells the link, and remembers for the person, that the device in slot did
// what no honest one does.
func (me *Standing) Fault(slot wire.Slot) {
	p := me.Peer(slot)
	p.Faults, p.FaultAt = p.Faults+1, me.Now
	if d, ok := me.Device(slot); ok {
		me.Link.Fault(d.Peer, "it passes on signatures that do not hold")
	}
}
