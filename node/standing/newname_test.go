package standing_test

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/node/standing"
)

// TestCheckNewName: a name that passes for a slot, a fingerprint, an option or another
// name is no name to begin with, and the reason is said.
func TestCheckNewName(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"2": "number", "l": "number", "-x": "dash", "deadbeef": "fingerprint", "рhone": "mixes", "аре": "looks like Latin", "𝐩𝐡𝐨𝐧𝐞": "styled", "phone ٢": "unusual digits",
	} {
		if err := standing.CheckNewName(name); !standing.IsBadName(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"phone", "phone-2", "Телефон", "my laptop"} {
		if err := standing.CheckNewName(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}
