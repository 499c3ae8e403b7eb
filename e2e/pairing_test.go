package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// A running is a long command.
type running struct {
	t      testing.TB
	cmd    *exec.Cmd
	events chan api.Event // closed when it has ended
	stdout strings.Builder
}

// begin starts a command with --json and streams its events.
func (d *device) begin(args ...string) *running {
	d.t.Helper()
	r := &running{t: d.t, events: make(chan api.Event, 64)}
	ctx, cancel := context.WithTimeout(d.t.Context(), patience)
	d.t.Cleanup(cancel)
	args, stdin := typed(args)
	r.cmd = exec.CommandContext(ctx, binary, append([]string{"--home", d.home, "--json"}, args...)...)
	r.cmd.Stdin, r.cmd.Stdout = stdin, &r.stdout
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		d.t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		d.t.Fatal(err)
	}
	go func() {
		defer close(r.events)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			var e api.Event
			if json.Unmarshal(lines.Bytes(), &e) == nil {
				r.events <- e
			}
		}
	}()
	d.t.Cleanup(func() {
		// It has ended, unless the test failed.
		_ = r.cmd.Process.Kill()
		for range r.events {
		}
		_ = r.cmd.Wait()
	})
	return r
}

// await returns the next event of a kind.
func (r *running) await(kind string) api.Event {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), patience)
	defer cancel()
	for {
		select {
		case e, ok := <-r.events:
			if !ok {
				r.t.Fatalf("it ended before the event %s", kind)
			}
			if e.Event == kind {
				return e
			}
			if e.Event == api.EventError {
				r.t.Fatalf("it failed before the event %s: %v", kind, e.Error)
			}
		case <-ctx.Done():
			r.t.Fatalf("in vain: the event %s", kind)
		}
	}
}

// end waits for the end and returns what was printed.
func (r *running) end() (stdout string, last *api.Error) {
	r.t.Helper()
	for e := range r.events {
		if e.Event == api.EventError {
			last = e.Error
		}
	}
	// A bad exit status shows in last; being killed for taking too long does
	// not.
	_ = r.cmd.Wait()
	if r.cmd.ProcessState.ExitCode() < 0 {
		r.t.Fatalf("%v did not end", r.cmd.Args[4:])
	}
	return r.stdout.String(), last
}

// TestFoundWithCommands founds a circle as people at three keyboards do: one
// device joins with the text, one with the code and an address.
func TestFoundWithCommands(t *testing.T) {
	t.Parallel()
	laptop, phone, tablet := initDevice(t, "laptop"), initDevice(t, "phone"), initDevice(t, "tablet")
	for _, d := range []*device{laptop, phone, tablet} {
		d.up()
	}
	for args, want := range map[string]string{
		"1234-567":                           "a code has 8 digits, and this has 7",
		"12345678 --at nowhere":              "no multiaddr",
		"12345678 --at /ip4/127.0.0.1/tcp/1": "connection refused",
	} {
		o := phone.run(1, append([]string{"join"}, strings.Fields(args)...)...)
		if o.has(t, want); strings.Contains(o.stderr, `\n`) || strings.Contains(args, "nowhere") && o.code(t) != api.CodeBadArgument {
			t.Errorf("join %s: %s", args, o.stderr)
		}
	}
	f := laptop.begin("found", "--threshold", "2", "--devices", "3", "--yes")
	first := f.await(api.EventInvitation)
	p := phone.begin("join", first.Invitation, "--yes")
	if e := f.await(api.EventJoined); e.Name != "phone" || e.Kind != "phone" || e.Fingerprint == "" {
		t.Errorf("joined: %+v", e)
	}
	second := f.await(api.EventInvitation)
	if second.Invitation == first.Invitation || second.Code == first.Code {
		t.Error("the second invitation is the first")
	}
	if len(second.Addresses) == 0 {
		t.Fatal("the invitation shows no address for --at")
	}
	q := tablet.begin("join", second.Code, "--at", second.Addresses[0], "--yes")
	var circles []api.Circle
	for _, r := range []*running{f, p, q} {
		out, err := r.end()
		if err != nil {
			t.Fatal(err)
		}
		circles = append(circles, decode[api.Circle](t, out))
	}
	c, err := standing([]*device{laptop, phone, tablet}, circles)
	if err != nil {
		t.Fatal(err)
	}
	c.sign(t, "founded by hand", tablet, phone)
	if o := phone.run(1, "found", "--threshold", "2", "--devices", "2"); o.code(t) != api.CodeCircleExists {
		t.Errorf("a second circle: %s", o.stderr)
	}
}

