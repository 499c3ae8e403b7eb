package roster

import (
	_ "embed"
	"strconv"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Which characters look like which: the first two columns of confusables.txt of
// Unicode 17.0.0 (2025-07-22), the data of UTS #39, without its comments, sorted
// by the character. A line is the character in five hex digits or more, and behind
// a space the characters that stand for how it looks, in hex too. Its SHA-256 is
// in the tests, its license in confusables.license.
//
//go:embed confusables.txt
var confusables string

// looksLike returns what stands for how r looks, and false if it is r itself.
func looksLike(r rune) (string, bool) {
	want := strings.ToUpper(strconv.FormatInt(int64(r), 16))
	if n := 5 - len(want); n > 0 {
		want = "00000"[:n] + want
	}
	// A search in lines that are sorted and not all of one length: lo is always the
	// beginning of a line, and hi that of one or the end.
	lo, hi := 0, len(confusables)
	for lo < hi {
		mid := lo + (hi-lo)/2
		at := strings.LastIndexByte(confusables[lo:mid], '\n') + 1 + lo
		line, _, _ := strings.Cut(confusables[at:hi], "\n")
		from, to, _ := strings.Cut(line, " ")
		switch {
		case from == want:
			return parseRunes(to), true
		case len(from) < len(want) || len(from) == len(want) && from < want:
			lo = at + len(line) + 1
		default:
			hi = at
		}
	}
	return "", false
}

func parseRunes(hex string) string {
	var b strings.Builder
	for _, f := range strings.Fields(hex) {
		r, err := strconv.ParseInt(f, 16, 32)
		if err != nil {
			panic("roster: internal error: confusables: " + err.Error())
		}
		b.WriteRune(rune(r))
	}
	return b.String()
}

// skeleton returns what stands for how s looks: two texts with one skeleton can be
// taken for each other (UTS #39, section 4). It is for comparing, not for showing.
func skeleton(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if like, ok := looksLike(r); ok {
			b.WriteString(like)
		} else {
			b.WriteRune(r)
		}
	}
	return norm.NFD.String(b.String())
}
