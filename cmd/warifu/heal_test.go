package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/warifu/warifu/node/api"
)

// serveHeal runs f as the daemon of a new home and returns the home and the
// file of its passphrase.
func serveHeal(t testing.TB, f *healFake) (home, pass string) {
	t.Helper()
	f.answers = make(chan bool, 1)
	if f.status.Circle == "" {
		f.status = healStatus()
	}
	home, err := os.MkdirTemp("", "warifu")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(home) })
	pass = filepath.Join(home, "pass")
	if err := os.WriteFile(pass, []byte(healPass+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	serveAt(t, home, f)
	return home, pass
}

// healCommands are the commands that change the circle, with what each one
// calls.
var healCommands = map[string][]string{
	"lost phone":     {"lost", "phone", "--yes"},
	"refresh":        {"refresh"},
	"leave":          {"leave", "--yes"},
	"freeze":         {"freeze", "--yes"},
	"thaw":           {"thaw"},
	"vacation phone": {"vacation", "phone", "--for", "14d"},
	"veto phone":     {"veto", "phone"},
	"remove phone":   {"remove", "phone"},
	"threshold 3":    {"threshold", "3", "--yes"},
	"retire":         {"retire", "--yes"},
	"invite":         {"invite"},
}

func TestHealCommandsCall(t *testing.T) {
	t.Parallel()
	for call, args := range healCommands {
		t.Run(call, func(t *testing.T) {
			t.Parallel()
			f := &healFake{}
			home, pass := serveHeal(t, f)
			o := warifu(t, t.Context(), "", append(args, "--home", home, "--passphrase-file", pass)...)
			if o.code != exitDone || o.stdout == "" {
				t.Errorf("%+v", o)
			}
			if f.made() != "["+call+"]" || f.passes[0] != healPass {
				t.Errorf("called %v with %q", f.calls, f.passes)
			}
			j := warifu(t, t.Context(), "", append(args, "--json", "--home", home, "--passphrase-file", pass)...)
			var result map[string]any
			if err := json.Unmarshal([]byte(j.stdout), &result); err != nil || j.code != exitDone {
				t.Fatalf("%+v: %v", j, err)
			}
			fields := map[string][]string{"freeze": {"frozen"}, "thaw": {"frozen"}, "vacation phone": {"epoch", "request"}, "veto phone": {"epoch", "request"},
				"remove phone": {"epoch", "request"},
				"invite":       {"epoch", "invitation", "expires", "added"}}[call]
			if fields == nil {
				fields = []string{"epoch", "removed", "old_shares_alive", "members"}
			}
			for _, name := range fields {
				if _, ok := result[name]; !ok {
					t.Errorf("the result lacks %s: %s", name, j.stdout)
				}
			}
			for line := range strings.Lines(j.stderr) {
				var e api.Event
				if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == "" {
					t.Errorf("stderr has a line that is no event: %s", line)
				}
			}
			if strings.Contains(o.stderr+o.stdout+j.stderr+j.stdout, healPass) {
				t.Error("the passphrase was printed")
			}
		})
	}
}

// TestHealErrorsAreExplained checks that every failure of a change is told
// with its code, its hint and the device that it is about.
func TestHealErrorsAreExplained(t *testing.T) {
	t.Parallel()
	for _, code := range []api.Code{api.CodeFrozen, api.CodeNotPresent, api.CodeTooFew, api.CodeStranded, api.CodeBusy, api.CodeUnknown,
		api.CodeEvicted, api.CodeRolledBack, api.CodeRedealFailed, api.CodeLocked, api.CodeWrongPass} {
		t.Run(string(code), func(t *testing.T) {
			t.Parallel()
			f := &healFake{err: api.Errorf(code, "it cannot be: why")}
			if code == api.CodeLocked {
				f.err = api.Errorf(code, "it cannot be: why").WithHint("warifu unlock")
			}
			home, pass := serveHeal(t, f)
			for _, args := range healCommands {
				o := warifu(t, t.Context(), "", append(args, "--home", home, "--passphrase-file", pass)...)
				if o.code != exitFailed || o.stdout != "" {
					t.Errorf("%v: %+v", args, o)
				}
				has(t, "stderr", o.stderr, "warifu: "+args[0]+": it cannot be: why\n", "\nhint: ")
				j := warifu(t, t.Context(), "", append(args, "--json", "--home", home, "--passphrase-file", pass)...)
				has(t, "stderr", j.stderr, `"event":"error"`, `"code":"`+string(code)+`"`, `"hint":"`)
			}
			o := warifu(t, t.Context(), "", "epochs", "--home", home)
			has(t, "stderr", o.stderr, "warifu: epochs: it cannot be: why", "\nhint: ")
		})
	}
}

func TestHealWithWrongPassphrase(t *testing.T) {
	t.Parallel()
	f := &healFake{}
	home, _ := serveHeal(t, f)
	wrong := filepath.Join(home, "wrong")
	if err := os.WriteFile(wrong, []byte("wrong horse\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for call, args := range healCommands {
		o := warifu(t, t.Context(), "", append(args, "--home", home, "--passphrase-file", wrong)...)
		if o.code != exitFailed || o.stdout != "" || strings.Contains(o.stderr, "horse") {
			t.Errorf("%s: %+v", call, o)
		}
		has(t, "stderr", o.stderr, "the passphrase is wrong", "hint: type the passphrase of this device")
		o = warifu(t, t.Context(), "", append(args, "--home", home)...)
		has(t, "stderr", o.stderr, "no terminal to ask for the passphrase", "hint: give it with --passphrase-file")
	}
}

func TestHealOldDaemon(t *testing.T) {
	t.Parallel()
	f := &fake{status: healStatus()}
	home := serve(t, f)
	pass := filepath.Join(home, "pass")
	if err := os.WriteFile(pass, []byte(healPass), 0o600); err != nil {
		t.Fatal(err)
	}
	for call, args := range healCommands {
		o := warifu(t, t.Context(), "", append(args, "--home", home, "--passphrase-file", pass)...)
		if o.code != exitFailed {
			t.Errorf("%s: %+v", call, o)
		}
		has(t, "stderr", o.stderr, "this daemon cannot change who is in its circle", "hint: ")
	}
}

// TestHealAsks checks that what cannot be undone is repeated and asked, and
// that a no, or nobody, changes nothing.
func TestHealAsks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		args []string
		says []string
	}{
		{[]string{"lost", "phone"}, []string{"foretold: lost phone", `! losing one loses\u{1b} the accounts`, "effect  what follows", "! warnings above: 1", "Is phone lost"}},
		{[]string{"lost", "2"}, []string{"foretold: lost phone", "Is phone lost"}},
		{[]string{"leave"}, []string{"foretold: leave", "! losing one", "Shall laptop, this device, leave the circle c1c1c1c1?"}},
		{[]string{"freeze"}, []string{"foretold: freeze", "! losing one", "Freeze the circle c1c1c1c1 now?"}},
		{[]string{"threshold", "3"}, []string{"foretold: threshold", "! losing one", "Shall 3 of 3 sign?"}},
		{[]string{"retire"}, []string{"foretold: retire", "! losing one", "Shall they be destroyed?"}},
		{[]string{"invite", "--replace", "phone"}, []string{"foretold: replace phone", "! losing one", "Replace phone?"}},
	} {
		t.Run(strings.Join(tc.args, "-"), func(t *testing.T) {
			t.Parallel()
			f := &healFake{}
			home, pass := serveHeal(t, f)
			args := append(append([]string{}, tc.args...), "--home", home, "--passphrase-file", pass)
			for _, stdin := range []string{"n\n", "\n", "perhaps\n", ""} {
				o := warifu(t, t.Context(), stdin, args...)
				if o.code != exitFailed || o.stdout != "" {
					t.Errorf("%q: %+v", stdin, o)
				}
				has(t, "stderr", o.stderr, append(tc.says, "[y/N]")...)
				if strings.Contains(o.stderr, "\x1b") {
					t.Errorf("an escape reached the screen: %q", o.stderr)
				}
			}
			if f.made() != "[]" {
				t.Fatalf("without a yes: %v", f.calls)
			}
			if o := warifu(t, t.Context(), "y\n", args...); o.code != exitDone {
				t.Errorf("yes: %+v", o)
			}
			o := warifu(t, t.Context(), "", append(args, "--yes")...)
			has(t, "stderr", o.stderr, append(tc.says[:len(tc.says)-1], "confirmed with --yes: ")...)
			j := warifu(t, t.Context(), "", append(args, "--yes", "--json")...)
			has(t, "stderr", j.stderr, `"event":"progress","text":"confirmed with --yes: `)
		})
	}
}

