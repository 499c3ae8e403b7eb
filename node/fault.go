package node

import (
	"crypto/ed25519"
	"errors"
	"fmt"

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

// errSpoilt is wrapped by errors that an honest device never causes: nothing more
// of the message is looked at.
var errSpoilt = errors.New("node: no honest device says so")

// errFault is wrapped by errors that prove that the sender of a message is not
// honest.
var errFault = errors.New("node: the sender is at fault")

// verifyItem checks the signature of an item against the device in its slot.
func (me *standing) verifyItem(d roster.Device, it item) error {
	me.verified++
	if len(it.Sig) != ed25519.SignatureSize ||
		!ed25519.Verify(d.Identity[:], itemMessage(me.circle.record.Circle, it.Type, it.From, it.Body), it.Sig) {
		return fmt.Errorf("node: item with a bad signature of slot %d: %w", it.From, errForged)
	}
	return nil
}

var errForged = fmt.Errorf("a signature that does not hold: %w", errSpoilt)

// blameItem adds to an error whether it is the fault of the device in slot from.
func (me *standing) blameItem(from wire.Slot, it item, err error) error {
	if errors.Is(err, errForged) && me.sameKey(from, it.From) {
		return fmt.Errorf("%w: %w", errFault, err)
	}
	return err
}

// blameBeat is blameItem for a heartbeat or a doubt of the device in slot by.
func (me *standing) blameBeat(from, by wire.Slot, err error) error {
	if me.sameKey(from, by) {
		return fmt.Errorf("%w: %w", errFault, err)
	}
	return err
}

// sameKey reports whether the device in slot from is certain to know the same key
// of the one in slot by as this device does.
func (me *standing) sameKey(from, by wire.Slot) bool {
	if from == by {
		return true
	}
	now, ok := me.circle.record.Device(by)
	founder, was := me.circle.chain[0].Record.Device(by)
	return ok && was && now.Identity == founder.Identity
}

// fault tells the link, and remembers for the person, that the device in slot did
// what no honest one does.
func (me *standing) fault(slot wire.Slot) {
	p := me.peer(slot)
	p.faults, p.faultAt = p.faults+1, me.now
	if d, ok := me.device(slot); ok {
		me.link.Fault(d.Peer, "it passes on signatures that do not hold")
	}
}
