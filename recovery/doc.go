// Package recovery judges when a device of the circle is lost: by silence, which
// heals by itself, or by the word of a person, which heals at once (docs/adr/0015).
//
// Devices send each other a [Beat]. From the beats that it hears, each device
// keeps a [Judge]: its own opinion of every other device. Nobody's opinion is
// taken over. A device takes part in a removal only if its own judge agrees
// ([Judge.MayEvict]), and what others say is used for nothing but to know when
// a proposal can succeed ([Suspicion]). So a device that was merely hard to
// reach for some is not removed by those who heard it.
//
// # Time
//
// A judge has no clock. It is told the wall clock's reading and how long this
// device has been awake, and its own time passes as the lesser of the two does
// ([Judge.Tick]). A wall clock that is wrong, a machine that was suspended, a
// daemon that did not run: each can make a removal late and none can make it
// early. Every period in this package is in seconds of that time, and no
// period depends on a sender's clock.
//
// # States
//
//	LIVE ──silent──► QUIET ──silent for longer──► SUSPECT ──a quorum suspects it──► GRACE ──countdown──► EVICTING ──► EVICTED
//	  ▲                                                 (a beat leads back to LIVE from all of these)
//	LIVE ──vacation──► VACATION ──over──► LIVE or QUIET
//	any ──lost──► FROZEN ──t presences, or one and 24 h unheard──► EVICTING ──► STOLEN
//	              FROZEN ──the accused accuses the accuser──► DISPUTED (both)
//	              FROZEN, DISPUTED ──thaw──► LIVE
//	a beat without a share of the current epoch ──► PENDING ──a beat with it──► LIVE
//
// A beat never leads out of FROZEN, DISPUTED, or EVICTING after a person's
// word: a thief's device beats too.
//
// # Parts
//
// A judge connects parts, each of which owns its data and can be read alone:
//
//	clock     the judge's own time
//	line      this device's beats, and whether anybody hears them
//	trace     what was heard of one device, and when
//	dossier   the case for and against the removal of one device
//	freeze    what persons said that stops the circle
//	budget    how often devices are removed without a person's word
//	board     the list of notices
//	circle    who is who, by the record
//	removals  the rules of removal, over all of these; they read only
//
// What the parts hold is, in the order in which it is stored, the judge's state.
//
// # What it does not do
//
// It starts no re-deal, asks no person and sends nothing: package node does,
// with what a judge says. It does not authenticate the persons behind a [Word];
// the caller has verified their presence. It cannot tell a lost device from one
// that its owner has forgotten in a drawer; that is what notices, vacations and
// objections are for. Refusing service to the owner is possible for whoever
// controls the network for weeks; stealing a key is not.
package recovery
