package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// Widths of what a request says, in columns.
const (
	maxLabel   = 32 // wider labels stand on a line of their own, so that they push no value out of sight
	minValue   = 24 // less room than that beside the labels is none
	furtherIn  = 4  // where the second line of a sentence begins
	labelStart = 2
)

// A screen is a terminal of so many columns. It breaks what is written to it line
// by line, between words.
type screen struct {
	io.Writer
	width int
	line  []byte // begun, and not ended yet
}

// onScreen returns w, as a [screen] if it is a terminal. Whoever writes to it ends
// the last line.
func onScreen(w io.Writer) io.Writer {
	if _, ok := w.(*screen); ok {
		return w
	}
	if width := columns(w); width > 0 {
		return &screen{Writer: w, width: width}
	}
	return w
}

func (s *screen) Write(p []byte) (int, error) {
	s.line = append(s.line, p...)
	for {
		line, rest, ended := bytes.Cut(s.line, []byte("\n"))
		if !ended {
			return len(p), nil
		}
		var b bytes.Buffer
		sentence(&b, string(line), s.width)
		s.line = append([]byte(nil), rest...)
		if _, err := s.Writer.Write(b.Bytes()); err != nil {
			return 0, err
		}
	}
}

// whole writes lines that are to be copied, or scanned, as they are: only the
// terminal may break them, and it joins again what it has broken.
func whole(w io.Writer, lines string) {
	if s, ok := w.(*screen); ok {
		w = s.Writer
	}
	fmt.Fprintln(w, lines)
}

// columns returns the width of the terminal that w is, or 0.
func columns(w io.Writer) int {
	width, _ := size(w)
	return width
}

// size returns how many columns and rows the terminal has that w is, or 0.
func size(w io.Writer) (width, height int) {
	switch v := w.(type) {
	case *firstError:
		return size(v.Writer)
	case *screen:
		return size(v.Writer)
	case *os.File:
		if isTerminal(v) {
			if width, height, err := term.GetSize(int(v.Fd())); err == nil {
				return width, height
			}
		}
	}
	return 0, 0
}

// sentence writes text and breaks it, on a terminal of that many columns, so
// that no second line begins where lines of ours do. Left to the terminal, a text
// of the right length could go on as a line that says another amount.
func sentence(w io.Writer, text string, width int) {
	in := len(text) - len(strings.TrimLeft(text, " "))
	further := max(in+2, furtherIn)
	if further >= width/2 {
		further = furtherIn
	}
	for i, line := range broken(text, width, width-further) {
		if i > 0 {
			line = indented(line, further, width)
		}
		fmt.Fprintln(w, line)
	}
}

