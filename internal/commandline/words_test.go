package commandline

import (
	"testing"

	"github.com/warifu/warifu/node/say"
)

// TestEveryActionIsACommand: whoever reads what to do can type it.
func TestEveryActionIsACommand(t *testing.T) {
	t.Parallel()
	for _, a := range say.Actions() {
		if Words[a] == "" {
			t.Errorf("%s is no command", a)
		}
	}
	if len(Words) != len(say.Actions()) {
		t.Errorf("%d commands, %d actions", len(Words), len(say.Actions()))
	}
}
