package intent

import (
	"github.com/warifu/warifu/intent/internal/eth"
	"github.com/warifu/warifu/intent/internal/text"
)

// Escape returns s in a form that is safe to print on a terminal or a page and
// that can be read back without doubt. Letters, digits, punctuation and the
// ASCII space stay. Everything that moves the cursor, changes direction or
// cannot be seen becomes \u{hex}, newline, carriage return and tab become \n, \r
// and \t, a backslash is doubled, and each byte that is not UTF-8 becomes \xhh.
func Escape(s string) string { return text.Escape(s) }

// Suspicious returns what in s may look like something else to a reader, one
// sentence for each finding, safe to print, at most eight. It is a hint for a
// person and decides nothing.
func Suspicious(s string) []string { return text.Suspicious(s) }

// ParseAddress reads an Ethereum address: 0x and 40 hexadecimal digits. If
// the letters are of both cases, they must be the checksum of EIP-55. An error is
// an [*Error].
func ParseAddress(s string) ([20]byte, error) { return eth.ParseAddress(s) }