func TestInvitationsThatFail(t *testing.T) {
	t.Parallel()
	laptop, phone, tablet, namesake := newDevice(t, "laptop"), newDevice(t, "phone"), newDevice(t, "tablet"), newDevice(t, "PHONE")
	for _, d := range []*device{laptop, phone, tablet, namesake} {
		d.up()
	}
	for _, args := range [][]string{
		{"--threshold", "1", "--devices", "2"},
		{"--threshold", "2", "--devices", "4"},
		{"--threshold", "3", "--devices", "2"},
		{"--threshold", "6", "--devices", "10"},
		{"--threshold", "-2", "--devices", "2"},
	} {
		if o := laptop.run(1, append([]string{"found"}, args...)...); o.code(t) != api.CodeBadArgument {
			t.Errorf("%v: %s", args, o.stderr)
		}
	}
	if o := phone.run(1, "join", "warifu1:not-an-invitation", "--yes"); o.code(t) != api.CodeBadInvitation {
		t.Errorf("garbage: %s", o.stderr)
	}

	f := laptop.begin("found", "--threshold", "2", "--devices", "3", "--yes")
	first := f.await(api.EventInvitation)
	at := first.Addresses[0]
	// Three wrong codes end the code: another is shown, for the same invitation.
	wrong := "00000000"
	if first.Code == wrong {
		wrong = "11111111"
	}
	for range 3 {
		o := phone.run(1, "join", wrong, "--at", at, "--yes")
		if code := o.code(t); code != api.CodeWrongCode && code != api.CodeInvitationSpent {
			t.Errorf("a wrong code: %s", o.stderr)
		}
	}
	if next := f.await(api.EventCode); next.Code == "" || next.Code == first.Code {
		t.Errorf("the next code is %q", next.Code)
	}
	if o := phone.run(1, "join", first.Code, "--at", at, "--yes"); o.code(t) != api.CodeWrongCode {
		t.Errorf("a code that was tried too often: %s", o.stderr)
	}
	if s := phone.status(); s.Founding != nil || s.Circle != "" {
		t.Errorf("a failed join left something behind: %+v", s)
	}

	// One invitation is for one device, and one device for one place.
	p := phone.begin("join", first.Invitation, "--yes")
	f.await(api.EventJoined)
	third := f.await(api.EventInvitation)
	if o := tablet.run(1, "join", first.Invitation, "--yes"); o.code(t) != api.CodeInvitationSpent {
		t.Errorf("an invitation that was used: %s", o.stderr)
	}
	o := phone.run(1, "join", third.Invitation, "--yes")
	if code := o.code(t); code != api.CodeFounding && code != api.CodeDeviceKnown {
		t.Errorf("the same device twice: %s", o.stderr)
	}

	if o := namesake.run(1, "join", third.Invitation, "--yes"); o.code(t) != api.CodeDeviceKnown {
		t.Errorf("a name that is taken: %s", o.stderr)
	}
	if s := namesake.status(); s.Founding != nil || s.Circle != "" {
		t.Errorf("a device that was refused keeps something: %+v", s)
	}
	third = f.await(api.EventInvitation)

	// None of this stopped the founding.
	q := tablet.begin("join", third.Invitation, "--yes")
	for _, r := range []*running{f, p, q} {
		if _, err := r.end(); err != nil {
			t.Fatal(err)
		}
	}
	// The command that showed it is over, and the reason is told.
	if o := namesake.run(1, "join", third.Invitation, "--yes"); o.code(t) != api.CodeInvitationSpent {
		t.Errorf("one device too many: %s", o.stderr)
	}
}

// TestAPersonSaysNo lets one of three people refuse the words.
func TestAPersonSaysNo(t *testing.T) {
	t.Parallel()
	laptop, phone := newDevice(t, "laptop"), newDevice(t, "phone")
	laptop.up()
	phone.up()
	f := laptop.begin("found", "--threshold", "2", "--devices", "2", "--yes")
	p := phone.begin("join", f.await(api.EventInvitation).Invitation) // nobody at the keyboard
	if _, err := p.end(); err == nil || err.Code != api.CodeNotConfirmed {
		t.Errorf("the phone's join ended with %v", err)
	}
	// If the laptop had said ready by then, its part of the circle is kept:
	// it says what happened, and waits for its person to set it aside.
	for e := range f.events {
		if e.Event == api.EventWaiting && strings.Contains(e.Reason, "phone ended the founding") {
			if s := laptop.status(); s.Circle != "" || len(s.Accounts) != 0 {
				t.Errorf("a circle stands although a person said no: %+v", s)
			}
			laptop.run(0, "found", "--abandon", "--yes")
		}
		if e.Event == api.EventError && e.Error.Code != api.CodeNotConfirmed && e.Error.Code != api.CodeFoundingFailed {
			t.Errorf("the laptop's founding ended with %v", e.Error)
		}
	}
	if s := laptop.status(); s.Founding != nil || s.Circle != "" {
		t.Errorf("the founding left something behind: %+v", s)
	}
	eventually(t, "the phone is free", func() bool { return phone.status().Founding == nil })
	c := found(t, 2, laptop, phone)
	c.sign(t, "yes after all", laptop, phone)
}

// TestCodeOnTheLocalNetwork joins with eight digits and nothing else.
func TestCodeOnTheLocalNetwork(t *testing.T) {
	t.Parallel()
	laptop, phone := newDevice(t, "laptop"), newDevice(t, "phone")
	laptop.start(laptop.upArgs()...)
	phone.start(phone.upArgs()...)
	f := laptop.begin("found", "--threshold", "2", "--devices", "2", "--yes")
	p := phone.begin("join", f.await(api.EventInvitation).Code, "--yes")
	for _, r := range []*running{p, f} {
		if _, err := r.end(); err != nil {
			t.Fatal(err)
		}
	}
}
