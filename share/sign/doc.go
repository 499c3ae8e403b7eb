// Package sign is threshold ECDSA on secp256k1: the signing protocol of Doerner,
// Kondi, Lee and shelat ("Threshold ECDSA in Three Rounds", IACR ePrint
// 2023/765), with the base transfers run afresh inside every session. Exactly
// threshold devices sign; each brings a 32-byte share and the public record of
// the epoch, and nothing else is kept between sessions.
//
//	R1 open      nonce, hash of the proposal | A, z             to each other
//	R2 choose    base OT against the other's A
//	R3 extend    commitment to R_i           | OT extension
//	R4 multiply  R_i, its salt, pk_i         | RVOLE, Γᵘ, Γᵛ, ψ
//	R5 finish    u_i, w_i
//
// Each round is one frame to each other signer, 86 676 bytes together. What stands before the bar is
// the same for all of them, and a hash of all that was heard before the bar in
// earlier rounds goes with every later round: devices that were told different
// things stop with [session.ErrViewMismatch] and blame nobody.
//
// Between every two signers run two multiplications (package rvole), one in each
// direction, that turn the products of one's secrets with the other's mask into
// sums. With r = Σ r_i, φ = Σ φ_i and sk = Σ sk_i the devices end with
//
//	Σ u_i = r·φ    Σ w_i = φ·(m + r_x·sk)    s = Σ w_i / Σ u_i
//
// # What is checked, and whom a failure names
//
// A failed check is a [*session.Fault] with one of these names: length,
// second-frame, base-ot-point, base-ot-message, base-ot-identity, ote-check,
// encoding (of a scalar or point), commitment, rvole-check, gamma-u, gamma-v,
// public-key-sum, signature-share. The extension of every other signer is
// checked before any message of R4 is made, so that what a cheat learns from an
// abort is about secrets of a session in which nothing that depends on the share
// was ever sent. No device is banned and nothing accumulates.
//
// The last two names exist only between two signers. There the sums have two
// terms; a device that computed its own knows that the other is wrong. Among
// more signers a wrong sum of public keys or a wrong signature is
// [session.ErrUnattributable]: naming the culprit of the former would take one
// more round, in which all publish their z, which is not built; for the latter
// no safe way is known. Another set of signers may succeed.
//
// A session is never resumed. A device that has lost its machine must not make
// another for the same proposal: its frames would be second frames.
//
// # What it does not give
//
// No fairness: whoever hears the last share first has the signature first,
// wherefore a [session.Release] precedes our own. No robustness: each signer can
// stop the session. No identifiable abort among more than two, as said. The
// protocol is proved for a model in which shares and channels are ideal; the
// composition here, the code and its libraries have not been audited.
//
// # Secrets
//
// Everything lives in memory only, is used in one session, and is wiped in the
// transition that ends its use and by Close. All randomness comes from cSHAKE256
// over fresh randomness, a hash of the share, and the identifier of the session,
// for the first round the hash of the proposal. That survives a source that
// somebody knows, and makes a virtual machine that is set back draw other values
// in another session. It does not save a machine whose memory is set back in the
// middle of a session.
//
// Before the signature is given out it is verified, and the public key recovered
// from it, by an implementation (decred) that shares no code with the one that
// made it.
package sign
