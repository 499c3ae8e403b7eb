package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node/api"
)

// passphrases come from a person at the terminal, or from a file.
type passphrases struct {
	con   *console
	waits clock // what a pause between tries goes by
}

// passphrase reads the passphrase of an existing device. The caller wipes it.
func (p *passphrases) passphrase(ctx context.Context, file string) ([]byte, error) {
	if file != "" {
		return p.passphraseFile(ctx, file)
	}
	return p.askPassphrase(ctx, "passphrase: ")
}

// An asker returns the next passphrase to try. failed is what came of the last
// one, or nil; left is how long none is taken. The caller wipes it.
type asker func(failed error, left time.Duration) ([]byte, error)

// opening asks for the passphrase of an existing device: at a terminal until one
// is right, sitting out the pauses, else once.
func (p *passphrases) opening(ctx context.Context, file string) asker {
	_, atTerminal := terminalOf(p.con.stdin)
	if file != "" || !atTerminal {
		return func(failed error, left time.Duration) ([]byte, error) {
			if failed != nil {
				return nil, failed
			}
			if left > 0 {
				return nil, tooEarly(left)
			}
			return p.passphrase(ctx, file)
		}
	}
	return func(failed error, left time.Duration) ([]byte, error) {
		if failed != nil {
			p.con.note("%s", esc(failed.Error()))
		}
		if err := p.sitOut(ctx, left); err != nil {
			return nil, err
		}
		for {
			pass, err := p.askPassphrase(ctx, "passphrase: ")
			if !errors.Is(err, errNoPassphrase) {
				return pass, err
			}
			p.con.note("%s", esc(err.Error()))
		}
	}
}

// sitOut waits until the next passphrase is taken, and says how long that is.
// What is typed meanwhile is not shown, and is no passphrase.
func (p *passphrases) sitOut(ctx context.Context, left time.Duration) error {
	if left <= 0 {
		return nil
	}
	fd, _ := terminalOf(p.con.stdin)
	restore, err := quiet(fd)
	if err != nil {
		return api.Errorf(api.CodeBadArgument, "the passphrase could not be read: %v", err)
	}
	defer p.con.endProgress()
	for end := p.waits.uptime() + left; left > 0; left = end - p.waits.uptime() {
		p.con.showProgress(fmt.Sprintf("too many wrong passphrases in a row: the next try is possible in %v", left.Round(time.Second)))
		if err := p.waits.pause(ctx, min(left, time.Second)); err != nil {
			return errors.Join(err, restore())
		}
	}
	return restore()
}

// A clock is how long this machine has been on, and a way to wait. The zero clock
// is the real one.
type clock struct {
	now  func() time.Duration
	wait func(context.Context, time.Duration) error
}

func (c clock) uptime() time.Duration {
	if c.now != nil {
		return c.now()
	}
	return uptime()
}

