package wire

import (
	"bytes"
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// The codec is CBOR in its core deterministic form (RFC 8949, section 4.2.1).
// Structs that travel use `cbor:"n,keyasint"` or `cbor:",toarray"` tags.
var (
	encMode = must(cbor.CoreDetEncOptions().UserBufferEncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
		MaxNestedLevels:   8,
		MaxArrayElements:  4096,
		MaxMapPairs:       64,
	}.DecMode())
)

func must[T any](v T, err error) T {
	if err != nil {
		panic("wire: internal error: " + err.Error())
	}
	return v
}

// Marshal returns the one encoding of v. It panics on a type that has none,
// which is a mistake in this module and not in anybody's input.
//
// Some of what is encoded is secret: device keys, shares on their way to the
// keeper. So the buffer is not one of the library's pool, where a copy would lie
// until it is overwritten, but the one that is returned, for its owner to wipe.
func Marshal(v any) []byte {
	b, err := marshal(v, firstSize)
	return must(b, err)
}

// firstSize in bytes holds most of what is encoded, and all keys of a device,
// without a second buffer.
const firstSize = 512

func marshal(v any, size int) ([]byte, error) {
	var buf bytes.Buffer
	buf.Grow(size)
	err := encMode.MarshalToBuffer(v, &buf)
	return buf.Bytes(), err
}

// Unmarshal decodes b into the pointer v and refuses every byte string that
// [Marshal] would not have produced: unknown fields, duplicate keys, trailing
// bytes, indefinite or non-minimal lengths. Nothing in the error quotes b.
func Unmarshal(b []byte, v any) error {
	if err := decMode.Unmarshal(b, v); err != nil {
		return fmt.Errorf("wire: decode %T: %w", v, ErrMalformed)
	}
	again, err := marshal(v, len(b))
	// What was decoded may hold shares, and the caller wipes only its own copy.
	defer clear(again)
	if err != nil || !bytes.Equal(again, b) {
		return fmt.Errorf("wire: decode %T: not canonical: %w", v, ErrMalformed)
	}
	return nil
}
