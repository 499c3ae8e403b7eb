package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Version is the first byte of every frame.
const Version = 1

// MaxBody bounds the body of a frame in bytes. The largest body that exists is
// the RVOLE round of threshold ECDSA, a little over 64 KiB. It is checked
// before anything is allocated.
const MaxBody = 80 << 10

// MaxFrame bounds an encoded frame in bytes.
const MaxFrame = frameHeader + MaxBody

// A Kind says what a frame body holds, within the protocol that the session
// runs. Values are wire format: append only, never reuse.
type Kind uint8

// A Frame is what one protocol machine says to another. To is zero for a
// broadcast, of which every receiver gets the same body.
type Frame struct {
	Session  SessionID
	From, To Slot
	Kind     Kind
	Body     []byte
}

// version, kind, session, from, to, length of the body.
const frameHeader = 1 + 1 + 32 + 2 + 2 + 4

// ErrMalformed is wrapped by every error of [ParseFrame] and [Unmarshal].
var ErrMalformed = errors.New("malformed bytes")

// Append appends the encoding of f to b. It panics if the body is longer than
// [MaxBody], which no machine in this module produces.
func (f Frame) Append(b []byte) []byte {
	if len(f.Body) > MaxBody {
		panic("wire: internal error: oversized body")
	}
	b = append(b, Version, byte(f.Kind))
	b = append(b, f.Session[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(f.From))
	b = binary.BigEndian.AppendUint16(b, uint16(f.To))
	b = binary.BigEndian.AppendUint32(b, uint32(len(f.Body)))
	return append(b, f.Body...)
}

// ParseFrame decodes exactly one frame; trailing bytes are an error. The body
// aliases b.
func ParseFrame(b []byte) (Frame, error) {
	if len(b) < frameHeader {
		return Frame{}, fmt.Errorf("wire: frame of %d bytes: %w", len(b), ErrMalformed)
	}
	if b[0] != Version {
		return Frame{}, fmt.Errorf("wire: frame version %d: %w", b[0], ErrMalformed)
	}
	f := Frame{
		Kind:    Kind(b[1]),
		Session: SessionID(b[2:34]),
		From:    Slot(binary.BigEndian.Uint16(b[34:])),
		To:      Slot(binary.BigEndian.Uint16(b[36:])),
	}
	if f.From == 0 || f.From == f.To {
		return Frame{}, fmt.Errorf("wire: frame from slot %d to slot %d: %w", f.From, f.To, ErrMalformed)
	}
	n := binary.BigEndian.Uint32(b[38:])
	if n > MaxBody || uint64(n) != uint64(len(b)-frameHeader) {
		return Frame{}, fmt.Errorf("wire: frame body length %d: %w", n, ErrMalformed)
	}
	f.Body = b[frameHeader:]
	return f, nil
}
