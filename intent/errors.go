package intent

import "fmt"

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

func refuse(code, format string, args ...any) *Error {
	return &Error{Code: code, Reason: fmt.Sprintf(format, args...)}
}

// hint returns e with a hint.
func (e *Error) hint(h string) *Error {
	e.Hint = h
	return e
}
