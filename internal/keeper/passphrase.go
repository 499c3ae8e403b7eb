package keeper

import (
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Limits of a passphrase.
const (
	MinPassphrase = 8       // characters
	MaxPassphrase = 1 << 10 // bytes
)

// ErrBadPassphrase is wrapped when a new passphrase is refused.
var ErrBadPassphrase = errors.New("unfit passphrase")

// CheckPassphrase refuses, with an [ErrBadPassphrase], what cannot become a
// passphrase: too short or too long, or with something in it that its person did
// not mean to be there or cannot type again, such as control characters (RFC 8265,
// section 4.2.2, refuses them), the mark of a byte order, or a space at an end.
// What was set before this was checked still opens: only [Create] asks.
func CheckPassphrase(p []byte) error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("keeper: %w: %s", ErrBadPassphrase, fmt.Sprintf(format, args...))
	}
	if len(p) > MaxPassphrase {
		return bad("it is longer than %d bytes", MaxPassphrase)
	}
	if !utf8.Valid(p) {
		return bad("it is not valid UTF-8")
	}
	for rest := p; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		rest = rest[n:]
		switch {
		case unicode.IsControl(r):
			return bad("it has a control character in it, %U", r)
		case r == '\ufeff', r == utf8.RuneError, unicode.In(r, unicode.Zl, unicode.Zp, unicode.Noncharacter_Code_Point):
			return bad("it has %U in it, which nobody types", r)
		}
	}
	first, _ := utf8.DecodeRune(p)
	last, _ := utf8.DecodeLastRune(p)
	switch {
	case utf8.RuneCount(p) < MinPassphrase:
		return bad("it has fewer than %d characters", MinPassphrase)
	case unicode.IsSpace(first), unicode.IsSpace(last):
		return bad("it begins or ends with a space, which nobody sees")
	}
	return nil
}
