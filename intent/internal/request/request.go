// Package request is what the kinds of requests have in common: the account
// that a request is read for, what becomes of a signature, and how an input or
// a payload is refused.
package request

// MaxPayload bounds the canonical payload of a request in bytes. It is half of
// what one message of the sync protocol holds.
const MaxPayload = 128 << 10

// A Context is the signing account, as the device that decodes derives it, and
// the time of the request.
type Context struct {
	Account   string   // its name, like "ethereum"
	Address   [20]byte // of a secp256k1 key
	PublicKey []byte   // 33 bytes of secp256k1 or 32 bytes of Ed25519

	// Created is when the request was made, in Unix seconds, as it says itself;
	// 0 is unknown. Dates are compared with it and with no clock, so that every
	// device shows the same words at any time.
	Created uint64
}

// A Result is a finished and verified signature.
type Result struct {
	// Signature is r, s and v, 65 bytes: v is 27 or 28 for messages and typed
	// data and the parity 0 or 1 for transactions, whose Raw holds the v of
	// their type. For files it is the armored SSHSIG.
	Signature []byte

	Raw    []byte // the signed transaction as it is broadcast
	TxHash []byte // its hash, 32 bytes

	// Digest is the 32 bytes that were signed, or the SHA-512 of the file.
	Digest []byte

	// PublicKey is 0x and the compressed key, or the line that goes into an
	// allowed_signers or authorized_keys file.
	PublicKey string
}
