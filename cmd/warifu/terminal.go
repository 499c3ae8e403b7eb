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

// isTerminal reports whether v, a reader or writer, is a terminal.
func isTerminal(v any) bool {
	f, ok := v.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

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
func (con *console) ask(ctx context.Context, question string) (string, error) {
	con.put(question)
	con.input().forget()
	return con.answered(ctx)
}

// put writes a question on stderr.
func (con *console) put(question string) {
	con.endProgress()
	if con.json {
		con.event(api.Event{Event: api.EventProgress, Text: question})
		return
	}
	con.mu.Lock()
	defer con.mu.Unlock()
	fmt.Fprint(con.stderr, onLines(question, columns(con.stderr)), " ")
}

// answered returns the next line, without what nobody sees of it.
func (con *console) answered(ctx context.Context) (string, error) {
	text, err := con.input().line(ctx)
	if err != nil {
		con.note("") // the question's line is not ended by an answer
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
func (con *console) confirm(ctx context.Context, question string) (bool, error) {
	text, err := con.ask(ctx, question+" [y/N]")
	switch {
	case ctx.Err() != nil:
		return false, ctx.Err()
	case err != nil:
		return false, errNobody()
	}
	return isYes(text), nil
}

// consent is [console.confirm] for a change, which a no leaves undone.
func (con *console) consent(ctx context.Context, question string) error {
	ok, err := con.confirm(ctx, question)
	if err == nil && !ok {
		err = api.Errorf(api.CodeNotConfirmed, "nothing was changed")
	}
	return err
}

// decide asks a question of which either answer has consequences elsewhere, so
// that neither is taken from a stray key: it asks until it is told y or n. A
// terminal has an end when somebody types Ctrl-D; one that is gone has no other.
func (con *console) decide(ctx context.Context, question string) (bool, error) {
	ends := 1
	if _, ok := terminalOf(con.stdin); ok {
		ends = 3
	}
	for {
		text, err := con.ask(ctx, question+" [y/n]")
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
		con.say("type y if it is so, n if not")
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
