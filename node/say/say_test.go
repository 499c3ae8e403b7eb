package say

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// ofRequest are the actions that are about a request.
var ofRequest = []Action{DenyThis, Follow, Show}

// TestEveryMessageHasWords: each in the catalogue, and what it says to do is an action.
func TestEveryMessageHasWords(t *testing.T) {
	t.Parallel()
	braces := regexp.MustCompile(`\{([^}:]*)(:%(?:\[\d\])?v)?\}`)
	for _, id := range IDs() {
		p, ok := english[id]
		if !ok || p.text == "" {
			t.Errorf("message %d has no words", id)
		}
		for _, m := range braces.FindAllStringSubmatch(p.text+p.hint, -1) {
			if a := Action(m[1]); !slices.Contains(Actions(), a) || slices.Contains(ofRequest, a) != (m[2] != "") {
				t.Errorf("%q: %s is no action, or is about something else", p, m[0])
			}
		}
		if rest := braces.ReplaceAllString(p.text+p.hint, ""); strings.ContainsAny(rest, "{}") {
			t.Errorf("%q: a brace that means nothing", p)
		}
		if id > sayings && p.hint != "" {
			t.Errorf("%q: only errors have hints", p)
		}
	}
	if len(english) != len(IDs()) {
		t.Errorf("%d messages, %d phrases", len(IDs()), len(english))
	}
}

// TestSaid: text, hint, and the error in a chain.
func TestSaid(t *testing.T) {
	t.Parallel()
	words := Vocabulary{Unlock: "press unlock", Show: "show %v", Follow: "follow %v", DenyThis: "deny %v", Thaw: "thaw it"}
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
	if e := New(TakenBack, "ab12"); !strings.HasSuffix(e.Error(), "by `thaw`") || !strings.HasSuffix(e.Text(words), "by `thaw it`") {
		t.Errorf("%q, %q", e.Error(), e.Text(words))
	}
	for id, want := range map[ID]string{
		TooLongForList: "too long for a list: show ab12",
		FollowChange:   `the circle goes on with it as soon as it can: "follow ab12" follows it, "deny ab12" ends it`,
	} {
		if got := words.Say(id, "ab12"); got != want {
			t.Errorf("%q", got)
		}
	}
}
