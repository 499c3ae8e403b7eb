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

// A phrase is the words of a message: what is the matter, and what to do about it, empty
// if that is plain. Both are formats.
type phrase struct{ text, hint string }

// An Error is what a room refuses, or fails at, for a reason that a person can act on.
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

// Error returns the text.
func (e *Error) Error() string { return fmt.Sprintf(english[e.ID].text, e.Args...) }

// Hint says what a person can do, in the words of v, or "".
func (e *Error) Hint(v Vocabulary) string {
	return fmt.Sprintf(v.fill(english[e.ID].hint), e.hint...)
}

// Is reports whether err is the error that id names, or wraps it.
func Is(err error, id ID) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.ID == id
}

// fill puts words in the place of actions.
func (v Vocabulary) fill(format string) string {
	if !strings.Contains(format, "{") {
		return format
	}
	for _, a := range Actions() {
		format = strings.ReplaceAll(format, "{"+string(a)+"}", v.Do(a))
	}
	return format
}

// IDs lists all of them.
func IDs() (all []ID) {
	for id := ID(1); id < end; id++ {
		all = append(all, id)
	}
	return all
}
