package desk

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/node/message"
)

// TestPathThatIsTooLong is named, and not called a malformed request.
func TestPathThatIsTooLong(t *testing.T) {
	t.Parallel()
	if _, _, path, err := signInput(api.SignArgs{Kind: api.KindMessage, Path: "1/2/3/4"}); err != nil || len(path) != message.MaxSteps {
		t.Errorf("%v, %v", path, err)
	}
	_, _, _, err := signInput(api.SignArgs{Kind: api.KindMessage, Path: "1/2/3/4/5"})
	if api.CodeOf(Said(err, nil)) != api.CodeBadArgument || !strings.Contains(err.Error(), "at most 4 are signed with") {
		t.Errorf("%v", err)
	}
}

// TestPathsThatAreNone: what is no path below an account is told at once.
func TestPathsThatAreNone(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"0/1/2/3":    "",
		"0/1/2/3/4":  "has 5 steps",
		"0'/1":       "a derivation path is numbers",
		"m/0":        "a derivation path is numbers",
		"0/00":       "a derivation path is numbers",
		"2147483648": "a derivation path",
	} {
		_, _, _, err := signInput(api.SignArgs{Kind: api.KindMessage, Message: []byte("x"), Path: path})
		if (err == nil) != (want == "") || err != nil && (api.CodeOf(Said(err, nil)) != api.CodeBadArgument || !strings.Contains(err.Error(), want)) {
			t.Errorf("--path %s: %v", path, err)
		}
	}
}
