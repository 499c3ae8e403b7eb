// Package share says what the devices of a circle agree on before they sign
// together, and computes the public side of their shares. It holds no secret
// and runs no protocol: share/keygen makes shares, share/sign and share/frost
// use them.
//
// A [Proposal] binds everything that a signature depends on into one session
// id: circle, epoch, account, signers, derived key, message, purpose, request.
// Every device builds or parses it, compares it with its own record of the
// epoch ([Proposal.Check]) and with the request that its person or its policy
// approved, and only then starts a machine. The second comparison is the
// caller's: this package cannot know what was approved.
//
// [PublicShare] evaluates the commitments of an epoch at a slot. [Derive] walks
// non-hardened BIP-32 steps from an account's key: every device adds the same
// public tweak to its share, so that derivation needs no messages.
package share
