package demo

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/warifu/warifu/node/api"
)

// A device is a device of the demo: a home, and a process while it is up.
type device struct {
	name string
	home string
	pass string // passphrase file
	exe  string

	escape func(string) string

	id     string // identity, known once it was up
	client *api.Client
	cmd    *exec.Cmd     // nil while down
	exited chan struct{} // closed once cmd has been waited for

	mu   sync.Mutex // guards last
	last []string   // the end of what the process said, for an explanation
}

// stopGrace is how long a device may take to stop when it is told to.
const stopGrace = 5 * time.Second

// makeDevice runs init in a home below the story's directory.
func (s *story) makeDevice(ctx context.Context, exe, name, kind string) (*device, error) {
	d := &device{name: name, home: filepath.Join(s.Dir, name), pass: filepath.Join(s.Dir, name+".pass"), exe: exe, escape: s.Escape}
	secret := make([]byte, 16)
	if _, err := rand.Read(secret); err != nil {
		return nil, fmt.Errorf("draw a passphrase: %w", err)
	}
	if err := os.WriteFile(d.pass, []byte(hex.EncodeToString(secret)+"\n"), 0o600); err != nil {
		return nil, fmt.Errorf("write the passphrase: %w", err)
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, exe, "--json", "--home", d.home, "init", "--name", name, "--kind", kind, "--passphrase-file", d.pass)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("init of %s: %w: %s", name, err, d.escape(lastLine(stderr.String())))
	}
	client, err := api.NewClient(d.home)
	if err != nil {
		return nil, err
	}
	d.client = client
	return d, nil
}

// up starts the device's daemon and waits until it is ready.
func (d *device) up(ctx context.Context) (api.Event, error) {
	cmd := exec.Command(d.exe, "--json", "--home", d.home, "up", "--passphrase-file", d.pass, "--no-lan",
		"--listen", "/ip4/127.0.0.1/tcp/0", "--listen", "/ip4/127.0.0.1/udp/0/quic-v1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return api.Event{}, fmt.Errorf("start %s: %w", d.name, err)
	}
	if err := cmd.Start(); err != nil {
		return api.Event{}, fmt.Errorf("start %s: %w", d.name, err)
	}
	ready := make(chan api.Event, 1)
	exited := make(chan struct{})
	d.cmd, d.exited = cmd, exited
	go func() {
		defer close(exited)
		d.listen(stderr, ready)
		// How it ended is told by whoever ended it, or by what it said.
		_ = cmd.Wait()
	}()
	select {
	case e := <-ready:
		d.id = e.Device
		return e, nil
	case <-exited:
		return api.Event{}, fmt.Errorf("%s stopped before it was ready: %s", d.name, d.lastWords())
	case <-ctx.Done():
		return api.Event{}, ctx.Err()
	}
}

// listen reads what the process says to its end.
func (d *device) listen(r io.Reader, ready chan<- api.Event) {
	const remembered = 5
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e api.Event
		if err := json.Unmarshal(lines.Bytes(), &e); err == nil && e.Event == api.EventReady {
			select {
			case ready <- e:
			default:
			}
			continue
		}
		d.mu.Lock()
		d.last = append(d.last, lines.Text())
		d.last = d.last[max(0, len(d.last)-remembered):]
		d.mu.Unlock()
	}
	// Read on past a line that is too long: a full pipe would stop it.
	_, _ = io.Copy(io.Discard, r)
}

func (d *device) lastWords() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.escape(strings.Join(d.last, " | "))
}

// kill ends the process at once, as a flat battery would.
func (d *device) kill() {
	if d.cmd == nil {
		return
	}
	// An error means that it is gone already.
	_ = d.cmd.Process.Kill()
	<-d.exited
	d.cmd = nil
}

// stop asks the process to end, and ends it if it does not.
func (d *device) stop() {
	if d.cmd == nil {
		return
	}
	if d.cmd.Process.Signal(os.Interrupt) == nil {
		select {
		case <-d.exited:
		case <-time.After(stopGrace):
		}
	}
	d.kill()
}

// shortID is the part of an identity that a person compares.
func (d *device) shortID() string { return d.id[:min(len(d.id), 8)] }

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
