package text

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxFindings bounds what is said of one value.
const maxFindings = 8

// Suspicious returns what in s may look like something else to a reader, one
// sentence for each finding, safe to print, at most eight: characters that
// [Escape] must spell out, words whose letters come from several scripts,
// words in another script made of nothing but shapes of Latin letters, styled
// copies of Latin letters, rows of spaces, and right-to-left letters beside others, which a
// screen may reorder. It is a hint for a person and decides nothing: an
// honest text may trip it and a skilled forgery may pass.
func Suspicious(s string) []string {
	var out []string
	add := func(format string, args ...any) {
		f := fmt.Sprintf(format, args...)
		if len(out) < maxFindings && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	if !utf8.ValidString(s) {
		add("contains bytes that are not text; they are spelled out as \\x…")
	}
	for _, r := range s {
		if r != '\n' && r != '\r' && r != '\t' && hidden(r) {
			add("contains characters that cannot be seen or that move text; they are spelled out as \\u{…}")
			break
		}
	}
	if strings.Contains(s, blanks) {
		add("contains many spaces in a row; what follows them may look like a line of its own")
	}
	words := strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsMark(r) && !unicode.IsNumber(r) && !unicode.Is(styledLatin, r)
	})
	// A Russian text has many words that no Latin letter could imitate; one
	// such word shows that the script is meant.
	honest := make(map[string]bool)
	for _, w := range words {
		if sc, ok := scriptsOf(w); ok && len(sc) == 1 && !imitatesLatin(w) {
			honest[sc[0]] = true
		}
	}
	var rtl, ltr bool
	for _, w := range words {
		scripts, styled := scriptsOf(w)
		switch {
		case !styled:
			add("the word %s is written in styled copies of ordinary letters", Quote(w))
		case len(scripts) > 1 && !compatible(scripts):
			add("the word %s mixes %s letters", Quote(w), strings.Join(scripts, " and "))
		case len(scripts) == 1 && scripts[0] != "Latin" && !honest[scripts[0]] && imitatesLatin(w):
			add("the word %s looks like Latin letters but is %s", Quote(w), scripts[0])
		}
		if foreignDigits(w) {
			add("the number %s is written in unusual digits", Quote(w))
		}
		for _, sc := range scripts {
			if sc == "Hebrew" || sc == "Arabic" || sc == "Syriac" || sc == "Thaana" || sc == "Nko" {
				rtl = true
			} else {
				ltr = true
			}
		}
		if len(scripts) == 0 {
			ltr = true // a number
		}
	}
	if rtl && ltr {
		add("mixes right-to-left and left-to-right text; a screen may show it in another order")
	}
	return out
}

// blanks is a row of spaces that pushes what follows to where a screen breaks the
// line. Columns of honest text are narrower.
const blanks = "                " // 16

// scriptsOf returns the scripts of the letters of w, sorted. It reports false
// if w has letters that are styled copies of ASCII letters.
func scriptsOf(w string) (scripts []string, plain bool) {
	plain = true
	last := ""
	for _, r := range w {
		if r < unicode.MaxASCII {
			if unicode.IsLetter(r) && last != "Latin" && !slices.Contains(scripts, "Latin") {
				scripts = append(scripts, "Latin")
			}
			continue
		}
		if unicode.Is(styledLatin, r) {
			plain = false
			continue
		}
		if !unicode.IsLetter(r) || last != "" && unicode.Is(unicode.Scripts[last], r) {
			continue
		}
		// Scripts do not overlap, so the order of the map does not matter.
		for name, table := range unicode.Scripts {
			if name == "Common" || name == "Inherited" || !unicode.Is(table, r) {
				continue
			}
			last = name
			if !slices.Contains(scripts, name) {
				scripts = append(scripts, name)
			}
			break
		}
	}
	slices.Sort(scripts)
	return scripts, plain
}

// compatible reports whether a word may honestly mix these scripts, as the
// writing of Japanese, Chinese and Korean does (Unicode TR 39, section 5.2,
// "highly restrictive").
func compatible(scripts []string) bool {
	for _, set := range [][]string{
		{"Han", "Hiragana", "Katakana", "Latin"},
		{"Bopomofo", "Han", "Latin"},
		{"Han", "Hangul", "Latin"},
	} {
		if !slices.ContainsFunc(scripts, func(s string) bool { return !slices.Contains(set, s) }) {
			return true
		}
	}
	return false
}

// imitatesLatin reports whether w has letters and each of them has the shape
// of a Latin letter.
func imitatesLatin(w string) bool {
	letters := false
	for _, r := range w {
		if !unicode.IsLetter(r) {
			continue
		}
		letters = true
		if !strings.ContainsRune(latinShapes, r) {
			return false
		}
	}
	return letters
}

// foreignDigits reports whether w has digits other than 0 to 9.
func foreignDigits(w string) bool {
	return strings.ContainsFunc(w, func(r rune) bool {
		return r > unicode.MaxASCII && unicode.IsDigit(r) && !unicode.Is(styledLatin, r)
	})
}

// latinShapes lists letters of other scripts that common fonts draw like a
// Latin letter (after Unicode's confusables.txt): Cyrillic, Greek, Armenian,
// Cherokee and Lisu capitals.
const latinShapes = "аеорсухіјѕһԁԛԝѵӏүґАВЕКМНОРСТУХІЈЅԌԚԜѴӀҮ" +
	"αορνυικτχΑΒΕΖΗΙΚΜΝΟΡΤΥΧϲϳ" +
	"օոսհցզյքաՕՍԼՏ" +
	"ᎪᏴᏟᎠᎬᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ" +
	"ꓮꓐꓚꓓꓰꓝꓖꓧꓲꓙꓗꓡꓟꓠꓳꓑꓣꓢꓔꓴꓦꓪꓫꓬꓜ"

// styledLatin lists copies of Latin letters and digits in another style.
var styledLatin = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x2102, Hi: 0x2102, Stride: 1}, {Lo: 0x210a, Hi: 0x2113, Stride: 1},
		{Lo: 0x2115, Hi: 0x2115, Stride: 1}, {Lo: 0x2119, Hi: 0x211d, Stride: 1},
		{Lo: 0x2124, Hi: 0x2124, Stride: 1}, {Lo: 0x2128, Hi: 0x2128, Stride: 1},
		{Lo: 0x212a, Hi: 0x212d, Stride: 1}, {Lo: 0x212f, Hi: 0x2131, Stride: 1},
		{Lo: 0x2133, Hi: 0x2134, Stride: 1}, {Lo: 0x2139, Hi: 0x2139, Stride: 1},
		{Lo: 0x2145, Hi: 0x2149, Stride: 1},
		{Lo: 0x2160, Hi: 0x217f, Stride: 1}, // Roman numerals
		{Lo: 0x24b6, Hi: 0x24e9, Stride: 1}, // in circles
		{Lo: 0xff10, Hi: 0xff19, Stride: 1}, // full width
		{Lo: 0xff21, Hi: 0xff3a, Stride: 1},
		{Lo: 0xff41, Hi: 0xff5a, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1d400, Hi: 0x1d7ff, Stride: 1}, // mathematical
		{Lo: 0x1f130, Hi: 0x1f189, Stride: 1}, // in squares
	},
}
