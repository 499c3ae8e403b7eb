// Package words puts a request into words: a [Writer] collects its lines and
// warnings, and what is common knowledge of chains, tokens and addresses gives
// numbers their names. Nothing in it knows the kinds of requests.
package words

import (
	"slices"

	"github.com/warifu/warifu/intent/internal/request"
	"github.com/warifu/warifu/intent/internal/text"
)

// Limits of what is shown. Beyond them an intent says how much is missing and
// warns.
const (
	MaxShown = 2048 // bytes of one value
	MaxData  = 256  // bytes of unread call data
	MaxLines = 256  // lines of a message, or of one list in it

	maxWarnings = 64 // of one request
)

// A Line is one thing that a person should check. Label and Value are escaped.
type Line struct {
	Label string
	Value string
	Warn  bool // the value deserves a second look
}

// A Writer collects the words of an intent. Its methods take text that is
// escaped, except where they say that they escape it.
type Writer struct {
	Ctx      request.Context
	Summary  string // one line
	Lines    []Line
	Warnings []string // sentences
}

// Line writes a line.
func (w *Writer) Line(label, value string) {
	w.Lines = append(w.Lines, Line{Label: label, Value: value})
}

// Flag writes a line that deserves a second look.
func (w *Writer) Flag(label, value string) {
	w.Lines = append(w.Lines, Line{Label: label, Value: value, Warn: true})
}

// Mark says that the last line deserves a second look.
func (w *Writer) Mark() { w.Lines[len(w.Lines)-1].Warn = true }

// Text writes a line of foreign text: it escapes and bounds the text, and warns
// if that may mislead.
func (w *Writer) Text(label, s string) {
	shown := text.Cut(s, MaxShown)
	found := text.Suspicious(shown)
	w.Lines = append(w.Lines, Line{Label: label, Value: text.Show(s, MaxShown), Warn: len(found) > 0 || len(s) > len(shown)})
	for _, f := range found {
		w.Warn(label + ": " + f)
	}
	if len(s) > len(shown) {
		w.Warn(label + ": too long to be shown whole")
	}
}

// Warn adds a sentence once.
func (w *Writer) Warn(sentence string) {
	if slices.Contains(w.Warnings, sentence) || len(w.Warnings) > maxWarnings {
		return
	}
	if len(w.Warnings) == maxWarnings {
		sentence = "there are more warnings than can be listed"
	}
	w.Warnings = append(w.Warnings, sentence)
}
