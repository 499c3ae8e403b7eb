package pairing

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"

	"github.com/warifu/warifu/internal/secret"
	"github.com/warifu/warifu/wire"
)

// A Mode says which kind of secret a Typist was told. Values are wire format.
type Mode uint8

const (
	ModeInvitation Mode = 1
	ModeCode       Mode = 2
)

func (m Mode) valid() bool { return m == ModeInvitation || m == ModeCode }

// A Password is what the two devices of one pairing share. It is made from an
// [Invitation] or a [Code], prints as a placeholder and may be wiped.
type Password struct {
	mode Mode
	key  secret.Key // the first size() bytes count, the rest is zero
}

func newPassword(m Mode, b []byte) Password {
	var k [secret.Size]byte
	copy(k[:], b)
	return Password{mode: m, key: secret.Take(&k)}
}

func (p Password) size() int {
	if p.mode == ModeCode {
		return CodeDigits
	}
	return SecretSize
}

// use calls f with the bytes of PRS, which f must not retain.
func (p Password) use(f func(prs []byte) error) error {
	return p.key.Use(func(b *[secret.Size]byte) error { return f(b[:p.size()]) })
}

func (p Password) empty() bool           { return p.key.Empty() }
func (p Password) clone() Password       { return Password{mode: p.mode, key: p.key.Clone()} }
func (p Password) equal(o Password) bool { return p.mode == o.mode && p.key.Equal(o.key) }

// Wipe clears the password, and the Code or Invitation that it came from.
func (p Password) Wipe() { p.key.Wipe() }

// Format implements [fmt.Formatter] and prints a placeholder for every verb.
func (Password) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

// newSecret returns a fresh secret for an invitation.
func newSecret(rand io.Reader) (Password, error) {
	var b [SecretSize]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return Password{}, fmt.Errorf("pairing: read randomness: %w", err)
	}
	defer clear(b[:])
	return newPassword(ModeInvitation, b[:]), nil
}

// A Code is eight decimal digits, 26.6 bits. It prints as a placeholder: show
// it with Text. The zero Code is invalid.
type Code struct{ p Password }

// newCode returns a uniform code.
func newCode(rand io.Reader) (Code, error) {
	const space = 100_000_000
	// The largest multiple of space in a uint32. Larger values are drawn
	// again, for a remainder of them would favour small codes.
	const limit = ^uint32(0) / space * space
	var b [4]byte
	for {
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return Code{}, fmt.Errorf("pairing: read randomness: %w", err)
		}
		if n := binary.BigEndian.Uint32(b[:]); n < limit {
			digits := fmt.Appendf(nil, "%0*d", CodeDigits, n%space)
			defer clear(digits)
			return Code{newPassword(ModeCode, digits)}, nil
		}
	}
}

// ParseCode reads a code as a person types it: eight digits, with spaces or
// hyphens wherever they like. Its error is an *[Error].
func ParseCode(s string) (Code, error) {
	if len(s) > 64 {
		return Code{}, failure(Malformed, "a code has %d digits and nothing else", CodeDigits)
	}
	digits := make([]byte, 0, len(s))
	defer clear(digits[:cap(digits)])
	for _, c := range []byte(strings.TrimSpace(s)) {
		switch {
		case c >= '0' && c <= '9':
			digits = append(digits, c)
		case c == ' ' || c == '-':
		default:
			return Code{}, failure(Malformed, "a code has %d digits and nothing else", CodeDigits)
		}
	}
	if len(digits) != CodeDigits {
		return Code{}, failure(Malformed, "a code has %d digits, and this has %d", CodeDigits, len(digits))
	}
	return Code{newPassword(ModeCode, digits)}, nil
}

// Text returns the code as it is shown and may be typed, in one word: "1234-5678".
// It panics on the zero
// Code.
func (c Code) Text() string {
	var s string
	if err := c.p.use(func(d []byte) error {
		s = string(d[:CodeDigits/2]) + "-" + string(d[CodeDigits/2:])
		return nil
	}); err != nil {
		panic("pairing: internal error: " + err.Error())
	}
	return s
}

// Password returns the password that the code is. They share their bytes.
func (c Code) Password() Password { return c.p }

// Equal reports whether c and other are the same code, in constant time.
func (c Code) Equal(other Code) bool { return c.p.equal(other.p) }

// Format implements [fmt.Formatter] and prints a placeholder for every verb.
func (Code) Format(f fmt.State, _ rune) { io.WriteString(f, "[secret]") }

// hintBits is how much of a code a [Code.Hint] gives away.
const hintBits = 6

const tagHint wire.Tag = "pairing/code-hint"

// Hint returns the number of 6 bits by which a device that was told a code
// finds the one that shows it among others on the same network, so that two
// people who pair at once seldom spend each other's tries. peer is the
// throw-away peer id of the showing device.
//
// A listener learns those 6 bits and keeps 20.6 bits to guess, of which three
// tries find the code once in half a million. That holds because one code has
// one hint: the peer id is the salt, and it is as old as the code.
func (c Code) Hint(peer []byte) byte {
	var h wire.Hash
	if err := c.p.use(func(d []byte) error {
		h = wire.Sum(tagHint, peer, d)
		return nil
	}); err != nil {
		panic("pairing: internal error: " + err.Error())
	}
	return h[0] >> (8 - hintBits)
}