func (c clock) pause(ctx context.Context, d time.Duration) error {
	if c.wait != nil {
		return c.wait(ctx, d)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// newPassphrase reads the passphrase of a new device: from a terminal twice, and
// again as long as it cannot be taken.
func (p *passphrases) newPassphrase(ctx context.Context, file string) ([]byte, error) {
	if file != "" {
		return p.newPassphraseFile(ctx, file)
	}
	for {
		pass, err := p.typeTwice(ctx)
		if err == nil || ctx.Err() != nil {
			return pass, err
		}
		if _, ok := errors.AsType[retype](err); !ok {
			return nil, err
		}
		p.con.note("%s", esc(err.Error()))
	}
}

// A retype is what was wrong with a passphrase that can be typed once more.
type retype struct{ error }

func (p *passphrases) typeTwice(ctx context.Context) ([]byte, error) {
	first, err := p.askPassphrase(ctx, "new passphrase: ")
	if err == nil {
		err = checkNew(first)
	}
	if err != nil {
		clear(first)
		if errors.Is(err, errNoPassphrase) || errors.Is(err, keeper.ErrBadPassphrase) {
			err = retype{err}
		}
		return nil, err
	}
	second, err := p.askPassphrase(ctx, "again: ")
	defer clear(second)
	switch {
	case err == nil && bytes.Equal(first, second):
		return first, nil
	case err == nil, errors.Is(err, errNoPassphrase):
		err = retype{errors.New("the two passphrases differ")}
	}
	clear(first)
	return nil, err
}

// checkNew refuses what cannot become a passphrase.
func checkNew(pass []byte) error {
	if err := keeper.CheckPassphrase(pass); err != nil {
		return newPassphraseError{err}
	}
	return nil
}

// A newPassphraseError says in words why a passphrase cannot be taken.
type newPassphraseError struct{ error }

func (e newPassphraseError) Error() string {
	_, why, _ := strings.Cut(e.error.Error(), keeper.ErrBadPassphrase.Error()+": ")
	return "this cannot be a passphrase: " + why
}

func (e newPassphraseError) Unwrap() error { return e.error }

// newPassphraseFile reads a passphrase that is about to be set. It is stricter
// than passphraseFile, which has to open what was ever set: a file that was meant
// otherwise than it is read would open a device for as long as nobody types the
// passphrase.
func (p *passphrases) newPassphraseFile(ctx context.Context, path string) ([]byte, error) {
	buf, err := p.passphraseBytes(ctx, path)
	defer clear(buf)
	if err != nil {
		return nil, err
	}
	unfit := func(why string) error {
		return api.Errorf(api.CodeBadArgument, "the passphrase file %s", why).
			WithHint("write it as plain UTF-8 text with one line: the passphrase")
	}
	switch {
	case bytes.HasPrefix(buf, []byte("\xef\xbb\xbf")):
		return nil, unfit("begins with a byte order mark, which nobody types")
	case bytes.HasPrefix(buf, []byte("\xff\xfe")), bytes.HasPrefix(buf, []byte("\xfe\xff")), bytes.IndexByte(buf, 0) >= 0:
		return nil, unfit("is no UTF-8 text: it looks like UTF-16, or holds zero bytes")
	}
	line, _, _ := bytes.Cut(buf, []byte("\n"))
	line = bytes.TrimSuffix(line, []byte("\r"))
	switch {
	case len(line) == 0:
		return nil, unfit("has an empty first line")
	case bytes.IndexByte(line, '\r') >= 0:
		return nil, unfit("has a carriage return in its first line, and it is not clear where the passphrase ends")
	}
	if err := checkNew(line); err != nil {
		return nil, api.Errorf(api.CodeBadArgument, "%v", err).
			WithHint("several random words make a good one; it protects this device's shares from a thief")
	}
	return bytes.Clone(line), nil
}

// errNoPassphrase is what an empty line is.
var errNoPassphrase = errors.New("the passphrase is empty")

// askPassphrase reads one line from the terminal without echo. Whatever ends it,
// the terminal echoes again afterwards, for it is the shell's.
func (p *passphrases) askPassphrase(ctx context.Context, prompt string) (pass []byte, err error) {
	fd, ok := terminalOf(p.con.stdin)
	if !ok {
		return nil, api.Errorf(api.CodeBadArgument, "there is no terminal to ask for the passphrase").
			WithHint("give it with --passphrase-file FILE")
	}
	p.con.endProgress()
	restore, err := quiet(fd)
	if err != nil {
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase could not be read: %v", err)
	}
	p.con.mu.Lock()
	fmt.Fprint(p.con.stderr, prompt)
	p.con.mu.Unlock()
	in := p.con.input()
	in.forget()
	text, err := in.line(ctx)
	defer clear(text)
	restored := restore()
	fmt.Fprintln(p.con.stderr)
	switch {
	case ctx.Err() != nil:
		return nil, errors.Join(ctx.Err(), restored)
	case errors.Is(err, io.EOF):
		return nil, api.Errorf(api.CodeCanceled, "nobody typed the passphrase")
	case err != nil || restored != nil:
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase could not be read: %v", errors.Join(err, restored))
	}
	if pass = asTyped(text); len(pass) == 0 {
		return nil, errNoPassphrase
	}
	return pass, nil
}

// asTyped returns what somebody meant who typed the line. A terminal that erases
// with another key passes backspaces on.
func asTyped(line []byte) []byte {
	out := make([]byte, 0, len(line))
	for _, c := range bytes.TrimSuffix(line, []byte("\r")) {
		if c != '\b' {
			out = append(out, c)
		} else if len(out) > 0 {
			out = out[:len(out)-1]
		}
	}
	return out
}

// passphraseFile reads a passphrase up to the end of its first line.
func (p *passphrases) passphraseFile(ctx context.Context, path string) ([]byte, error) {
	buf, err := p.passphraseBytes(ctx, path)
	defer clear(buf)
	if err != nil {
		return nil, err
	}
	text := buf
	if i := bytes.IndexAny(buf, "\r\n"); i >= 0 {
		text = buf[:i]
	}
	if len(text) == 0 || len(text) > keeper.MaxPassphrase {
		return nil, api.Errorf(api.CodeBadArgument, "the first line of the passphrase file is empty or longer than %d bytes", keeper.MaxPassphrase)
	}
	return bytes.Clone(text), nil
}

// passphraseBytes reads as much of a file as a passphrase and the end of its line
// can be long. It may be a pipe.
func (p *passphrases) passphraseBytes(ctx context.Context, path string) ([]byte, error) {
	type contents struct {
		b    []byte
		mode os.FileMode
	}
	got, err := await(ctx, func() (c contents, err error) {
		f, err := os.Open(path)
		if err != nil {
			return c, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return c, err
		}
		c.mode = info.Mode()
		c.b = make([]byte, keeper.MaxPassphrase+2)
		n, err := io.ReadFull(f, c.b)
		c.b = c.b[:n]
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			err = nil
		}
		return c, err
	})
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, api.Errorf(api.CodeBadArgument, "the passphrase file cannot be read: %v", err)
	}
	if got.mode.IsRegular() && othersMayRead(got.mode) {
		p.con.note("note: other users can read %s", esc(path))
	}
	return got.b, nil
}
