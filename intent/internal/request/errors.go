package request

import (
	"fmt"
	"slices"
	"strings"
)

// An Error says why an input or a payload is refused, in words for the person
// who gave it. Names of fields in Reason are escaped; values are not quoted.
type Error struct {
	// Code is a stable kebab-case name of the kind of error.
	Code string
	// Reason is what is wrong.
	Reason string
	// Hint is what the person can do about it, or empty.
	Hint string
}

// Codes of [Error].
const (
	CodeTooLarge         = "input-too-large"
	CodeBadJSON          = "bad-json"
	CodeBadMessage       = "bad-message"
	CodeBadTypedData     = "bad-typed-data"
	CodeBadTransaction   = "bad-transaction"
	CodeBlobTransaction  = "blob-transaction"
	CodeOwnAuthorization = "own-authorization"
	CodeBadAddress       = "bad-address"
	CodeBadFile          = "bad-file"
	CodeBadPayload       = "bad-payload"
	CodeWrongAccount     = "wrong-account"
	CodeBadSignature     = "bad-signature"
	CodeUnknownKind      = "unknown-kind"
)

func (e *Error) Error() string { return "intent: " + e.Reason }

// Refuse returns an error. The format must not quote values, and names of fields
// only escaped.
func Refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// WithHint sets the hint of e, and returns e.
func (e *Error) WithHint(h string) *Error {
	e.Hint = h
	return e
}

// Problems collects what is wrong with one input, so that a person who wrote
// it for another program hears of all differences at once.
type Problems struct {
	list []*Error
	more int // beyond those that are listed
}

// maxProblems bounds what one error lists.
const maxProblems = 16

// Full reports whether no more are listed, and if so counts one more.
func (p *Problems) Full() bool {
	if len(p.list) < maxProblems {
		return false
	}
	p.more++
	return true
}

// Add notes a problem, once.
func (p *Problems) Add(e *Error) {
	if slices.ContainsFunc(p.list, func(o *Error) bool { return *o == *e }) || p.Full() {
		return
	}
	p.list = append(p.list, e)
}

// First puts a problem before all others: its code tells why no other form of
// the input would be taken either.
func (p *Problems) First(e *Error) { p.list = slices.Insert(p.list, 0, e) }

// Err returns nil, or one error that says everything. Its code is that of the
// first problem.
func (p *Problems) Err() error {
	if len(p.list) == 0 {
		return nil
	}
	if len(p.list) == 1 {
		return p.list[0]
	}
	var reasons, hints []string
	for _, e := range p.list {
		reasons = append(reasons, e.Reason)
		if e.Hint != "" && !slices.Contains(hints, e.Hint) {
			hints = append(hints, e.Hint)
		}
	}
	if p.more > 0 {
		reasons = append(reasons, fmt.Sprintf("and %d more", p.more))
	}
	return Refuse(p.list[0].Code, "%s", strings.Join(reasons, "; ")).WithHint(strings.Join(hints, "; "))
}