func TestHealUnknownDevice(t *testing.T) {
	t.Parallel()
	f := &healFake{}
	home, pass := serveHeal(t, f)
	for _, args := range [][]string{{"lost", "fridge", "--yes"}, {"veto", "fridge"}, {"vacation", "fridge", "--for", "1d"},
		{"invite", "--replace", "fridge", "--yes"}, {"lost", "4", "--yes"}, {"lost", "", "--yes"}} {
		o := warifu(t, t.Context(), "", append(args, "--json", "--home", home, "--passphrase-file", pass)...)
		if o.code != exitFailed {
			t.Errorf("%v: %+v", args, o)
		}
		has(t, "stderr", o.stderr, `"code":"unknown-device"`, "they are called laptop, phone, tab")
	}
	for _, args := range [][]string{{"lost", "laptop", "--yes"}, {"invite", "--replace", "1", "--yes"}} {
		o := warifu(t, t.Context(), "", append(args, "--json", "--home", home, "--passphrase-file", pass)...)
		has(t, "stderr", o.stderr, `"code":"refused"`, "laptop is this device", "leave")
	}
	if f.made() != "[]" {
		t.Errorf("called %v", f.calls)
	}
	f.status = api.Status{Name: "laptop"}
	o := warifu(t, t.Context(), "", "refresh", "--json", "--home", home, "--passphrase-file", pass)
	has(t, "stderr", o.stderr, `"code":"no-circle"`, "warifu found")
}

