package say

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestEveryMessageHasWords: each in the catalogue, and what a hint says to do is an
// action.
func TestEveryMessageHasWords(t *testing.T) {
	t.Parallel()
	braces := regexp.MustCompile(`\{([^}]*)\}`)
	for _, id := range IDs() {
		p, ok := english[id]
		if !ok || p.text == "" {
			t.Errorf("message %d has no words", id)
		}
		if strings.ContainsAny(p.text, "{}") {
			t.Errorf("%q: a text names no action", p.text)
		}
		for _, m := range braces.FindAllStringSubmatch(p.hint, -1) {
			if !slices.Contains(Actions(), Action(m[1])) {
				t.Errorf("%q: %s is no action", p.hint, m[1])
			}
		}
		if words := (Vocabulary{}).fill(p.hint); strings.ContainsAny(words, "{}") {
			t.Errorf("%q is said as %q", p.hint, words)
		}
	}
	if len(english) != len(IDs()) {
		t.Errorf("%d messages, %d phrases", len(IDs()), len(english))
	}
}

// TestSaid: text, hint, and the error in a chain.
func TestSaid(t *testing.T) {
	t.Parallel()
	words := Vocabulary{Unlock: "press unlock", Show: "show %v"}
	err := fmt.Errorf("while signing: %w", New(Locked))
	if !Is(err, Locked) || Is(err, Frozen) || Is(nil, Locked) || Is(errors.New("this device is locked"), Locked) {
		t.Error("it is not what it is")
	}
	if got := New(Locked).Hint(words); got != "press unlock" {
		t.Errorf("hint %q", got)
	}
	if got := New(Locked).Hint(nil); got != "unlock" {
		t.Errorf("hint without words %q", got)
	}
	e := New(ThresholdOfOne, 1).Hinted(3, 2)
	if e.Error() != "threshold 1: one device alone could sign" || e.Hint(Vocabulary{Threshold: "-t"}) != "a circle of 3 devices wants -t 2" {
		t.Errorf("%q, %q", e.Error(), e.Hint(nil))
	}
	if of := e.Of("phone"); of.Device != "phone" || e.Device != "" {
		t.Error("a copy is no copy")
	}
	if got := words.Do(Show, "ab12"); got != "show ab12" {
		t.Errorf("%q", got)
	}
}
