package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"github.com/warifu/warifu/intent"
)

// A Code names a kind of failure. Codes are stable: scripts branch on them.
type Code string

const (
	CodeInternal       Code = "internal"         // a fault of ours
	CodeBadArgument    Code = "bad-argument"     // the call makes no sense; nothing happened
	CodeRefused        Code = "refused"          // understood, and never done, with the reason
	CodeNotRunning     Code = "not-running"      // no daemon answers at this home
	CodeAlreadyRunning Code = "already-running"  // another daemon holds this home
	CodeNoAnswer       Code = "no-answer"        // a daemon runs at this home, and is stopped or held up
	CodeNoDevice       Code = "no-device"        // the home holds no device
	CodeDeviceExists   Code = "device-exists"    // the home holds a device already
	CodeHomeTooLong    Code = "home-too-long"    // the path of the home leaves no room for a socket
	CodeWrongPass      Code = "wrong-passphrase" // the passphrase opens nothing
	CodeLocked         Code = "locked"           // the shares are not in memory
	CodeStoreDamaged   Code = "store-damaged"    // the store does not hold what it should
	CodeDiskFull       Code = "disk-full"        // what had to be durable could not be written
	CodeUnsupported    Code = "unsupported"      // this daemon cannot do it, others can

	CodeNoCircle        Code = "no-circle"          // this device is in no circle
	CodeCircleExists    Code = "circle-exists"      // this device is in a circle already
	CodeFounding        Code = "founding-pending"   // a founding is under way or was interrupted
	CodeNoFounding      Code = "no-founding"        // there is nothing to confirm or abandon
	CodeFoundingFailed  Code = "founding-failed"    // a device left, cheated or could not be reached
	CodeNotConfirmed    Code = "not-confirmed"      // a person said no to names and words
	CodeBadInvitation   Code = "bad-invitation"     // not an invitation, or damaged
	CodeInvitationSpent Code = "invitation-used"    // it has been used, or tried too often
	CodeInvitationOld   Code = "invitation-expired" // its five minutes are over
	CodeWrongCode       Code = "wrong-code"         // the two sides do not know the same code
	CodeDeviceKnown     Code = "device-known"       // this device or its name is in already
	CodeCircleFull      Code = "circle-full"        // one device too many

	CodeNoAccount      Code = "no-account"        // the circle does not hold this key
	CodeUnknownRequest Code = "unknown-request"   // no request begins with this id
	CodeAmbiguous      Code = "ambiguous-request" // more than one does
	CodeRequestClosed  Code = "request-closed"    // it can no longer be answered
	CodeDenied         Code = "denied"            // a device said no
	CodeExpired        Code = "expired"           // nobody answered in the request's life
	CodeTimeout        Code = "timeout"           // this call waited long enough; the request is still open
	CodeNoQuorum       Code = "no-quorum"         // too few devices can be reached; the request is still open
	CodeUnreachable    Code = "unreachable"       // a device did not answer at any address
	CodeCanceled       Code = "canceled"          // the caller went away
)

// An Error is a failure that a person or a script can act on.
type Error struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`          // what failed: cause
	Hint    string `json:"hint,omitempty"`   // what to do about it
	Device  string `json:"device,omitempty"` // name of the device that caused it
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// Errorf returns an error with a code and a formatted message.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy of e that says what the person can do.
func (e *Error) WithHint(format string, args ...any) *Error {
	out := *e
	out.Hint = fmt.Sprintf(format, args...)
	return &out
}

// WithDevice returns a copy of e that names the device that caused it.
func (e *Error) WithDevice(name string) *Error {
	out := *e
	out.Device = name
	return &out
}

// CodeOf returns the code of [AsError] for err, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	return AsError(err).Code
}

// AsError returns the first [Error] in err's chain with the text of the whole
// chain. Of other errors it knows what a person can do about an [intent.Error],
// a full disk and a context that ended; what is left is a fault of ours.
func AsError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		out := *e
		out.Message = err.Error()
		return &out
	}
	if e, ok := errors.AsType[*intent.Error](err); ok {
		out := &Error{Code: CodeBadArgument, Message: e.Reason, Hint: e.Hint}
		switch e.Code {
		case intent.CodeOwnAuthorization, intent.CodeBlobTransaction:
			out.Code = CodeRefused
		case intent.CodeWrongAccount:
			out.Code = CodeNoAccount
		}
		return out
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG):
		return &Error{Code: CodeDiskFull, Message: err.Error(), Hint: "free some space on the disk of this device and try again"}
	case errors.Is(err, context.Canceled):
		return &Error{Code: CodeCanceled, Message: strings.ReplaceAll(err.Error(), context.Canceled.Error(), "interrupted")}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{Code: CodeTimeout, Message: err.Error()}
	}
	return &Error{Code: CodeInternal, Message: err.Error()}
}