func TestHealInterrupted(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"lost", "phone", "--yes"}, {"refresh"}, {"leave", "--yes"}, {"invite"}, {"thaw"}} {
		t.Run(args[0], func(t *testing.T) {
			t.Parallel()
			f := &healFake{hold: true}
			home, pass := serveHeal(t, f)
			ctx, cancel := context.WithCancel(t.Context())
			var stdout bytes.Buffer
			stderr := &trigger{on: "request beef0000", do: cancel}
			code := run(ctx, append(args, "--home", home, "--passphrase-file", pass), strings.NewReader(""), &stdout, stderr)
			if code != exitFailed || stdout.Len() != 0 {
				t.Errorf("code %d, stdout %q", code, stdout.String())
			}
			has(t, "stderr", stderr.String(), "interrupted; request beef0000 stays open", "hint: the circle goes on", "`warifu deny beef0000` ends it")
		})
	}
}

func TestApproveWantsPresence(t *testing.T) {
	t.Parallel()
	f := &healFake{fake: fake{requests: healRequests()}}
	home, pass := serveHeal(t, f)
	o := warifu(t, t.Context(), "n\n", "approve", "beef", "--home", home, "--passphrase-file", pass)
	if o.code != exitFailed || f.made() != "[]" {
		t.Errorf("without a yes: %+v, %v", o, f.calls)
	}
	o = warifu(t, t.Context(), "y\n", "approve", "beef", "--home", home, "--passphrase-file", pass)
	if o.code != exitDone || f.made() != "[approve "+requestID+"]" || len(f.approved) != 0 {
		t.Errorf("%+v, %v, %v", o, f.calls, f.approved)
	}
	has(t, "stderr", o.stderr, "phone is lost: remove it")
	o = warifu(t, t.Context(), "", "approve", "beef", "--yes", "--home", home)
	if o.code != exitFailed {
		t.Errorf("without a passphrase: %+v", o)
	}
	has(t, "stderr", o.stderr, "confirmed", "no terminal")
}

func TestStatusShowsHealing(t *testing.T) {
	t.Parallel()
	home, _ := serveHeal(t, &healFake{})
	o := warifu(t, t.Context(), "", "status", "--home", home)
	has(t, "stdout", o.stdout, "! the circle is frozen and signs nothing: laptop says that phone is lost", "epoch 3",
		"will be removed in 5 days unless it is heard before (", "); `warifu veto phone` postpones its removal", "on vacation, ends ", ", in 5 days", "in epoch 2",
		"old shares possibly alive: 1 of 2, on desktop: worth nothing without 1 more", "healing: waiting for a yes on tablet")
	if strings.Contains(o.stdout, "\x1b") {
		t.Errorf("an escape reached the screen: %q", o.stdout)
	}
	for _, once := range []string{"possibly alive", "the circle is frozen"} {
		if n := strings.Count(o.stdout, once); n != 1 {
			t.Errorf("%d times %q:\n%s", n, once, o.stdout)
		}
	}
	j := warifu(t, t.Context(), "", "status", "--json", "--home", home)
	has(t, "stdout", j.stdout, `"old_shares_alive":1`, `"frozen":"laptop says`, `"healing":"`, `"state":"grace","until":"`)
}

