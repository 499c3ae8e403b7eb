package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
	"github.com/warifu/warifu/node/api"
)

// TestTypedAheadIsNoAnswer: a y that was typed before the question stood on the
// screen confirms nothing, and a passphrase that was typed before it proves
// nothing.
func TestTypedAheadIsNoAnswer(t *testing.T) {
	t.Parallel()
	for name, question := range map[string]func(*console) (bool, error){
		"confirm": func(con *console) (bool, error) { return con.confirm(t.Context(), "Approve?") },
		"decide":  func(con *console) (bool, error) { return con.decide(t.Context(), "Approve?") },
	} {
		p := newTypist(t)
		if _, err := p.user.WriteString("y\ny\ny"); err != nil {
			t.Fatal(err)
		}
		go p.types("Approve? [y/", "n\n")
		if ok, err := question(p.con); err != nil || ok {
			t.Errorf("%s: approved by what was typed before: %v", name, err)
		}
		go p.types("Approve? [y/", "y\n")
		if ok, err := question(p.con); err != nil || !ok {
			t.Errorf("%s: not approved: %v", name, err)
		}
	}
	p := newTypist(t)
	if _, err := p.user.WriteString("a former line\nhalf a"); err != nil {
		t.Fatal(err)
	}
	go p.types("passphrase: ", "correct horse\n")
	if pass, err := p.pass.passphrase(t.Context(), ""); err != nil || string(pass) != "correct horse" {
		t.Errorf("%q, %v", pass, err)
	}
}

// TestOnlyAnExplicitNoSaysNo: at a terminal, too, a stray key and Ctrl-D ask again.
// One that is gone is asked no more.
func TestOnlyAnExplicitNoSaysNo(t *testing.T) {
	t.Parallel()
	p := newTypist(t)
	go func() {
		for _, keys := range []string{"\n", "x\n", "\x04", "nn\n", "\x04", "No\n"} {
			p.types("Yours? [y/n] ", keys)
		}
	}()
	if ok, err := p.con.decide(t.Context(), "Yours?"); err != nil || ok {
		t.Errorf("%v, %v", ok, err)
	}
	if n := strings.Count(p.screen(), "Yours?"); n != 6 {
		t.Errorf("asked %d times", n)
	}
	go func() {
		for range 3 {
			p.types("Yours? [y/n] ", "\x04")
		}
	}()
	if _, err := p.con.decide(t.Context(), "Yours?"); api.CodeOf(err) != api.CodeNotConfirmed {
		t.Errorf("nobody there: %v", err)
	}
}

// TestInterruptedReads: whatever waits for standard input, a pipe or a terminal
// ends when the program is told to, and the terminal echoes again.
func TestInterruptedReads(t *testing.T) {
	t.Parallel()
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, read := range map[string]func(context.Context, *typist) error{
		"stdin":      func(ctx context.Context, p *typist) error { _, err := p.con.readInput(ctx, "-", 10); return err },
		"pipe":       func(ctx context.Context, p *typist) error { _, err := p.con.readInput(ctx, fifo, 10); return err },
		"hash":       func(ctx context.Context, p *typist) error { _, err := p.con.hashFile(ctx, "-"); return err },
		"hash pipe":  func(ctx context.Context, p *typist) error { _, err := p.con.hashFile(ctx, fifo); return err },
		"passphrase": func(ctx context.Context, p *typist) error { _, err := p.pass.passphrase(ctx, ""); return err },
		"file":       func(ctx context.Context, p *typist) error { _, err := p.pass.passphrase(ctx, fifo); return err },
		"new":        func(ctx context.Context, p *typist) error { _, err := p.pass.newPassphrase(ctx, ""); return err },
		"new file":   func(ctx context.Context, p *typist) error { _, err := p.pass.newPassphrase(ctx, fifo); return err },
		"confirm":    func(ctx context.Context, p *typist) error { _, err := p.con.confirm(ctx, "?"); return err },
		"decide":     func(ctx context.Context, p *typist) error { _, err := p.con.decide(ctx, "?"); return err },
		"invitation": func(ctx context.Context, p *typist) error { _, err := readInvitation(ctx, p.con, false); return err },
		"join -":     func(ctx context.Context, p *typist) error { _, err := readInvitation(ctx, p.con, true); return err },
	} {
		p := newTypist(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- read(ctx, p) }()
		if name == "passphrase" || name == "new" {
			p.reads()
			if echoes(t, p.program) {
				t.Errorf("%s: a passphrase is shown", name)
			}
		}
		cancel()
		if err := <-done; api.CodeOf(err) != api.CodeCanceled {
			t.Errorf("%s: %v", name, err)
		}
		if !echoes(t, p.program) {
			t.Errorf("%s: the terminal does not echo", name)
		}
	}
}

