// Package say is what a device tells persons: which message, and what it is about. The
// words are in one catalogue, english.go, so that another language is another file. What
// a person can do is an [Action]: a command line calls it one thing and a page another, so
// that a message names it and a [Vocabulary] has the words.
package say

import (
	"errors"
	"fmt"
	"strings"
)

// A phrase is the words of a message: what is the matter, and what to do about it, which
// only errors have, and not all of them. Both are formats for what the message is about,
// in which an action stands in braces: {thaw}, or {show:%v} if the action is about
// something, too.
type phrase struct{ text, hint string }

// An Error is what a device refuses, or fails at, for a reason that a person can act on.
type Error struct {
	ID     ID
	Args   []any  // of the text
	Device string // name of the device that is the cause, "" if none is

	hint []any // of the hint
}

// New returns the error that id names, about args.
func New(id ID, args ...any) *Error { return &Error{ID: id, Args: args} }

// Hinted returns a copy of e whose hint is about args.
func (e *Error) Hinted(args ...any) *Error {
	out := *e
	out.hint = args
	return &out
}

// Of returns a copy of e that names the device that is the cause.
func (e *Error) Of(device string) *Error {
	out := *e
	out.Device = device
	return &out
}

// Error returns the text, with actions by their own names.
func (e *Error) Error() string { return e.Text(nil) }

// Text says what is the matter, in the words of v.
func (e *Error) Text(v Vocabulary) string { return v.Say(e.ID, e.Args...) }

// Hint says what a person can do, in the words of v, or "".
func (e *Error) Hint(v Vocabulary) string {
	return fmt.Sprintf(v.fill(english[e.ID].hint), e.hint...)
}

// Is reports whether err is the error that id names, or wraps it.
func Is(err error, id ID) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.ID == id
}

// Say says the message that id names, about args, in the words of v.
func (v Vocabulary) Say(id ID, args ...any) string {
	return fmt.Sprintf(v.fill(english[id].text), args...)
}

// fill puts the words for actions in their places.
func (v Vocabulary) fill(format string) string {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(format, "{")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		named, after, _ := strings.Cut(rest, "}")
		action, about, _ := strings.Cut(named, ":")
		words, ok := v[Action(action)]
		if !ok {
			words = action
		}
		out.WriteString(strings.Replace(words, "%v", about, 1))
		format = after
	}
}
