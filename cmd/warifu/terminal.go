package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node/api"
)

func terminal(fd int) bool { return term.IsTerminal(fd) }

// passphrase reads the passphrase of an existing device. The caller wipes it.
func (a *app) passphrase(ctx context.Context, file string) ([]byte, error) {
	if file != "" {
		return a.passphraseFile(file)
	}
	return a.askPassphrase(ctx, "passphrase: ")
}

// newPassphrase reads the passphrase of a new device, from a terminal twice.
func (a *app) newPassphrase(ctx context.Context, file string) ([]byte, error) {
	var first []byte
	var err error
	if file != "" {
		first, err = a.passphraseFile(file)
	} else {
		first, err = a.askPassphrase(ctx, "new passphrase: ")
	}
	if err != nil {
		return nil, err
	}
	if utf8.RuneCount(first) < keeper.MinPassphrase {
		clear(first)
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase is shorter than %d characters", keeper.MinPassphrase).
			WithHint("several random words make a good one; it protects this device's shares from a thief")
	}
	if file != "" {
		return first, nil
	}
	second, err := a.askPassphrase(ctx, "again: ")
	defer clear(second)
	if err != nil {
		clear(first)
		return nil, err
	}
	if string(first) != string(second) {
		clear(first)
		return nil, api.Errorf(api.CodeBadArgument, "the two passphrases differ").
			WithHint("nothing was made; begin again")
	}
	return first, nil
}

// askPassphrase reads one line from the terminal without echo. As in [app.confirm],
// the goroutine that waits for the line may outlive ctx; the terminal echoes
// again by then, for it is the shell's.
func (a *app) askPassphrase(ctx context.Context, prompt string) ([]byte, error) {
	in, ok := a.stdin.(*os.File)
	if !ok || !isTerminal(in) {
		return nil, api.Errorf(api.CodeBadArgument, "there is no terminal to ask for the passphrase").
			WithHint("give it with --passphrase-file FILE")
	}
	a.endProgress()
	fd := int(in.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase could not be read: %v", err)
	}
	type line struct {
		text []byte
		err  error
	}
	lines := make(chan line, 1)
	fmt.Fprint(a.stderr, prompt)
	go func() {
		text, err := term.ReadPassword(fd)
		lines <- line{text, err}
	}()
	var got line
	select {
	case <-ctx.Done():
		got.err = term.Restore(fd, before)
		fmt.Fprintln(a.stderr)
		return nil, errors.Join(ctx.Err(), got.err)
	case got = <-lines:
	}
	fmt.Fprintln(a.stderr)
	switch {
	case got.err != nil:
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase could not be read: %v", got.err)
	case len(got.text) == 0:
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase is empty")
	}
	return got.text, nil
}

// passphraseFile reads a passphrase up to the end of its first line.
func (a *app) passphraseFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase file cannot be read: %v", err)
	}
	defer f.Close()
	buf := make([]byte, keeper.MaxPassphrase+2)
	defer clear(buf)
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase file cannot be read: %v", err)
	}
	text := buf[:n]
	for i, c := range text {
		if c == '\n' || c == '\r' {
			text = text[:i]
			break
		}
	}
	if len(text) == 0 || len(text) > keeper.MaxPassphrase {
		return nil, api.Errorf(api.CodeBadArgument, "the first line of the passphrase file is empty or longer than %d bytes", keeper.MaxPassphrase)
	}
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && othersMayRead(info.Mode()) {
		a.note("note: other users can read %s", esc(path))
	}
	return append([]byte(nil), text...), nil
}

// confirm asks a question that is answered with y or n. Anything but a yes is
// a no. A terminal's read cannot be interrupted, so the goroutine that waits
// for the line may outlive ctx, up to the end of the program.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	a.endProgress()
	if a.json {
		a.event(api.Event{Event: api.EventProgress, Text: question + " [y/N]"})
	} else {
		a.mu.Lock()
		fmt.Fprint(a.stderr, onLines(question+" [y/N]", columns(a.stderr)), " ")
		a.mu.Unlock()
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(a.stdin).ReadString('\n')
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		a.note("") // what comes now begins a line of its own
		return false, ctx.Err()
	case got := <-answers:
		if got.err != nil && got.text == "" {
			a.note("") // the question's line is not ended by an answer
			return false, api.Errorf(api.CodeNotConfirmed, "there is nobody to ask").
				WithHint("scripts say yes beforehand with --yes")
		}
		switch strings.ToLower(strings.TrimSpace(got.text)) {
		case "y", "yes":
			return true, nil
		}
		return false, nil
	}
}
