package change

import (
	"github.com/warifu/warifu/roster"
	"github.com/warifu/warifu/wire"
)

// Facts are what a device knows of a request to change its circle, and of that
// circle, as far as a rule depends on it.
type Facts interface {
	Record() roster.Record // of the epoch that this device is in
	Heard() uint64         // the epoch in which it first heard of the request
	Self() wire.Slot       // this device
	Asker() wire.Slot      // the device that asks
	Subject() wire.Slot    // the device that it is about; 0 if there is none, or this device does not know it

	// Present lists the devices whose person has agreed in this epoch and proved to
	// be there, but for those whose yes does not count.
	Present() []wire.Slot

	// What this device's judge says. One that judges nobody says no to all of it.

	Accused(slot wire.Slot) bool                          // a person calls that device lost, or it is on its way out
	MayRemove(slot wire.Slot, as roster.FormerState) bool // it may be taken out now
	Confirmed(slot wire.Slot) bool                        // a person has agreed that it goes, silent as it is
	Frozen() bool                                         // this device signs nothing
	TakenBack(by, about wire.Slot) bool                   // what the person on by said in the request was heard, and taken back since; about is 0 for the whole circle

	// Interrupted reports whether this device has yet to read back what it voted
	// for in a re-deal.
	Interrupted() bool
}