// TestNewPassphraseIsAskedForAgain until two are the same and can be taken. The
// end of the input ends it.
func TestNewPassphraseIsAskedForAgain(t *testing.T) {
	t.Parallel()
	p := newTypist(t)
	go func() {
		for _, step := range [][2]string{
			{"new passphrase: ", "short\n"}, {"new passphrase: ", "\n"}, {"new passphrase: ", "trailing space \n"},
			{"new passphrase: ", "arrow \x1b[D keys\n"},
			{"new passphrase: ", "correct horse\n"}, {"again: ", "incorrect horse\n"},
			{"new passphrase: ", "correct horse\n"}, {"again: ", "\n"},
			{"new passphrase: ", "correct horse\n"}, {"again: ", "correct horse\n"},
		} {
			p.types(step[0], step[1])
		}
	}()
	pass, err := p.pass.newPassphrase(t.Context(), "")
	if err != nil || string(pass) != "correct horse" {
		t.Errorf("%q, %v", pass, err)
	}
	has(t, "screen", p.screen(), "fewer than 8 characters", "the passphrase is empty", "begins or ends with a space", "control character", "the two passphrases differ")
	if strings.Contains(p.screen(), "horse") {
		t.Error("a passphrase is shown")
	}
	go p.types("new passphrase: ", "\x04")
	if _, err := p.pass.newPassphrase(t.Context(), ""); api.CodeOf(err) != api.CodeCanceled {
		t.Errorf("the end of the input: %v", err)
	}
}

// guarded is a store whose passphrase is pass, and which tries cost little of.
func guarded(t *testing.T, pass string, now func() time.Duration) (keeper.Guard, []byte) {
	t.Helper()
	_, header := keepertest.New(t, pass)
	store, err := boltstore.Create(filepath.Join(t.TempDir(), "h", storeName), header)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return keeper.Guard{Store: store, Uptime: now}, header
}

