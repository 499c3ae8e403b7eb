package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/node/api"
)

const passphrase = "correct horse battery"

// A daemon is one device: a home, and the process that runs it while it is up.
type daemon struct {
	exe, name, home, pass string
	env                   []string // beside that of this process

	client *api.Client
	cmd    *exec.Cmd
	exited chan struct{}

	mu   sync.Mutex // guards logs
	logs []logLine
}

// A logLine is a line of a daemon's log, or an event that it reports.
type logLine struct {
	Time  time.Time
	Msg   string
	Event string
}

// newDaemon makes a device, of the kind for which deriving the key from the
// passphrase costs the least.
func newDaemon(ctx context.Context, exe, dir, name string) (*daemon, error) {
	d := &daemon{exe: exe, name: name, home: filepath.Join(dir, name), pass: filepath.Join(dir, "pass")}
	if err := os.WriteFile(d.pass, []byte(passphrase+"\n"), 0o600); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe, "--home", d.home, "init", "--name", name, "--kind", "phone", "--passphrase-file", d.pass)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("init of %s: %w: %s", name, err, out)
	}
	var err error
	d.client, err = api.NewClient(d.home)
	return d, err
}

// up starts the daemon and returns how long it took to say that it is ready.
func (d *daemon) up() (time.Duration, error) {
	cmd := exec.Command(d.exe, "--json", "--home", d.home, "up", "--passphrase-file", d.pass, "--no-lan",
		"--listen", "/ip4/127.0.0.1/tcp/0", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1")
	cmd.Env = append(os.Environ(), d.env...)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	ready, exited := make(chan struct{}), make(chan struct{})
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	d.cmd, d.exited = cmd, exited
	go func() {
		defer close(exited)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			var l logLine
			if json.Unmarshal(lines.Bytes(), &l) != nil {
				continue
			}
			if l.Event == api.EventReady {
				close(ready)
			}
			d.mu.Lock()
			d.logs = append(d.logs, l)
			d.mu.Unlock()
		}
		// Whoever ended it knows how it ended.
		_, _ = io.Copy(io.Discard, stderr)
		_ = cmd.Wait()
	}()
	select {
	case <-ready:
		return time.Since(began), nil
	case <-exited:
		return 0, fmt.Errorf("%s stopped before it was ready", d.name)
	case <-time.After(patience):
		return 0, fmt.Errorf("%s is not ready", d.name)
	}
}

// stop ends the process at once.
func (d *daemon) stop() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill() // it may be gone
		<-d.exited
		d.cmd = nil
	}
}

// logged returns when the daemon first logged msg at or after since, which it
// may be about to do.
func (d *daemon) logged(since time.Time, msg string) (time.Time, error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		d.mu.Lock()
		i := slices.IndexFunc(d.logs, func(l logLine) bool { return l.Msg == msg && !l.Time.Before(since) })
		var at time.Time
		if i >= 0 {
			at = d.logs[i].Time
		}
		d.mu.Unlock()
		if i >= 0 {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("%s did not log %q", d.name, msg)
}

// derive returns how long a fresh process takes to open the daemon's keys with
// the passphrase: this program again, called with [deriveArg].
func (d *daemon) derive(ctx context.Context) (time.Duration, error) {
	self, err := os.Executable()
	if err != nil {
		return 0, err
	}
	out, err := exec.CommandContext(ctx, self, deriveArg, filepath.Join(d.home, "warifu.db")).Output()
	if err != nil {
		return 0, fmt.Errorf("derive: %w", err)
	}
	return time.ParseDuration(string(out))
}

const deriveArg = "derive"

// deriveOnce is the other side of derive.
func deriveOnce(w io.Writer, path string) (err error) {
	store, err := boltstore.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	header, err := store.Header()
	if err != nil {
		return err
	}
	began := time.Now()
	k, err := keeper.Unlock(header, []byte(passphrase))
	if err != nil {
		return err
	}
	took := time.Since(began)
	k.Close()
	_, err = fmt.Fprint(w, took)
	return err
}

// build makes the program under test in dir.
func build(ctx context.Context, dir string, flags ...string) (string, error) {
	exe := filepath.Join(dir, "warifu")
	args := slices.Concat([]string{"build", "-trimpath", "-o", exe}, flags, []string{"./cmd/warifu"})
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = ".." // this module cannot build it: it pins the dependencies of tss-lib, too
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return exe, nil
}