func TestOldSharesInWords(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		alive, out, key int
		want            string
	}{
		{0, 0, 2, "none is left"},
		{1, 1, 2, "possibly alive: 1 of 2: worth nothing without 1 more"},
		{1, 0, 2, "worth nothing without 1 more"},
		{2, 2, 2, "together they are the key"},
		{3, 2, 2, "together they are the key"},
		{3, 1, 2, "possibly alive: 3 (2 are the key): 1 out of reach, worth nothing without 1 more"},
		{3, 0, 3, "possibly alive: 3 (3 are the key): all within reach"},
		{2, 2, 3, "worth nothing without 1 more"},
	} {
		got := oldShares(tc.alive, tc.out, tc.key, nil)
		if !strings.Contains(got, tc.want) || strings.Contains(got, "together") != (tc.out >= tc.key && tc.alive > 0) {
			t.Errorf("%+v: %q", tc, got)
		}
	}
}

func TestEpochsInWords(t *testing.T) {
	t.Parallel()
	home, _ := serveHeal(t, &healFake{})
	o := warifu(t, t.Context(), "", "epochs", "--home", home)
	has(t, "stdout", o.stdout, "epoch 0, founding: any 2 of 3 devices sign", "epoch 1, remove: any 2 of 2 devices sign", `pho\u{202e}ne`, "asleep", "certified by", "record")
	words := strings.Fields(o.stdout[strings.LastIndex(strings.TrimSpace(o.stdout), "\n"):])
	if len(words) != 6 {
		t.Errorf("%d words at the end: %q", len(words), words)
	}
	j := warifu(t, t.Context(), "", "epochs", "--json", "--home", home)
	has(t, "stdout", j.stdout, `{"epoch":1,"epochs":[{"epoch":0,`, `"sleepers":[]`)
}

func TestCompletionOffersDevices(t *testing.T) {
	t.Parallel()
	home, _ := serveHeal(t, &healFake{})
	for _, args := range [][]string{{"lost", ""}, {"veto", ""}, {"invite", "--replace", ""}} {
		o := warifu(t, t.Context(), "", append([]string{"__complete", "--home", home}, args...)...)
		has(t, "stdout", o.stdout, "phone\tphone, last seen ")
		if strings.Contains(o.stdout, "laptop") {
			t.Errorf("%v offers this device: %s", args, o.stdout)
		}
	}
	o := warifu(t, t.Context(), "", "__complete", "--home", home, "vacation", "")
	has(t, "stdout", o.stdout, "laptop\tlaptop, this device")
}

func TestVacationEnd(t *testing.T) {
	t.Parallel()
	zone := time.FixedZone("east", 2*3600)
	now := time.Date(2026, 12, 1, 23, 30, 0, 0, zone)
	for _, tc := range []struct{ end, length, want string }{
		{"2026-12-24", "", "2026-12-25T00:00:00+02:00"},
		{"2026-12-01", "", "2026-12-02T00:00:00+02:00"},
		{"2026-12-24T18:00:00Z", "", "2026-12-24T18:00:00Z"},
		{"2026-12-24 18:00", "", "2026-12-24T18:00:00+02:00"},
		{"", "14d", "2026-12-15T23:30:00+02:00"},
		{"", "2w", "2026-12-15T23:30:00+02:00"},
		{"", "36h", "2026-12-03T11:30:00+02:00"},
		{"", "90d", "2027-03-01T23:30:00+02:00"},
	} {
		got, err := vacationEnd(now, tc.end, tc.length)
		if err != nil || got.Format(time.RFC3339) != tc.want {
			t.Errorf("%q %q: %v, %v", tc.end, tc.length, got, err)
		}
	}
	for _, tc := range []struct{ end, length, says string }{
		{"", "", "either with --until or with --for"},
		{"2026-12-24", "14d", "either with --until or with --for"},
		{"2026-11-30", "", "over already"},
		{"2026-12-01T12:00:00Z", "", "over already"},
		{"", "0d", "over already"},
		{"", "-3h", "over already"},
		{"", "91d", "90 days at most"},
		{"2028-01-01", "", "90 days at most"},
		{"2026-02-30", "", "neither a day"},
		{"tomorrow", "", "neither a day"},
		{"24.12.2026", "", "neither a day"},
		{"", "14", "no length of time"},
		{"", "-14d", "no length of time"},
		{"", "99999999999999999999d", "no length of time"},
		{"", "65535w", "90 days at most"},
		{"", "d", "no length of time"},
	} {
		got, err := vacationEnd(now, tc.end, tc.length)
		if err == nil || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%q %q: %v, %v", tc.end, tc.length, got, err)
		}
	}
}
