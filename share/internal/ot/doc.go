// Package ot is the correlated oblivious transfer on which RVOLE stands: 512
// random transfers per session, made of 128 base transfers and an extension.
// Nothing of it outlives a session, which is why a failed check costs a session
// and never a key.
//
// Two parties, named as in DKLs23 (IACR ePrint 2023/765): Alice is the [Sender]
// of the extension and chooses Δ; Bob is the [Receiver] and chooses β.
//
//	Bob    NewReceiver            A = a·G                        ->
//	Alice  NewSender         <-   128 pairs of points
//	Bob    Receiver.Extend        U, x̂, t̂                        ->
//	Alice  Sender.Extend          checks, then both pads per row
//
// The base transfers are the batched endemic OT of McQuoid, Rosulek and Roy
// ("Batching Base Oblivious Transfers", ASIACRYPT 2021) with their programmable
// once-public function over a Diffie-Hellman group. The group is ristretto255
// (RFC 9496), not the curve that is signed with: any group of 128-bit strength
// serves, and this one multiplies fastest in constant time in Go. The random
// oracle into the group is 64 bytes of cSHAKE256 and the element derivation of
// RFC 9496, section 4.3.4 (package ristretto below this one).
//
// The extension is the corrected protocol of Keller, Orsini and Scholl (ePrint
// 2015/546, revision of 2022, figure 10), which is SoftSpokenOT (ePrint
// 2022/192) with k = 1. Its check is made non-interactive by hashing, so its
// width of 128 bits is a computational parameter.
//
// # What the package promises
//
// Time depends on public data only: choice bits select by masks, both values of
// a choice are hashed before one is selected, slots are filled by a masked swap,
// and all rows of the check are folded into one decision. One deviation from the
// letter of the paper: the two candidate hashes of the receiver's point are
// both evaluated, but only the selected one is mapped to the group, because the
// map takes the same time for every input.
//
// Errors wrap [ErrEncoding] or [ErrCheck] and mean that the other party departed
// from the protocol; anything else is a failure of the random source.
package ot
