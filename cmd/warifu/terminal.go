package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/warifu/warifu/node/api"
)

func terminal(fd int) bool { return term.IsTerminal(fd) }

// terminalOf returns the descriptor of r if that is a terminal.
func terminalOf(r io.Reader) (fd int, ok bool) {
	f, ok := r.(*os.File)
	if !ok || !isTerminal(f) {
		return 0, false
	}
	return int(f.Fd()), true
}

// ask puts a question and returns the line that answers it. What was typed before
// the question stood there answers nothing.
func (a *app) ask(ctx context.Context, question string) (string, error) {
	a.put(question)
	a.input().forget()
	return a.answered(ctx)
}

// put writes a question on stderr.
func (a *app) put(question string) {
	a.endProgress()
	if a.json {
		a.event(api.Event{Event: api.EventProgress, Text: question})
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	fmt.Fprint(a.stderr, onLines(question, columns(a.stderr)), " ")
}

// answered returns the next line, without what nobody sees of it.
func (a *app) answered(ctx context.Context) (string, error) {
	text, err := a.input().line(ctx)
	if err != nil {
		a.note("") // the question's line is not ended by an answer
	}
	return strings.TrimSpace(string(text)), err
}

// errNobody is the answer of an input that has come to its end.
func errNobody() error {
	return api.Errorf(api.CodeNotConfirmed, "there is nobody to ask").
		WithHint("scripts say yes beforehand with --yes")
}

// confirm asks a question that is answered with y or n. Anything but a yes is
// a no: nothing happens then.
func (a *app) confirm(ctx context.Context, question string) (bool, error) {
	text, err := a.ask(ctx, question+" [y/N]")
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return false, errNobody()
	}
	return isYes(text), nil
}

// decide asks a question of which either answer has consequences elsewhere, so
// that neither is taken from a stray key: it asks until it is told y or n. A
// terminal has an end when somebody types Ctrl-D; one that is gone has no other.
func (a *app) decide(ctx context.Context, question string) (bool, error) {
	ends := 1
	if _, ok := terminalOf(a.stdin); ok {
		ends = 3
	}
	for {
		text, err := a.ask(ctx, question+" [y/n]")
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case errors.Is(err, io.EOF) && ends > 1:
			ends--
		case err != nil && !errors.Is(err, errLineTooLong):
			return false, errNobody()
		case isYes(text):
			return true, nil
		case isNo(text):
			return false, nil
		}
		a.say("type y if it is so, n if not")
	}
}

func isYes(text string) bool {
	text = strings.ToLower(text)
	return text == "y" || text == "yes"
}

func isNo(text string) bool {
	text = strings.ToLower(text)
	return text == "n" || text == "no"
}
