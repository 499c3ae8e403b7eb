package share

// Limits of a proposal. They are part of the format: a parser refuses more.
const (
	// MaxMessage bounds the message of an Ed25519 account in bytes. What SSH
	// signs is far smaller; longer things are hashed by whoever asks.
	MaxMessage = 1024

	// MaxPurpose bounds a purpose in bytes.
	MaxPurpose = 64

	// MaxDepth bounds a derivation path in steps below the account node.
	// BIP-44 has two.
	MaxDepth = 8
)

// maxProposal bounds an encoded proposal in bytes. All fields at their limits
// take less than 1600.
const maxProposal = 2 << 10
