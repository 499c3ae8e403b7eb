// Package text makes foreign text safe to show: it spells out what a person
// could not see or would see in another place, and says what may look like
// something else.
package text

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many non-spacing marks may stand on one letter. Vietnamese,
// Hebrew and Thai need three; a tower of them paints over the lines above.
const maxMarks = 3

// MaxShort is how many bytes of a name are shown inside a sentence.
const MaxShort = 64

// Escape returns s in a form that is safe to print on a terminal or a page and
// that can be read back without doubt. Letters, digits, punctuation and the
// ASCII space stay. Everything that moves the cursor, changes direction or
// cannot be seen becomes \u{hex}: control and format characters, bidirectional
// marks, zero-width and unusual spaces, variation selectors, private use and
// unassigned code points, and marks without a letter to stand on. Newline,
// carriage return and tab become \n, \r and \t, a backslash is doubled, and
// each byte that is not UTF-8 becomes \xhh.
func Escape(s string) string {
	var b strings.Builder
	b.Grow(len(s))
	marks := maxMarks // nothing to stand on yet
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
			marks = maxMarks
		case r == '\\':
			b.WriteString(`\\`)
			marks = maxMarks
		case r == '\n':
			b.WriteString(`\n`)
			marks = maxMarks
		case r == '\r':
			b.WriteString(`\r`)
			marks = maxMarks
		case r == '\t':
			b.WriteString(`\t`)
			marks = maxMarks
		case hidden(r):
			fmt.Fprintf(&b, `\u{%x}`, r)
			marks = maxMarks
		case unicode.Is(unicode.Mn, r):
			if marks >= maxMarks {
				fmt.Fprintf(&b, `\u{%x}`, r)
				break
			}
			b.WriteRune(r)
			marks++
		default:
			b.WriteRune(r)
			marks = maxMarks
			if unicode.IsLetter(r) || unicode.Is(unicode.Mc, r) {
				marks = 0
			}
		}
		i += n
	}
	return b.String()
}

// hidden reports whether r must not reach a screen.
func hidden(r rune) bool {
	return !unicode.IsPrint(r) || unicode.In(r, invisible, unicode.Me)
}

// invisible lists what unicode.IsPrint lets through although nothing, or
// something over its neighbour, is drawn: letters and symbols that are blank,
// default-ignorable marks, and marks that strike out. Marks that enclose are the
// category Me.
var invisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x034f, Hi: 0x034f, Stride: 1}, // combining grapheme joiner
		{Lo: 0x0334, Hi: 0x0338, Stride: 1}, // overlays
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, // Hangul fillers
		{Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, // Khmer inherent vowels
		{Lo: 0x180b, Hi: 0x180f, Stride: 1}, // Mongolian selectors
		{Lo: 0x20d2, Hi: 0x20d3, Stride: 1}, // overlays
		{Lo: 0x20d8, Hi: 0x20da, Stride: 1},
		{Lo: 0x20e5, Hi: 0x20e6, Stride: 1},
		{Lo: 0x20ea, Hi: 0x20eb, Stride: 1},
		{Lo: 0x2800, Hi: 0x2800, Stride: 1}, // blank Braille pattern
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, // Hangul filler
		{Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}, // variation selectors
		{Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, // half-width Hangul filler
		{Lo: 0xfffc, Hi: 0xfffc, Stride: 1}, // object replacement
	},
	R32: []unicode.Range32{
		{Lo: 0x16fe4, Hi: 0x16fe4, Stride: 1}, // Khitan filler
		{Lo: 0x1d159, Hi: 0x1d159, Stride: 1}, // null notehead
		{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}, // variation selectors
	},
}

// Show escapes s after cutting it to at most limit bytes between two
// characters, and says how many bytes it left out.
func Show(s string, limit int) string {
	head := Cut(s, limit)
	if len(head) == len(s) {
		return Escape(s)
	}
	return fmt.Sprintf("%s … %d more bytes", Escape(head), len(s)-len(head))
}

// Cut returns the first bytes of s, at most limit, and ends between two
// characters.
func Cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	at := limit
	for at > limit-utf8.UTFMax && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at]
}

// Quote quotes a name for use inside a sentence. A quote inside it is escaped,
// so that the name cannot end before its end and go on as our own words.
func Quote(s string) string {
	return `"` + strings.ReplaceAll(Show(s, MaxShort), `"`, `\"`) + `"`
}

// Hex returns b in hexadecimal, cut to at most limit bytes of b.
func Hex(b []byte, limit int) string {
	if len(b) <= limit {
		return fmt.Sprintf("0x%x", b)
	}
	return fmt.Sprintf("0x%x … %d more bytes", b[:limit], len(b)-limit)
}
