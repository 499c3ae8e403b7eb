package e2e

import (
	"bytes"
	"os"
	"sync"
	"testing"
)

// labVariable is what a build with the tag lab reads, and no other: cmd/warifu
// says in lab.go what it may hold.
const labVariable = "WARIFU_LAB"

var buildLab = sync.OnceValues(func() (string, error) { return build("warifu-lab", "-tags", "lab") })

// labBinary is the program with the parts that only tests want.
func labBinary(t testing.TB) string {
	t.Helper()
	path, err := buildLab()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestLabIsNotInTheProgram looks for the name of the variable in the program
// that people run.
func TestLabIsNotInTheProgram(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		path string
		want bool
	}{{binary, false}, {labBinary(t), true}} {
		b, err := os.ReadFile(x.path)
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Contains(b, []byte(labVariable)); got != x.want {
			t.Errorf("%s knows %s: %t", x.path, labVariable, got)
		}
	}
}
