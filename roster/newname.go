package roster

import (
	"errors"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// minHex is how many hex digits may be the beginning of an identity or of a
// fingerprint, as far as persons type them.
const minHex = 8

// CheckNewName reports whether a device may begin to be called s: [CheckName], and
// nothing that a person would read, or a command would take, for the slot or the
// fingerprint of another device, or for an option. Devices that have such a name
// from before keep it: what is stored and signed is held to CheckName only.
func CheckNewName(s string) error {
	if err := CheckName(s); err != nil {
		return err
	}
	plain := norm.NFKC.String(s)
	switch looks := skeleton(plain); {
	case strings.HasPrefix(looks, "-"):
		return errors.New("roster: name begins with a dash, and would be read as an option")
	case isNumber(looks):
		return errors.New("roster: name is a number, or looks like one, and would be read as a slot")
	case len(plain) >= minHex && strings.Trim(plain, "0123456789abcdefABCDEF") == "":
		return errors.New("roster: name is nothing but hex digits, and would be read as a fingerprint")
	}
	return nil
}

// isNumber reports whether s reads as a number: it has digits, or letters that look
// like them, and besides at most what stands between digits.
func isNumber(s string) bool {
	digits := false
	for _, r := range s {
		switch {
		case unicode.IsNumber(r) || strings.ContainsRune("lO", r): // skeletons of 1 and 0
			digits = true
		case !strings.ContainsRune(" +-.,_'#:", r):
			return false
		}
	}
	return digits
}

// fold removes what only tells letter cases and forms of one letter apart (Unicode,
// section 3.13, definition 146, by way of NFKC).
func fold(s string) string {
	return norm.NFKC.String(cases.Fold().String(norm.NFKC.String(s)))
}

// SameName reports whether two names differ in nothing but letter case or the form
// of letters.
func SameName(a, b string) bool { return a == b || fold(a) == fold(b) }

// Alike reports whether two names are the same, or look so much alike that one can
// be taken for the other, in whatever letter case.
func Alike(a, b string) bool {
	return SameName(a, b) || skeleton(fold(a)) == skeleton(fold(b)) || skeleton(fold(skeleton(a))) == skeleton(fold(skeleton(b)))
}

// CheckNewNames is [CheckNewName] for the names of all devices of a circle to be,
// of which no two may be [Alike].
func CheckNewNames(devices []Device) error {
	for i, d := range devices {
		if err := CheckNewName(d.Name); err != nil {
			return fmt.Errorf("roster: device %d: %w", d.Slot, err)
		}
		for _, o := range devices[:i] {
			if Alike(d.Name, o.Name) {
				return fmt.Errorf("roster: the names of devices %d and %d look alike", o.Slot, d.Slot)
			}
		}
	}
	return nil
}
