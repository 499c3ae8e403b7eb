package e2e

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
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

// toLab has a device run in the lab from its next start on.
func (d *device) toLab() {
	d.t.Helper()
	d.lab = "@" + filepath.Join(tempDir(d.t), "lab")
	d.wish("")
}

// wish changes what is done to a device in the lab.
func (d *device) wish(words string) {
	d.t.Helper()
	path := d.lab[1:]
	if err := os.WriteFile(path+".new", []byte(words), 0o600); err != nil {
		d.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		d.t.Fatal(err)
	}
}

// dies waits until a device has died as it was wished.
func (d *device) dies() {
	d.t.Helper()
	select {
	case <-d.exited:
	case <-time.After(patience):
		d.t.Fatalf("%s lives on:\n%s", d.name, d.stderr)
	}
	if s, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		d.t.Fatalf("%s: %v:\n%s", d.name, d.cmd.ProcessState, d.stderr)
	}
	d.cmd = nil
	d.wish("")
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
