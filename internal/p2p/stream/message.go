// Package stream is what goes over one stream of libp2p: messages with their
// length in front, of a protocol that has a version.
package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// A message on a stream is its length as a big-endian uint32 and its bytes. It
// is never empty.
const messageHeader = 4

// ErrMessage is wrapped by every error of [ReadMessage] that only the sender can
// have caused.
var ErrMessage = errors.New("bad message")

// ReadMessage reads one message of at most limit bytes. It calls begun when the
// first byte has come and admit with the announced length before anything is
// allocated for the body; an error of admit is returned as it is. It returns
// io.EOF if the stream ended between messages.
func ReadMessage(r io.Reader, limit int, begun func(), admit func(n int) error) ([]byte, error) {
	var head [messageHeader]byte
	if _, err := io.ReadFull(r, head[:1]); err != nil {
		return nil, err
	}
	begun()
	if _, err := io.ReadFull(r, head[1:]); err != nil {
		return nil, truncated(err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n == 0 {
		return nil, fmt.Errorf("p2p: empty message: %w", ErrMessage)
	}
	if uint64(n) > uint64(limit) {
		return nil, fmt.Errorf("p2p: message of %d bytes where %d are allowed: %w", n, limit, ErrMessage)
	}
	if err := admit(int(n)); err != nil {
		return nil, err
	}
	msg := make([]byte, n)
	if _, err := io.ReadFull(r, msg); err != nil {
		return nil, truncated(err)
	}
	return msg, nil
}

// truncated turns the end of a stream inside a message into the sender's fault.
// Other errors, like that of a lost connection, stay what they are.
func truncated(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("p2p: stream ended inside a message: %w", ErrMessage)
	}
	return err
}

// AppendMessage appends the stream form of msg to b.
func AppendMessage(b, msg []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(msg)))
	return append(b, msg...)
}
