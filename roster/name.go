package roster

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// CheckName reports whether s may be the name of a device: 1 to [MaxName]
// runes of valid UTF-8 in normal form C, printable, with single spaces inside
// and none at the ends. Control characters, terminal escapes, bidirectional
// overrides and characters that nobody can see are refused, because names are
// shown in the lists by which a person decides.
func CheckName(s string) error {
	if s == "" {
		return errors.New("roster: name is empty")
	}
	if !utf8.ValidString(s) {
		return errors.New("roster: name is not UTF-8")
	}
	if utf8.RuneCountInString(s) > MaxName {
		return fmt.Errorf("roster: name is longer than %d characters", MaxName)
	}
	if !norm.NFC.IsNormalString(s) {
		return errors.New("roster: name is not in Unicode normal form C")
	}
	if strings.HasPrefix(s, " ") || strings.HasSuffix(s, " ") || strings.Contains(s, "  ") {
		return errors.New("roster: name has a space at an end or two in a row")
	}
	// A mark in front would join the text that we print before the name.
	marks := maxMarks
	for _, r := range s {
		if !visible(r) {
			return fmt.Errorf("roster: name contains the character %U, which does not show", r)
		}
		if !unicode.IsMark(r) {
			marks = 0
			continue
		}
		if marks++; marks > maxMarks {
			return errors.New("roster: name has a combining mark out of place")
		}
	}
	return nil
}

// visible reports whether r leaves ink of its own or is the ASCII space.
// unicode.IsPrint refuses controls, surrogates, other spaces and format
// characters, among them the bidirectional and the zero-width ones. What is
// left are letters, marks and symbols that Unicode tells renderers to ignore.
func visible(r rune) bool {
	return unicode.IsPrint(r) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) &&
		r != '\u034f' && // combining grapheme joiner
		r != '\u2800' && // braille pattern blank
		r != utf8.RuneError && r != '\ufffc'
}
