package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
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
	p := &passphrases{con: &console{stdin: program, stderr: &bytes.Buffer{}}}
	done := make(chan error, 1)
	go func() {
		_, err := p.passphrase(ctx, "")
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
	p := newTypist(t)
	go p.types("passphrase: ", "correct horse\n")
	pass, err := p.pass.passphrase(t.Context(), "")
	if err != nil || string(pass) != "correct horse" || p.screen() != "passphrase: \n" {
		t.Errorf("%q, %v, %q", pass, err, p.screen())
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

// A typist sits at a terminal, sees what the program writes, and types.
type typist struct {
	t       testing.TB
	con     *console // the program at that terminal
	pass    *passphrases
	user    *os.File
	program *os.File

	mu     sync.Mutex // guards shown and seen
	shown  bytes.Buffer
	seen   int // bytes of shown that were looked at
	change *sync.Cond
}

func newTypist(t *testing.T) *typist {
	p := &typist{t: t}
	p.user, p.program = pseudoTerminal(t)
	p.change = sync.NewCond(&p.mu)
	p.con = &console{stdin: p.program, stdout: p, stderr: p}
	p.pass = &passphrases{con: p.con}
	return p
}

// Write is what the program shows.
func (p *typist) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.change.Broadcast()
	return p.shown.Write(b)
}

func (p *typist) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown.String()
}

// types waits until text is shown that was not looked at yet, and types keys once
// the program waits for them: it forgets what was typed before.
func (p *typist) types(text, keys string) {
	p.mu.Lock()
	for {
		if at := strings.Index(p.shown.String()[p.seen:], text); at >= 0 {
			p.seen += at + len(text)
			break
		}
		p.change.Wait()
	}
	p.mu.Unlock()
	p.reads()
	if _, err := p.user.WriteString(keys); err != nil {
		p.t.Error(err)
	}
}

// reads waits until the program waits for a line, which is after it has dropped
// what was typed before.
func (p *typist) reads() {
	for {
		in := p.con.input()
		in.mu.Lock()
		waits := in.pending != nil
		in.mu.Unlock()
		if waits {
			return
		}
		runtime.Gosched()
	}
}
