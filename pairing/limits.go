package pairing

import "github.com/warifu/warifu/wire"

const (
	// Lifetime is how long a [Window] stays open, in seconds.
	Lifetime = 5 * 60

	// MaxTries is how many attempts a [Code] admits.
	MaxTries = 3

	// MaxGuesses is how many attempts all codes together admit that are shown
	// for one purpose, one after the other: a founding, or an invitation into
	// a circle. Somebody on the network who knows the hint of each has one
	// chance in 10^8 / 2^6 / 9, about 174,000, to find one.
	MaxGuesses = 3 * MaxTries

	// MaxPayload bounds each payload in bytes. A sealed payload is exactly
	// one message of [wire.MaxPairMessage] bytes then.
	MaxPayload = wire.MaxPairMessage - sealedOverhead

	// MaxAddrs bounds the addresses of an [Invitation].
	MaxAddrs = 8

	// SecretSize is the length of an invitation's secret in bytes.
	SecretSize = 16

	// CodeDigits is the length of a [Code] in decimal digits.
	CodeDigits = 8

	maxPeer     = 64  // bytes of a peer id; one of Ed25519 has 38
	maxAddr     = 128 // bytes of a binary multiaddr
	maxTextSize = 4 << 10
)
