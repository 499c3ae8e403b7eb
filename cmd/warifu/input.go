package main

import (
	"bytes"
	"context"
	"crypto/sha512"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/warifu/warifu/node/api"
)

// maxTyped bounds a line that is typed: an invitation is some 300 bytes long, a
// passphrase 1024 at most.
const maxTyped = 8 << 10

// An input is standard input, read a line at a time. Everything that is asked
// takes its answer from here, so that no question swallows what is meant for the
// next one.
type input struct {
	r io.Reader

	mu      sync.Mutex // guards pending
	pending chan typed // a read that has begun, and whose line nobody has taken

	held []byte // what was read and is no whole line yet; the reading goroutine's
}

// A typed is one line, without its end, or why there is none.
type typed struct {
	text []byte
	err  error
}

var errLineTooLong = errors.New("the line is too long")

// line returns the next line. A read of a terminal cannot be interrupted: when
// ctx ends first, the line that is waited for is the next caller's.
func (in *input) line(ctx context.Context) ([]byte, error) {
	in.mu.Lock()
	if in.pending == nil {
		in.pending = make(chan typed, 1)
		go func(to chan<- typed) {
			text, err := in.read()
			to <- typed{text, err}
		}(in.pending)
	}
	pending := in.pending
	in.mu.Unlock()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case got := <-pending:
		in.mu.Lock()
		in.pending = nil
		in.mu.Unlock()
		return got.text, got.err
	}
}

// forget drops what was typed up to now, if standard input is a terminal: what
// nobody has seen the question of is no answer to it. The lines of a pipe or a
// file are a script's answers, in the order of the questions, whenever they were
// written.
func (in *input) forget() {
	fd, ok := terminalOf(in.r)
	if !ok {
		return
	}
	flushInput(fd)
	in.mu.Lock()
	defer in.mu.Unlock()
	select {
	case got := <-in.pending:
		clear(got.text)
		in.pending = nil
	default:
	}
	if in.pending == nil {
		clear(in.held)
		in.held = in.held[:0]
	}
}

// read reads up to the end of a line. It leaves no copy behind of what it
// returns.
func (in *input) read() ([]byte, error) {
	if in.held == nil {
		in.held = make([]byte, 0, maxTyped)
	}
	for {
		if i := bytes.IndexByte(in.held, '\n'); i >= 0 {
			return in.take(i, i+1), nil
		}
		if len(in.held) == cap(in.held) {
			in.take(0, len(in.held))
			return nil, errLineTooLong
		}
		n, err := in.r.Read(in.held[len(in.held):cap(in.held)])
		in.held = in.held[:len(in.held)+n]
		if err != nil && bytes.IndexByte(in.held, '\n') < 0 {
			if rest := in.take(len(in.held), len(in.held)); len(rest) > 0 && errors.Is(err, io.EOF) {
				return rest, nil
			}
			return nil, err
		}
	}
}

// take returns a copy of the first n bytes held and drops the first of those up
// to end.
func (in *input) take(n, end int) []byte {
	out := bytes.Clone(in.held[:n])
	rest := copy(in.held, in.held[end:])
	clear(in.held[rest:])
	in.held = in.held[:rest]
	return out
}

// readInput reads a file, or standard input if path is "-", of at most limit
// bytes.
func (con *console) readInput(ctx context.Context, path string, limit int64) ([]byte, error) {
	out, err := readFrom(ctx, con, path, func(in io.Reader, _ string) ([]byte, error) {
		return io.ReadAll(io.LimitReader(in, limit+1))
	})
	if err == nil && int64(len(out)) > limit {
		return nil, api.Errorf(api.CodeBadArgument, "the file is larger than %d bytes", limit)
	}
	return out, err
}

// hashFile reads a file of any size, or standard input if path is "-".
func (con *console) hashFile(ctx context.Context, path string) (api.SignArgs, error) {
	return readFrom(ctx, con, path, func(in io.Reader, name string) (api.SignArgs, error) {
		h := sha512.New()
		size, err := io.Copy(h, in)
		return api.SignArgs{FileName: name, FileHash: h.Sum(nil), FileSize: size}, err
	})
}

// readFrom reads a file, or standard input if path is "-". Either may be a pipe
// that nobody writes to.
func readFrom[T any](ctx context.Context, con *console, path string, read func(in io.Reader, name string) (T, error)) (T, error) {
	out, err := await(ctx, func() (out T, err error) {
		if path == "-" {
			return read(con.stdin, "standard input")
		}
		f, err := os.Open(path)
		if err != nil {
			return out, err
		}
		defer f.Close()
		return read(f, filepath.Base(path))
	})
	if ctx.Err() != nil {
		return out, ctx.Err()
	}
	if err != nil {
		return out, api.Errorf(api.CodeBadArgument, "the file cannot be read: %v", err)
	}
	return out, nil
}

// await runs f until it returns or ctx ends. It is for what may wait for ever,
// such as a read of a pipe that nobody writes to: the program ends with its first
// signal, and what f does then ends with it.
func await[T any](ctx context.Context, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	case got := <-done:
		return got.value, got.err
	}
}
