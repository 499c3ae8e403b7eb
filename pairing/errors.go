package pairing

import "fmt"

// The codes of an [Error]. They are stable: programs branch on them.
const (
	WrongCode    = "wrong-code"
	Expired      = "expired"
	Used         = "used"
	TooManyTries = "too-many-tries"
	Cancelled    = "cancelled"
	Refused      = "refused"
	SameDevice   = "same-device"
	CircleFull   = "circle-full"
	NameTaken    = "name-taken"
	Malformed    = "malformed"
	Version      = "version"
	BadName      = "bad-name"
)

// An Error is why two devices did not pair. The text is always ours: nothing
// that the other side sent is quoted in it.
type Error struct {
	Code string // one of the constants of this package
	Text string // for a person

	// Unproven says that the reason came from a peer that has not proved to
	// know the secret. It is a hint and nothing may be decided upon it.
	Unproven bool
}

func (e *Error) Error() string { return "pairing: " + e.Text }

func failure(code, format string, args ...any) *Error {
	return &Error{Code: code, Text: fmt.Sprintf(format, args...)}
}

// VersionError says that the other device speaks another version of pairing
// than this one, and which of the two is older.
func VersionError(theirs, ours int) *Error {
	which := "the other device"
	if theirs > ours {
		which = "this device"
	}
	return failure(Version, "the other device runs a release of warifu that pairs by version %d, and this one by version %d: update %s", theirs, ours, which)
}

// A reason is an Error's code on the wire. Values are wire format: append
// only, never reuse.
type reason uint8

// texts says each code to a person, in the order of the reasons on the wire,
// which begin at 1.
var texts = [...]struct{ code, text string }{
	{WrongCode, "the code or invitation is not the one that the other device shows"},
	{Expired, "the code or invitation has expired"},
	{Used, "the code or invitation has been used already"},
	{TooManyTries, "the code was tried too often and is void"},
	{Cancelled, "the invitation was withdrawn, or what it was for is over"},
	{Refused, "the other device has refused"},
	{SameDevice, "this device is in the circle already"},
	{CircleFull, "the circle has no room for another device"},
	{NameTaken, "another device of the circle has this name, or one that looks like it"},
	{Malformed, "the other device could not read what it was sent"},
	{Version, "the two devices run releases that do not understand each other"},
	{BadName, "a device cannot join under this name: it would pass for a slot, a fingerprint or another name"},
}

// errorOf returns the Error with the usual text for a code, and its reason on
// the wire. An unknown code is a mistake of the caller.
func errorOf(code string) (*Error, reason) {
	for i, t := range texts {
		if t.code == code {
			return &Error{Code: t.code, Text: t.text}, reason(i + 1)
		}
	}
	panic("pairing: unknown code " + code)
}

// error returns the Error for a reason that a peer gave. A later release may
// have reasons that this one does not know.
func (r reason) error() *Error {
	if r == 0 || int(r) > len(texts) {
		return failure(Refused, "the other device has refused, for a reason that this release does not know")
	}
	e, _ := errorOf(texts[r-1].code)
	return e
}
