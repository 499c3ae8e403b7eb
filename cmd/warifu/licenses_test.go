package main

import (
	"runtime/debug"
	"strings"
	"testing"
)

// TestLicensesNameWhatIsLinked: a binary that is passed on carries the terms of
// all that it is made of. The test binary links what warifu does, and some more.
func TestLicensesNameWhatIsLinked(t *testing.T) {
	t.Parallel()
	info, ok := debug.ReadBuildInfo()
	if !ok {
		t.Fatal("no build info")
	}
	n := 0
	for _, m := range info.Deps {
		if testsOnly[m.Path] {
			continue
		}
		n++
		if !strings.Contains(thirdParty, "\n"+m.Path+" "+m.Version+"\n") {
			t.Errorf("third-party.txt has no terms of %s %s: make notices", m.Path, m.Version)
		}
	}
	if n == 0 || !strings.Contains(thirdParty, "The Go standard library") {
		t.Errorf("%d modules", n)
	}
}

// testsOnly are modules that tests link and the binary does not.
var testsOnly = map[string]bool{"github.com/rogpeppe/go-internal": true}
