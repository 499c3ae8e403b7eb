package e2e

import (
	"bytes"
	"context"
	cryptorand "crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/warifu/warifu/internal/boltstore"
	"github.com/warifu/warifu/internal/keeper"
	"github.com/warifu/warifu/internal/keeper/keepertest"
	"github.com/warifu/warifu/node"
	"github.com/warifu/warifu/node/api"
	"github.com/warifu/warifu/roster"
)

// patience bounds every wait. It is generous because the machine may be busy;
// nothing waits for it to pass.
const patience = 30 * time.Second

// poll is how often a condition is looked at. Each look is work for a device.
const poll = 50 * time.Millisecond

const passphrase = "correct horse battery"

var (
	seedFlag = flag.Uint64("seed", 0, "seed of the random tests (default drawn and printed)")

	// By default no story takes more than half a minute; make e2e-long has all of them
	// at full length.
	longFlag  = flag.Bool("long", false, "also run the tests that are long by nature")
	rounds    = flag.Int("rounds", 2, "break so many times what breaks in rounds: processes that are killed, disks that are full")
	circles   = flag.Int("circles", 2, "kill in so many circles at once while they deal fresh shares")
	killEvery = flag.Int("kill.every", 7, "of the named points take one in so many, counted from -kill.start")
	killStart = flag.Int("kill.start", 0, "the first of the named points")

	binary string // the program under test
	builds string // the directory that it is in
)

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "warifu-e2e")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		builds = dir
		if binary, err = build("warifu"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// build builds the program, with the given flags, under a name of its own.
func build(name string, flags ...string) (string, error) {
	path := filepath.Join(builds, name)
	args := slices.Concat([]string{"build", "-o", path}, raceFlags, flags, []string{"github.com/warifu/warifu/cmd/warifu"})
	if out, err := exec.Command("go", args...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
}

// long is for tests that wait, or work, for longer than the others together
// should take.
func long(t *testing.T) {
	t.Helper()
	if !*longFlag {
		t.Skip("needs -long: make e2e-long")
	}
}

// random returns a generator whose seed is printed if the test fails.
func random(t testing.TB) *rand.Rand {
	t.Helper()
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with -run '^%s$' -seed %d", t.Name(), seed)
		}
	})
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.New(rand.NewChaCha8(key))
}

// nextPort hands out ports below those that systems give to outgoing
// connections, so that a device keeps its own across restarts.
var nextPort atomic.Uint32

func init() { nextPort.Store(12000 + rand.Uint32N(8000)) }

func freePort(t testing.TB) int {
	t.Helper()
	for range 2000 {
		port := int(nextPort.Add(1))
		ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			ln.Close()
			return port
		}
	}
	t.Fatal("no free port")
	return 0
}

// tempDir is short, because a socket's path must be.
func tempDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "we")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A device is one home, and the process that runs it while it is up.
type device struct {
	t      testing.TB
	name   string
	home   string
	pass   string
	listen string
	under  []string // the command that runs the daemon, if it does not run by itself
	lab    string   // what is done to the daemon from inside, see lab_test.go
	client *api.Client

	cmd    *exec.Cmd
	exited chan struct{}
	stderr *tail
	ready  api.Event
}

// newDevice makes a device as init does, but for the costs of its passphrase:
// with those that init chooses, deriving the key would be most of what all tests
// here do.
func newDevice(t testing.TB, name string) *device {
	t.Helper()
	return newDeviceAt(t, name, filepath.Join(tempDir(t), "h"))
}

func newDeviceAt(t testing.TB, name, home string) *device {
	t.Helper()
	d := deviceAt(t, name, home)
	if err := makeHome(t, home, name); err != nil {
		t.Fatalf("make %s: %v", name, err)
	}
	return d
}

// makeHome makes what init does, see cmd/warifu.
func makeHome(t testing.TB, home, name string) error {
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	k, header := keepertest.New(t, passphrase)
	store, err := boltstore.Create(filepath.Join(home, "warifu.db"), header)
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Attach(k); err != nil {
		return err
	}
	if err := k.OpenEpochKeys(filepath.Join(home, "epochs")); err != nil {
		return err
	}
	_, err = node.Init(store, openKeeper{k}, cryptorand.Reader, name, roster.Phone)
	return err
}

// An openKeeper counts no tries.
type openKeeper struct{ *keeper.Keeper }

func (openKeeper) MayUnlock() error { return nil }

// initDevice makes a device by the command, with a passphrase that costs what
// it costs a person with a phone.
func initDevice(t testing.TB, name string) *device {
	t.Helper()
	d := deviceAt(t, name, filepath.Join(tempDir(t), "h"))
	d.run(0, "init", "--name", name, "--kind", "phone", "--passphrase-file", d.pass)
	return d
}

