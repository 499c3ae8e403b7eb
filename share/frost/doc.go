// Package frost signs with an Ed25519 key that nobody has: FROST of RFC 9591,
// ciphersuite FROST-ED25519-SHA512-v1, among exactly t devices that all talk to
// each other. The result is an ordinary Ed25519 signature (RFC 8032).
//
//	round 1   Commit     n_i, H(P), D_i, E_i        nonce, proposal, commitments
//	round 2   Response   V_i, z_i                   view, z_i = d_i + e_i·ρ_i + λ_i·s_i·c
//	output    (R, z)     R = Σ (D_i + ρ_i·E_i), z = Σ z_i
//
// D_i, E_i and z_i are the bytes of RFC 9591, sections 5.1 and 5.2, and nothing
// of ours is hashed with them, so that the RFC's vectors hold from end to end.
// Around them lies an envelope: H(P) is a hash of the proposal, n_i a fresh
// nonce, V_i a hash of the session and of all of round 1 as its sender saw it.
// There is no coordinator: every device collects, checks and adds up the
// responses itself.
//
// # What is checked
//
// D_i and E_i must be canonical and of prime order; nonces and commitments must
// not be copies of another device's; proposals and views must be equal; every
// z_j must satisfy z_j·B = D_j + ρ_j·E_j + c·λ_j·Y_j, where Y_j comes from the
// epoch's record. A device that fails a check is named by a [session.Fault].
// Where devices were told different things, nobody is: from here an honest
// device looks the same as the one that lied to it. The sum is verified with
// crypto/ed25519 before anybody sees it.
//
// # Nonces
//
// Responses under one pair (d_i, e_i) reveal the share. The pair is drawn for one
// session, of random bytes that its name is hashed into, lives in memory only, is never encoded, and is taken and
// wiped by the first computation that uses it, whatever comes of that. A
// session is never resumed: after a crash it starts again under a new proposal.
//
// # What this does not do
//
// The last device to respond can learn the signature and keep it (no fairness),
// and any signer can stall (no robustness). That is why [session.Release] comes
// directly before the response leaves: from then on the message must be treated
// as signed. Signatures are not deterministic: two of one message differ.
package frost
