// Package secret holds key material in types that refuse to be printed,
// compared or encoded by accident.
//
// Wiping is best effort: the Go runtime may have copied a value while it grew
// a stack or spilled a register. What the package promises is that a secret
// has one owner, lives in one heap object, and is cleared when that owner
// calls Wipe. docs/threat-model.md, "Memory", says what this does not stop.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// Size is the length in bytes of a [Key].
const Size = 32

const redacted = "[secret]"

var (
	errEncode = errors.New("secret: refusing to encode key material")
	errEmpty  = errors.New("secret: use of an empty key")
)

// A Key is 32 bytes of key material. The zero Key is empty and unusable.
//
// A Key is a handle: copies share the same bytes, and wiping one wipes all.
type Key struct {
	// The bytes hide in a closure. fmt does not call Format on unexported
	// fields and its bad-verb path follows pointers, so a field would print
	// under %v of an enclosing struct. A func also makes == not compile.
	bytes func() *[Size]byte
}

// New returns a Key read from r.
func New(r io.Reader) (Key, error) {
	b := new([Size]byte)
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Key{}, fmt.Errorf("secret: read randomness: %w", err)
	}
	return Key{bytes: func() *[Size]byte { return b }}, nil
}

// Take returns a Key with the bytes of b, and clears b: the Key owns them now.
func Take(b *[Size]byte) Key {
	own := new([Size]byte)
	*own = *b
	clear(b[:])
	return Key{bytes: func() *[Size]byte { return own }}
}

// TakeSlice is [Take] for a slice, which must be [Size] bytes long.
func TakeSlice(b []byte) (Key, error) {
	if len(b) != Size {
		clear(b)
		return Key{}, fmt.Errorf("secret: %d bytes, want %d", len(b), Size)
	}
	k := Take((*[Size]byte)(b))
	return k, nil
}

// Empty reports whether k is the zero Key.
func (k Key) Empty() bool { return k.bytes == nil }

// Use calls f with the key bytes. f must not retain b.
func (k Key) Use(f func(b *[Size]byte) error) error {
	if k.bytes == nil {
		return errEmpty
	}
	return f(k.bytes())
}

// Clone returns a Key with bytes of its own.
func (k Key) Clone() Key {
	if k.bytes == nil {
		return Key{}
	}
	own := *k.bytes()
	return Take(&own)
}

// Equal reports whether k and other hold the same bytes, in constant time. An
// empty key equals nothing, not even another empty key.
func (k Key) Equal(other Key) bool {
	if k.bytes == nil || other.bytes == nil {
		return false
	}
	return subtle.ConstantTimeCompare(k.bytes()[:], other.bytes()[:]) == 1
}

// Wipe clears the key. A later Use sees zeros.
func (k Key) Wipe() {
	if k.bytes != nil {
		clear(k.bytes()[:])
	}
}

// Format implements [fmt.Formatter] and prints a placeholder for every verb.
func (Key) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// LogValue implements [slog.LogValuer] with a placeholder.
func (Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText, MarshalJSON, MarshalBinary and MarshalCBOR always fail.
func (Key) MarshalText() ([]byte, error)   { return nil, errEncode }
func (Key) MarshalJSON() ([]byte, error)   { return nil, errEncode }
func (Key) MarshalBinary() ([]byte, error) { return nil, errEncode }
func (Key) MarshalCBOR() ([]byte, error)   { return nil, errEncode }
