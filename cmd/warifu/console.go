package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/warifu/warifu/intent"
	"github.com/warifu/warifu/node/api"
)

// A console is where the program meets whoever runs it, a person or a script: it
// prints results and errors, notes and events, and asks questions. Several
// goroutines may do so at once.
type console struct {
	stdin  io.Reader
	stdout io.Writer
	stderr io.Writer
	env    func(string) string // what is known of the terminal

	json    bool
	verbose bool
	noQR    bool

	asking sync.Once // makes in
	in     *input    // stdin, for what is asked

	lossy *lossyWriter // what stderr is while a device runs, or nil

	mu       sync.Mutex // guards stderr and progress
	progress bool       // the last line on the terminal is to be overwritten
}

// result prints v with --json, and what human writes otherwise. A result that
// could not be written is a failure: whoever reads it from a file would take half
// of a signature for a whole one.
func (con *console) result(v any, human func(w io.Writer)) error {
	con.endProgress()
	out := &firstError{Writer: con.stdout}
	if con.json {
		printJSON(out, v)
	} else {
		human(onScreen(out))
	}
	if out.err != nil {
		return api.Errorf(api.CodeInternal, "it was done, but the result cannot be written: %v", out.err).
			WithHint("`warifu status` and `warifu requests` show where things stand, `warifu show ID --wait` prints a signature again")
	}
	return nil
}

// A firstError keeps the first error of a writer, and writes nothing after it.
type firstError struct {
	io.Writer
	err error
}

func (w *firstError) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	n, err := w.Writer.Write(p)
	w.err = err
	return n, err
}

// printJSON writes v as one line. What we print is ours and can be encoded; that
// it could not be written is for w to know.
func printJSON(w io.Writer, v any) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v)
	_, _ = w.Write(screenSafe(b.Bytes()))
}

// screenSafe writes what must not reach a screen in the escapes of JSON: its
// encoder leaves C1 control characters and bidirectional marks as they are, and a
// person may look at the output as well. No reader of JSON sees a difference.
func screenSafe(doc []byte) []byte {
	out := make([]byte, 0, len(doc))
	for _, r := range string(doc) {
		if r < 0x7f || intent.Escape(string(r)) == string(r) {
			out = utf8.AppendRune(out, r)
			continue
		}
		for _, u := range utf16.AppendRune(nil, r) {
			out = fmt.Appendf(out, `\u%04x`, u)
		}
	}
	return out
}

// failure prints the error with which the program ends.
func (con *console) failure(e *api.Error) {
	con.mu.Lock()
	defer con.mu.Unlock()
	if con.json {
		printJSON(con.stderr, struct {
			Event string     `json:"event"`
			Error *api.Error `json:"error"`
		}{api.EventError, e})
		return
	}
	stderr := onScreen(con.stderr)
	fmt.Fprintf(stderr, "warifu: %s\n", esc(e.Message))
	if e.Hint != "" {
		fmt.Fprintf(stderr, "hint: %s\n", esc(e.Hint))
	}
}

// note prints one line on stderr, where it is no part of the result. With
// --json it says nothing: there events speak.
func (con *console) note(format string, args ...any) {
	if con.json {
		return
	}
	con.endProgress()
	con.mu.Lock()
	defer con.mu.Unlock()
	fmt.Fprintln(onScreen(con.stderr), fmt.Sprintf(format, args...))
}

// input is stdin, for what is asked.
func (con *console) input() *input {
	con.asking.Do(func() { con.in = &input{r: con.stdin} })
	return con.in
}

// say tells the person something on stderr, as an event with --json.
func (con *console) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	if con.json {
		con.event(api.Event{Event: api.EventProgress, Text: text})
		return
	}
	con.note("%s", text)
}