// onLines returns text, line by line broken as [sentence] does, without the end of
// the last line.
func onLines(text string, width int) string {
	var b strings.Builder
	for line := range strings.SplitSeq(text, "\n") {
		sentence(&b, line, width)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// indented puts so many blanks before a line, or fewer if it would not fit
// otherwise: an address that is wider than its column is not broken.
func indented(line string, blanks, width int) string {
	return strings.Repeat(" ", max(0, min(blanks, width-across(line)))) + line
}

// lay writes labels and values in two columns, of which no value leaves its own.
// The cells are safe to print.
func lay(w io.Writer, rows [][2]string, width int) {
	column := 0
	for _, row := range rows {
		if n := len([]rune(row[0])); n <= maxLabel {
			column = max(column, n)
		}
	}
	column += labelStart + 2
	if width > 0 && width-column < minValue {
		column = 2 * furtherIn
	}
	for _, row := range rows {
		label := strings.Repeat(" ", labelStart) + row[0]
		values := broken(row[1], width-column, width-column)
		n := len([]rune(label))
		if fits := width <= column || across(values[0]) <= width-column; n+2 <= column && fits {
			fmt.Fprintln(w, strings.TrimRight(label+strings.Repeat(" ", column-n)+values[0], " "))
			values = values[1:]
		} else {
			sentence(w, label, width)
		}
		for _, v := range values {
			if width > 0 {
				v = indented(v, column, max(width, column))
			} else {
				v = strings.Repeat(" ", column) + v
			}
			fmt.Fprintln(w, v)
		}
	}
}

// keys writes labels, and beside each a key or an address that is to be copied. One
// that does not fit there has a line of its own, and is never broken by us; what
// follows it after two blanks has another.
func keys(w io.Writer, rows [][2]string) {
	width, column := columns(w), 0
	for _, row := range rows {
		column = max(column, labelStart+len([]rune(row[0]))+2)
	}
	for _, row := range rows {
		label := strings.Repeat(" ", labelStart) + row[0]
		if line := label + strings.Repeat(" ", column-len([]rune(label))) + row[1]; width == 0 || across(line) <= width {
			fmt.Fprintln(w, line)
			continue
		}
		fmt.Fprintln(w, label)
		for piece := range strings.SplitSeq(row[1], "  ") {
			whole(w, indented(piece, furtherIn, width))
		}
	}
}

// broken cuts text into lines of at most so many columns, at least one line. It
// cuts between words, of which a command in backticks is one; a word that is wider
// than a line is cut in itself, unless it is an address or a hash, which is then
// wider than its line. A width of less than one column, of no terminal or of one
// that tells none, cuts nothing.
func broken(text string, first, further int) (out []string) {
	if first <= 0 {
		return []string{text}
	}
	var line strings.Builder
	used, room, empty := 0, first, true
	end := func() {
		if !empty {
			out = append(out, line.String())
			line.Reset()
			used, room, empty = 0, further, true
		}
	}
	put := func(s string, n int) {
		line.WriteString(s)
		used, empty = used+n, empty && strings.TrimSpace(s) == ""
	}
	for list := words(text, true); len(list) > 0; {
		w, n := list[0], across(list[0].text)
		list = list[1:]
		switch {
		case room <= 0 || used+w.gap+n <= room:
			put(strings.Repeat(" ", w.gap)+w.text, w.gap+n)
		case further <= 0 || n <= further || isHex(w.text):
			end()
			put(w.text, n)
		case strings.Contains(w.text, " "):
			list = append(words(strings.Repeat(" ", w.gap)+w.text, false), list...)
		default:
			if used+w.gap < room {
				put(strings.Repeat(" ", w.gap), w.gap)
			}
			for _, r := range w.text {
				if used > 0 && used+cells(r) > room {
					end()
				}
				put(string(r), cells(r))
			}
		}
	}
	empty = empty && len(out) > 0
	end()
	return out
}

// A word has so many blanks before it.
type word struct {
	gap  int
	text string
}

// words cuts text at blanks. If commands is set, what stands between backticks is
// one word.
func words(text string, commands bool) (out []word) {
	for i := 0; i < len(text); {
		start := i
		for i < len(text) && text[i] == ' ' {
			i++
		}
		w := word{gap: i - start}
		for start = i; i < len(text) && text[i] != ' '; i++ {
			if text[i] != '`' || !commands {
				continue
			}
			closing := strings.IndexByte(text[i+1:], '`')
			if commands = closing >= 0; commands {
				i += 1 + closing
			}
		}
		w.text = text[start:i]
		out = append(out, w)
	}
	return out
}

// isHex reports whether a word is an address, a hash, a key or a signature, which
// people compare and copy in one piece. Broken by the terminal, such a word goes
// on with digits and looks like nothing else.
func isHex(word string) bool {
	digits := strings.TrimPrefix(strings.Trim(word, "(),.:;"), "0x")
	return len(digits) >= 40 && len(digits) <= 130 && strings.Trim(digits, "0123456789abcdefABCDEF") == ""
}

// across returns how many columns text takes at most.
func across(text string) (n int) {
	for _, r := range text {
		n += cells(r)
	}
	return n
}

// cells returns how many columns r takes at most. Terminals differ on what is
// not a Latin letter, and a line that is too short hides nothing.
func cells(r rune) int {
	if r < 0x300 {
		return 1
	}
	return 2
}
