package wire

import (
	"crypto/sha3"
	"encoding/binary"
)

// A Prefix is an [XOF] that has absorbed its tag and its first parts. It saves
// their cost in loops that hash much under one beginning; what is hashed stays
// the same.
type Prefix struct{ h sha3.SHAKE }

// NewPrefix absorbs the tag and the first parts.
func NewPrefix(tag Tag, parts ...[]byte) *Prefix { return &Prefix{*XOF(tag, parts...)} }

// Read fills out with what XOF(tag, first parts..., parts...) would read. It
// leaves p as it was.
func (p *Prefix) Read(out []byte, parts ...[]byte) {
	h := p.h
	defer Wipe(&h) // of the parts, which may be secret
	var n [8]byte
	for _, part := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write(part)
	}
	h.Read(out)
}