// deviceAt is a device whose home is still to be made.
func deviceAt(t testing.TB, name, home string) *device {
	t.Helper()
	d := &device{t: t, name: name, home: home, pass: filepath.Join(tempDir(t), "pass"),
		listen: fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", freePort(t))}
	if err := os.WriteFile(d.pass, []byte(passphrase+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var err error
	if d.client, err = api.NewClient(home); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.client.Close()
		d.kill()
	})
	return d
}

// An outcome is what a command left behind.
type outcome struct{ stdout, stderr string }

// run runs a command of the device with --json and checks its exit status.
func (d *device) run(code int, args ...string) outcome {
	d.t.Helper()
	return d.command(code, append([]string{"--json"}, args...)...)
}

// command runs a command of the device as a person would.
func (d *device) command(code int, args ...string) outcome {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	args, stdin := typed(args)
	cmd := exec.CommandContext(ctx, binary, append([]string{"--home", d.home}, args...)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	exit, ok := errors.AsType[*exec.ExitError](err)
	if err != nil && !ok {
		d.t.Fatalf("%s: %v: %v\n%s", d.name, args, err, stderr.String())
	}
	got := 0
	if ok {
		got = exit.ExitCode()
	}
	if got != code {
		d.t.Fatalf("%s: %v: exit %d, want %d\nstdout: %s\nstderr: %s", d.name, args, got, code, stdout.String(), stderr.String())
	}
	return outcome{stdout.String(), stderr.String()}
}

// typed takes the invitation or code out of the arguments of join, which takes
// none, and returns it as what a person types.
func typed(args []string) (rest []string, stdin io.Reader) {
	at := slices.IndexFunc(args, func(arg string) bool { return !strings.HasPrefix(arg, "-") })
	if at < 0 || args[at] != "join" {
		return args, nil
	}
	for i := at + 1; i < len(args); i++ {
		switch {
		case args[i] == "--at":
			i++
		case !strings.HasPrefix(args[i], "-"):
			return slices.Delete(slices.Clone(args), i, i+1), strings.NewReader(args[i] + "\n")
		}
	}
	return args, nil
}

// upArgs are the arguments of the daemon.
func (d *device) upArgs(more ...string) []string {
	return append([]string{"--json", "--home", d.home, "up", "--passphrase-file", d.pass, "--listen", d.listen}, more...)
}

// up starts the daemon, without the local network unless lan is given.
func (d *device) up() {
	d.t.Helper()
	d.start(d.upArgs("--no-lan")...)
}

func (d *device) start(args ...string) {
	d.t.Helper()
	ready := d.launch(args...)
	select {
	case d.ready = <-ready:
	case <-d.exited:
		d.t.Fatalf("%s stopped before it was ready:\n%s", d.name, d.stderr)
	case <-time.After(patience):
		d.t.Fatalf("%s is not ready:\n%s", d.name, d.stderr)
	}
}

// launch starts the daemon and does not wait for it.
func (d *device) launch(args ...string) (ready <-chan api.Event) {
	d.t.Helper()
	program := binary
	if d.lab != "" {
		program = labBinary(d.t)
	}
	line := slices.Concat(d.under, []string{program}, args)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(os.Environ(), labVariable+"="+d.lab)
	out, err := cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	events := make(chan api.Event, 1)
	exited := make(chan struct{})
	d.stderr = &tail{ready: events}
	d.cmd, d.exited = cmd, exited
	said := d.stderr
	go func() {
		defer close(exited)
		// Errors show as what the daemon said, or did not say.
		_, _ = io.Copy(said, out)
		_ = cmd.Wait()
		if s := said.String(); strings.Contains(s, "WARNING: DATA RACE") {
			d.t.Errorf("%s: %s", d.name, s)
		}
	}()
	return events
}

// kill ends the daemon as a flat battery would.
func (d *device) kill() {
	if d.cmd == nil {
		return
	}
	// It may have ended on its own.
	_ = d.cmd.Process.Kill()
	<-d.exited
	d.cmd = nil
}

// stop ends the daemon as a person would and returns its exit status.
func (d *device) stop() int {
	d.t.Helper()
	if err := d.cmd.Process.Signal(os.Interrupt); err != nil {
		d.t.Fatalf("%s: %v", d.name, err)
	}
	select {
	case <-d.exited:
	case <-time.After(patience):
		d.t.Fatalf("%s does not stop:\n%s", d.name, d.stderr)
	}
	code := d.cmd.ProcessState.ExitCode()
	d.cmd = nil
	return code
}

// A tail keeps what a daemon says and looks for its ready event.
type tail struct {
	ready chan<- api.Event

	mu  sync.Mutex // guards all below
	buf bytes.Buffer
	at  int // where the first unread line begins
}

func (w *tail) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buf.Write(p)
	for {
		line, _, ok := bytes.Cut(w.buf.Bytes()[w.at:], []byte("\n"))
		if !ok {
			return len(p), nil
		}
		w.at += len(line) + 1
		var e api.Event
		if json.Unmarshal(line, &e) == nil && e.Event == api.EventReady {
			select {
			case w.ready <- e:
			default:
			}
		}
	}
}

func (w *tail) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buf.String()
}

// eventually waits until ok returns true; what says what it waits for.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	within(t, patience, what, ok)
}

// within does the same for what takes longer than a busy machine explains.
func within(t testing.TB, limit time.Duration, what string, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(limit); !ok(); time.Sleep(poll) {
		if time.Now().After(until) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// decode reads one JSON object.
func decode[T any](t testing.TB, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("not one JSON object: %v\n%s", err, text)
	}
	return v
}

// code returns the stable code of the error that a command ended with.
func (o outcome) code(t testing.TB) api.Code {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
	e := decode[api.Event](t, lines[len(lines)-1])
	if e.Error == nil {
		t.Fatalf("the last line is no error: %s", o.stderr)
	}
	return e.Error.Code
}

func (o outcome) has(t testing.TB, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(o.stdout+o.stderr, p) {
			t.Errorf("output lacks %q:\n%s%s", p, o.stdout, o.stderr)
		}
	}
}
