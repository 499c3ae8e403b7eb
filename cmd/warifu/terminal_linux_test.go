package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/warifu/warifu/node/api"
)

// pseudoTerminal returns the two ends of one.
func pseudoTerminal(t *testing.T) (user, program *os.File) {
	t.Helper()
	user, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { user.Close() })
	if err := unix.IoctlSetPointerInt(int(user.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(user.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { program.Close() })
	return user, program
}

func echoes(t *testing.T, f *os.File) bool {
	t.Helper()
	mode, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	if err != nil {
		t.Fatal(err)
	}
	return mode.Lflag&unix.ECHO != 0
}

// TestPassphraseCanBeInterrupted: Ctrl-C at the question for a passphrase ends
// the command, and the shell's next line is seen again.
func TestPassphraseCanBeInterrupted(t *testing.T) {
	t.Parallel()
	user, program := pseudoTerminal(t)
	ctx, cancel := context.WithCancel(t.Context())
	a := &app{stdin: program, stderr: &bytes.Buffer{}}
	done := make(chan error, 1)
	go func() {
		_, err := a.passphrase(ctx, "")
		done <- err
	}()
	for echoes(t, program) {
		runtime.Gosched()
	}
	cancel()
	if err := <-done; api.CodeOf(err) != api.CodeCanceled {
		t.Errorf("%v", err)
	}
	if !echoes(t, program) {
		t.Error("the terminal does not echo")
	}
	// The line that is still waited for ends the goroutine.
	if _, err := user.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
}

// TestPassphraseFromTerminal is read without its line's end.
func TestPassphraseFromTerminal(t *testing.T) {
	t.Parallel()
	user, program := pseudoTerminal(t)
	if _, err := user.WriteString("correct horse\n"); err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	a := &app{stdin: program, stderr: &stderr}
	pass, err := a.passphrase(t.Context(), "")
	if err != nil || string(pass) != "correct horse" || stderr.String() != "passphrase: \n" {
		t.Errorf("%q, %v, %q", pass, err, stderr.String())
	}
}

// TestRequestFitsItsTerminal: on a terminal, also through the writer that notes
// failures, values stay in their column.
func TestRequestFitsItsTerminal(t *testing.T) {
	t.Parallel()
	user, program := pseudoTerminal(t)
	if err := unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}); err != nil {
		t.Fatal(err)
	}
	if got := columns(program); got != 80 {
		t.Errorf("%d columns", got)
	}
	if got := columns(&bytes.Buffer{}); got != 0 {
		t.Errorf("a buffer of %d columns", got)
	}
	const end = "the end"
	r := api.Request{Kind: api.KindMessage, Summary: "sign " + strings.Repeat("s", 200), Warnings: api.List[string]{strings.Repeat("w", 200)},
		Lines: api.List[api.Line]{{Label: "message", Text: strings.Repeat(" ", 70) + "  amount  1 ETH" + strings.Repeat("x", 100)}}}
	go func() {
		w := &firstError{Writer: program}
		printRequest(w, r)
		printRequests(w, []api.Request{{ID: requestID, Summary: "sign " + strings.Repeat("s", 200)}})
		fmt.Fprintln(w, end)
	}()
	in := bufio.NewScanner(user)
	for in.Scan() && in.Text() != end {
		line := strings.TrimRight(in.Text(), "\r")
		if len(line) > 80 || strings.HasPrefix(strings.TrimLeft(line, " "), "amount") && !strings.HasPrefix(line, "        ") {
			t.Errorf("%d columns: %q", len(line), line)
		}
	}
	if err := in.Err(); err != nil {
		t.Fatal(err)
	}
}
