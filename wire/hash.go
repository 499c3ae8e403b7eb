package wire

import (
	"crypto/sha3"
	"encoding/binary"
)

// A Tag separates the domains of [Sum] and [XOF]. Each tag is a constant whose
// name begins with "tag", is declared once and used for one purpose; a test in
// internal/arch keeps it so.
type Tag string

// customization is prefixed to every tag. Changing what any hash covers means
// a new version here or a new tag.
const customization = "warifu/v1/"

// XOF returns cSHAKE256 (NIST SP 800-185, section 3) with an empty function
// name and the customization string "warifu/v1/" + tag, having absorbed each
// part behind its length as a big-endian uint64. No two lists of parts collide.
func XOF(tag Tag, parts ...[]byte) *sha3.SHAKE {
	h := sha3.NewCSHAKE256(nil, []byte(customization+string(tag)))
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return h
}

// Sum returns the first 32 bytes of [XOF]. It leaves no state of the hash in
// memory: from what a sponge holds after its last block, and the length of what
// it absorbed, that block is found again, and some of what is hashed is secret.
func Sum(tag Tag, parts ...[]byte) (h Hash) {
	x := XOF(tag, parts...)
	x.Read(h[:])
	Wipe(x)
	return h
}

// Wipe clears the state of x, which must not be used afterwards. It is cheaper
// than Reset, which absorbs the customization again.
func Wipe(x *sha3.SHAKE) { *x = sha3.SHAKE{} }

// U16 returns the two-byte big-endian form of a slot, as it is hashed.
func U16(s Slot) []byte { return binary.BigEndian.AppendUint16(nil, uint16(s)) }

// U32 returns the four-byte big-endian form of n, as it is hashed.
func U32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

// U64 returns the eight-byte big-endian form of n, as it is hashed.
func U64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }
