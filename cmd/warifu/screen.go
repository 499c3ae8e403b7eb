package main

import (
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

// columns returns the width of the terminal that w is, or 0.
func columns(w io.Writer) int {
	if e, ok := w.(*firstError); ok {
		w = e.Writer
	}
	f, ok := w.(*os.File)
	if !ok || !isTerminal(f) {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// sentence writes text and breaks it, on a terminal of that many columns, so
// that no second line begins where lines of ours do. Left to the terminal, a text
// of the right length could go on as a line that says another amount.
func sentence(w io.Writer, text string, width int) {
	for i, line := range broken(text, width, width-furtherIn) {
		if i > 0 {
			line = strings.Repeat(" ", furtherIn) + line
		}
		fmt.Fprintln(w, line)
	}
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
	gap := strings.Repeat(" ", column)
	for _, row := range rows {
		label := strings.Repeat(" ", labelStart) + row[0]
		values := broken(row[1], width-column, width-column)
		if n := len([]rune(label)); n+2 <= column {
			fmt.Fprintln(w, strings.TrimRight(label+strings.Repeat(" ", column-n)+values[0], " "))
			values = values[1:]
		} else {
			sentence(w, label, width)
		}
		for _, v := range values {
			fmt.Fprintln(w, gap+v)
		}
	}
}

// broken cuts text into lines of at most so many columns, at least one line. A
// width of less than one column, of no terminal or of one that tells none, cuts
// nothing.
func broken(text string, first, further int) []string {
	var out []string
	start, used, room := 0, 0, first
	for i, r := range text {
		n := cells(r)
		if room > 0 && used > 0 && used+n > room {
			out = append(out, text[start:i])
			start, used, room = i, 0, further
		}
		used += n
	}
	return append(out, text[start:])
}

// cells returns how many columns r takes at most. Terminals differ on what is
// not a Latin letter, and a line that is too short hides nothing.
func cells(r rune) int {
	if r < 0x300 {
		return 1
	}
	return 2
}
