// Package pairing introduces two devices of one person to each other: one
// shows a secret, the other is told it, and afterwards both know that no third
// device sits between them and have exchanged one payload each way.
//
// The secret is either an [Invitation] (a QR code or a line of text that also
// says where to connect) or a [Code] of eight digits that a person types. Both
// are the password of the same exchange: CPACE-RISTR255-SHA512 of
// draft-irtf-cfrg-cpace-21 in its initiator-responder setting, with the
// explicit confirmation of its section 9.4.
//
//	Typist                                  Shower
//	hello   version, mode, sid, Ya   ─────▶ counts the attempt ([Window.Begin])
//	                                 ◀───── answer   Yb
//	prove   Ta                       ─────▶ checks Ta, closes the window
//	checks Tb                        ◀───── confirm  Tb
//	payload (sealed)                 ─────▶ its person, or node, decides
//	checks, then                     ◀───── accept + payload, or refuse (sealed)
//	ack (sealed)                     ─────▶ done
//
// The side that was told the secret proves it first, so that a stranger who
// connects learns nothing to guess against, and every guess at a code that
// anybody makes is counted by the device that shows it: three tries for a code,
// nine for all that follow one another, five minutes, one success ([Window]).
// The invitation's 128 bits need no counter. In place of answer or confirm the Shower may send a
// reason in clear; the Typist reports it as a hint, for nobody has proved it
// ([Error.Unproven]).
//
// The channel identifier CI of CPace binds the protocol and its version, the
// mode and the transport-authenticated peer ids of both throw-away hosts. A
// man in the middle must have a peer id of its own on at least one side, so
// that the two sides compute different generators and neither tag verifies.
//
// # Deviations and choices
//
// The draft leaves the session identifier to the application: here it is 16
// random bytes of the Typist. The Shower's own randomness is in Yb and hence
// in everything derived. ADa and ADb are constants that name the roles: the
// tags of the two sides therefore never cover equal bytes, which stops
// reflection. The password is not stretched, because nothing a stranger can
// obtain allows an offline guess.
//
// # What it does not do
//
// A device that knows the secret is a peer like any other: whoever photographs
// the QR code may pair. What the peers exchange is opaque here, and joining a
// circle is a decision that package node and its person take afterwards.
// Anybody who can connect can burn the tries of each code; the invitation goes
// on. The last message can be lost: then the Typist has its result and
// the Shower has not, and only the Shower's side counts as paired.
//
// The machines are deterministic values without clock, socket or goroutine.
// Time is a number: Unix seconds, carried forward by a clock that does not
// jump.
package pairing