// TestWrongPassphraseIsAskedForAgain, also after the five that are free: then it
// says how long nobody need try, waits for just that, and forgets what was typed
// meanwhile.
func TestWrongPassphraseIsAskedForAgain(t *testing.T) {
	t.Parallel()
	p := newTypist(t)
	on := 100 * time.Hour
	waited, pauses := time.Duration(0), 0
	p.pass.waits = clock{now: func() time.Duration { return on }, wait: func(_ context.Context, d time.Duration) error {
		if echoes(t, p.program) {
			t.Error("what is typed during the wait is shown")
		}
		if pauses == 3 {
			if _, err := p.user.WriteString("incorrect horse\n"); err != nil {
				t.Error(err)
			}
		}
		on += d
		waited += d
		pauses++
		return nil
	}}
	g, header := guarded(t, "correct horse", func() time.Duration { return on })
	go func() {
		for _, pass := range []string{"1", "2", "\n", "3", "4", "5", "6", "correct horse"} {
			p.types("passphrase: ", strings.TrimSuffix(pass, "\n")+"\n")
		}
	}()
	k, err := openKeeper(t.Context(), g, header, p.pass.opening(t.Context(), ""))
	if err != nil {
		t.Fatal(err)
	}
	k.Close()
	if waited != 150*time.Second {
		t.Errorf("waited for %v, want 30 s and 2 min", waited)
	}
	if n := strings.Count(p.screen(), "the passphrase is wrong"); n != 6 {
		t.Errorf("%d of 6 were called wrong", n)
	}
	has(t, "screen", p.screen(), "the next try is possible in 30s", "the next try is possible in 2m0s")
	if stored, err := g.Store.Tries(); err != nil || len(stored) > 0 {
		t.Errorf("tries are left: %x, %v", stored, err)
	}
	// Ctrl-D, Ctrl-C and a file end it.
	go p.types("passphrase: ", "\x04")
	if _, err := openKeeper(t.Context(), g, header, p.pass.opening(t.Context(), "")); api.CodeOf(err) != api.CodeCanceled {
		t.Errorf("the end of the input: %v", err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("incorrect horse"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := openKeeper(t.Context(), g, header, p.pass.opening(t.Context(), wrong)); api.CodeOf(err) != api.CodeWrongPass {
		t.Errorf("a wrong file: %v", err)
	}
	gone := errors.New("interrupted")
	p.pass.waits.wait = func(context.Context, time.Duration) error { return gone }
	if err := p.pass.sitOut(t.Context(), time.Minute); !errors.Is(err, gone) || !echoes(t, p.program) {
		t.Errorf("an interrupted wait: %v", err)
	}
}

// TestLogOfAFrozenTerminal: a terminal in which somebody typed Ctrl-S holds nobody
// up. What does not fit is counted, and told when it goes on.
func TestLogOfAFrozenTerminal(t *testing.T) {
	t.Parallel()
	gate, out := make(chan struct{}), &bytes.Buffer{}
	con := &console{stderr: gated{gate, out}}
	con.lose()
	log := con.logger()
	const lines = 3 * maxHeldLines
	for range lines {
		log.Info("said")
		con.event(api.Event{Event: api.EventReady, Device: "beef"})
	}
	close(gate)
	con.lossy.Close(time.Hour)
	written, lost := 0, 0
	for line := range strings.Lines(out.String()) {
		if _, n, ok := strings.Cut(strings.TrimSpace(line), "lines="); ok {
			count, err := strconv.Atoi(n)
			if err != nil {
				t.Fatal(err)
			}
			lost += count
			continue
		}
		written++
	}
	// As many as are held, and as many as were taken before and could not be
	// written either.
	if written < maxHeldLines || written > 2*maxHeldLines || written+lost != 2*lines {
		t.Errorf("%d lines written and %d told as lost, of %d; at most %d may be held", written, lost, 2*lines, 2*maxHeldLines)
	}
	has(t, "the log", out.String(), "lines were not written")
	// At the end nobody waits for it either.
	stuck := &console{stderr: gated{make(chan struct{}), out}}
	stuck.lose()
	stuck.note("said")
	stuck.lossy.Close(0)
	// Long lines are bounded by their bytes.
	wide := newLossyWriter(gated{make(chan struct{}), out}, func(int) []byte { return nil })
	_, _ = wide.Write([]byte("taken, and never written\n"))
	for taken := false; !taken; runtime.Gosched() {
		wide.mu.Lock()
		taken = len(wide.held) == 0
		wide.mu.Unlock()
	}
	for range 10 {
		if n, err := wide.Write(make([]byte, maxHeldBytes/2)); n != maxHeldBytes/2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
	}
	wide.mu.Lock()
	defer wide.mu.Unlock()
	if wide.bytes != maxHeldBytes || wide.dropped != 8 {
		t.Errorf("%d bytes are held and %d lines dropped", wide.bytes, wide.dropped)
	}
}

// A gated writer writes nothing until its gate is open.
type gated struct {
	gate <-chan struct{}
	to   *bytes.Buffer
}

func (g gated) Write(p []byte) (int, error) {
	<-g.gate
	return g.to.Write(p)
}
