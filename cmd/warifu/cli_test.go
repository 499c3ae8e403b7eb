package main

import (
	"bytes"
	"context"
	"crypto/sha512"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/warifu/warifu/node/api"
)

const requestID = "beef000011112222333344445555666677778888999900001111222233334444"

func signingFake() *fake {
	return &fake{signature: api.Signature{Request: requestID, Kind: api.KindMessage, Address: "0xA", Digest: api.Bytes{1},
		Signature: "0x1234", Epoch: 1, Signers: []string{"laptop", "phone"}, Elapsed: api.Duration(120 * time.Millisecond)}}
}

func TestSignMessage(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, stdin string
		args        []string
		want        string
	}{
		{"text", "", []string{"hi\x1b[2J"}, "hi\x1b[2J"},
		{"hex", "", []string{"--hex", "0x00ff"}, "\x00\xff"},
		{"stdin", "from\nstdin\n", []string{"--file", "-"}, "from\nstdin\n"},
		{"empty", "", []string{""}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := signingFake()
			home := serve(t, f)
			o := warifu(t, t.Context(), tc.stdin, append([]string{"sign", "message", "--home", home}, tc.args...)...)
			if o.code != exitDone {
				t.Fatalf("%+v", o)
			}
			has(t, "stdout", o.stdout, "0x1234", "laptop, phone", "120ms")
			if len(f.signed) != 1 || string(f.signed[0].Message) != tc.want || f.signed[0].Kind != api.KindMessage {
				t.Errorf("signed %+v", f.signed)
			}
			if f.signed[0].Timeout != api.Duration(5*time.Minute) {
				t.Errorf("timeout %v", f.signed[0].Timeout)
			}
		})
	}
}

func TestSignJSONIsOneObject(t *testing.T) {
	t.Parallel()
	home := serve(t, signingFake())
	o := warifu(t, t.Context(), "", "--json", "--home", home, "sign", "message", "hi")
	var sig api.Signature
	if err := json.Unmarshal([]byte(o.stdout), &sig); err != nil || sig.Signature != "0x1234" || o.code != exitDone {
		t.Fatalf("%+v, %v", o, err)
	}
	for line := range strings.Lines(o.stderr) {
		var e api.Event
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == "" {
			t.Errorf("stderr has a line that is no event: %s", line)
		}
	}
	has(t, "stderr", o.stderr, `"event":"request"`, requestID)
}

func TestSignDetached(t *testing.T) {
	t.Parallel()
	home := serve(t, signingFake())
	o := warifu(t, t.Context(), "", "--home", home, "sign", "message", "--detach", "hi")
	if o.code != exitDone || o.stdout != requestID+"\n" {
		t.Errorf("%+v", o)
	}
}

func TestSignFileHashes(t *testing.T) {
	t.Parallel()
	f := signingFake()
	f.signature.Kind, f.signature.Signature = api.KindFile, "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"
	home := serve(t, f)
	path := filepath.Join(t.TempDir(), "release.tar")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := warifu(t, t.Context(), "", "--home", home, "sign", "file", "--namespace", "file", path)
	if o.code != exitDone || o.stdout != f.signature.Signature {
		t.Fatalf("%+v", o)
	}
	sum := sha512.Sum512([]byte("content"))
	got := f.signed[0]
	if !bytes.Equal(got.FileHash, sum[:]) || got.FileName != "release.tar" || got.FileSize != 7 || got.Namespace != "file" {
		t.Errorf("signed %+v", got)
	}
}

func TestInterruptLeavesRequestOpen(t *testing.T) {
	t.Parallel()
	f := signingFake()
	f.hold = true
	home := serve(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	var stdout bytes.Buffer
	stderr := &trigger{on: "waiting for phone: not reachable for 3 min", do: cancel}
	code := run(ctx, []string{"--home", home, "sign", "message", "hi"}, strings.NewReader(""), &stdout, stderr)
	if code != exitFailed || stdout.Len() != 0 {
		t.Errorf("code %d, stdout %q", code, stdout.String())
	}
	has(t, "stderr", stderr.String(), "interrupted; request beef0000 stays open", "hint: `warifu show beef0000 --wait`")
}

// A trigger calls do once what was written contains on.
type trigger struct {
	bytes.Buffer
	on string
	do func()
}

func (b *trigger) Write(p []byte) (int, error) {
	n, err := b.Buffer.Write(p)
	if b.do != nil && strings.Contains(b.String(), b.on) {
		b.do()
		b.do = nil
	}
	return n, err
}

func foundingFake() *fake {
	return &fake{question: &api.Question{Session: "5e55", Threshold: 2, Words: []string{"one", "two", "three", "four", "five", "six"},
		Devices:  api.List[api.Device]{{Slot: 1, Name: "laptop", Kind: "laptop", This: true}, {Slot: 2, Name: "phone\u202e", Kind: "phone"}},
		Warnings: api.List[string]{"the name phone\u202e: it looks like another"}}}
}

func TestFoundAsks(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, stdin string
		args        []string
		code        int
		out         string
		err         []string
	}{
		{"yes", "y\n", nil, exitDone, "circle c1c1c1c1: 2 devices, any 2 of which sign", []string{"one two three four five six", `phone\u{202e}`, `! the name phone\u{202e}: it looks like another`, "[y/n]"}},
		{"no", "n\n", nil, exitFailed, "", []string{"you did not confirm", "hint:"}},
		{"stray keys", "\nx\nyn\n Y \n", nil, exitDone, "0xA", []string{"type y if it is so, n if not"}},
		{"stray keys and no", "\nnay\nNO\n", nil, exitFailed, "", []string{"you did not confirm"}},
		{"stray keys and nobody", "\nx\n", nil, exitFailed, "", []string{"there is nobody to ask", "--yes"}},
		{"nobody", "", nil, exitFailed, "", []string{"there is nobody to ask", "--yes"}},
		{"flag", "", []string{"--yes"}, exitDone, "0xA", []string{"confirmed with --yes", "one two three four five six", "laptop"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			home := serve(t, foundingFake())
			o := warifu(t, t.Context(), tc.stdin, append([]string{"--home", home, "found", "--threshold", "2", "--devices", "2"}, tc.args...)...)
			if o.code != tc.code {
				t.Errorf("code %d: %s", o.code, o.stderr)
			}
			has(t, "stdout", o.stdout, tc.out)
			has(t, "stderr", o.stderr, append(tc.err, "type `warifu join` there:\n  warifu1:abc\n", "or, on the same network,\n  1234-5678\n", "\n  warifu join --at /ip4/192.0.2.7/tcp/4242\n", "joined: phone")...)
			if strings.Contains(o.stderr, "scan") {
				t.Error("there is nothing to scan without a terminal")
			}
			if strings.ContainsRune(o.stderr, '\u202e') {
				t.Error("a bidirectional override reached the screen")
			}
		})
	}
}

func TestFoundJSON(t *testing.T) {
	t.Parallel()
	home := serve(t, foundingFake())
	o := warifu(t, t.Context(), "1234-5678\n", "--json", "--home", home, "join", "--yes")
	var c api.Circle
	if err := json.Unmarshal([]byte(o.stdout), &c); err != nil || c.Threshold != 2 {
		t.Fatalf("%+v: %v", o, err)
	}
	has(t, "stderr", o.stderr, `"event":"invitation"`, `"code":"1234-5678"`, `"event":"confirm"`, `"words":["one"`)
}

func TestFoundRefused(t *testing.T) {
	t.Parallel()
	home := serve(t, foundingFake())
	o := warifu(t, t.Context(), "", "--json", "--home", home, "found", "--threshold", "1", "--devices", "2")
	if o.code != exitFailed || o.stdout != "" {
		t.Errorf("%+v", o)
	}
	has(t, "stderr", o.stderr, `"code":"bad-argument"`, "found: a threshold of 1")
}

func TestApproveShowsWhatItApproves(t *testing.T) {
	t.Parallel()
	r := api.Request{ID: requestID, Kind: api.KindMessage, Summary: "message \x1b[2Jhi", From: "phone", State: api.StatePending,
		Lines: api.List[api.Line]{{Label: "text", Text: "hi\x1b[1A\u202e"}}, Warnings: api.List[string]{"it contains a bidirectional override"}}
	for _, tc := range []struct {
		name, stdin string
		yes         bool
		code        int
	}{{"yes", "yes\n", false, exitDone}, {"no", "\n", false, exitFailed}, {"flag", "", true, exitDone}} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := &fake{requests: []api.Request{r}}
			home := serve(t, f)
			args := []string{"--home", home, "approve", "beef"}
			if tc.yes {
				args = append(args, "--yes")
			}
			o := warifu(t, t.Context(), tc.stdin, args...)
			if o.code != tc.code {
				t.Errorf("%+v", o)
			}
			has(t, "stderr", o.stderr, "! it contains a bidirectional override", `hi\u{1b}[1A\u{202e}`)
			if strings.ContainsAny(o.stderr+o.stdout, "\x1b\u202e") {
				t.Errorf("an escape reached the screen: %q", o.stderr)
			}
			if tc.code == exitDone && (len(f.approved) != 1 || f.approved[0] != requestID) {
				t.Errorf("approved %v, want the full id", f.approved)
			}
			if tc.code != exitDone && len(f.approved) != 0 {
				t.Errorf("approved %v without a yes", f.approved)
			}
		})
	}
}

func TestUnlockReadsFirstLineOfFile(t *testing.T) {
	t.Parallel()
	home := serve(t, &fake{})
	path := filepath.Join(t.TempDir(), "pass")
	for _, tc := range []struct {
		content string
		code    int
	}{{"correct horse", exitDone}, {"correct horse\r\nmore", exitDone}, {"wrong horse", exitFailed}, {"", exitFailed}} {
		if err := os.WriteFile(path, []byte(tc.content), 0o600); err != nil {
			t.Fatal(err)
		}
		o := warifu(t, t.Context(), "", "--home", home, "unlock", "--passphrase-file", path)
		if o.code != tc.code {
			t.Errorf("%q: %+v", tc.content, o)
		}
		if strings.Contains(o.stderr, "horse") {
			t.Errorf("the passphrase was printed: %s", o.stderr)
		}
	}
	o := warifu(t, t.Context(), "correct horse\n", "--home", home, "unlock")
	has(t, "stderr", o.stderr, "no terminal", "hint: give it with --passphrase-file")
}

func TestStatusInWords(t *testing.T) {
	t.Parallel()
	seen := time.Now().Add(-3 * time.Minute)
	f := &fake{status: api.Status{Name: "laptop", Kind: "laptop", Circle: "c1c1", Threshold: 2, Epoch: 1,
		Devices:  api.List[api.Device]{{Name: "laptop", This: true}, {Name: "phone", Online: true}, {Name: "tablet", LastSeen: &seen}},
		Accounts: api.List[api.Account]{{Name: "ethereum", Address: "0xA"}},
		Requests: api.List[api.Request]{{ID: requestID, Summary: "message hi", From: "phone", State: api.StatePending}},
		Warnings: api.List[string]{"the clock of phone is 3 min ahead"}}}
	home := serve(t, f)
	o := warifu(t, t.Context(), "", "--home", home, "status")
	has(t, "stdout", o.stdout, "any 2 of which sign", "this device", "online", "last seen "+seen.Format("2006-01-02 15:04")+", 3 min ago", "needs your answer", "! the clock of phone")
}

func TestCompletionOffersRequests(t *testing.T) {
	t.Parallel()
	f := &fake{requests: []api.Request{
		{ID: requestID, Summary: "message hi", State: api.StatePending},
		{ID: "cafe" + requestID[4:], Summary: "old", State: api.StateSigned},
	}}
	home := serve(t, f)
	o := warifu(t, t.Context(), "", "__complete", "--home", home, "approve", "")
	has(t, "stdout", o.stdout, "beef0000\tmessage hi")
	if strings.Contains(o.stdout, "cafe") {
		t.Errorf("offers a closed request: %s", o.stdout)
	}
	o = warifu(t, t.Context(), "", "__complete", "--home", home, "show", "")
	has(t, "stdout", o.stdout, "cafe0000")
}

func TestEscKeepsWhatIsEscaped(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`a\u{1b}b`:    `a\u{1b}b`,
		"a\x1bb":      `a\u{1b}b`,
		"line\nbreak": `line\nbreak`,
		`back\\slash`: `back\\slash`,
		`C:\dir\`:     `C:\dir\`,
	} {
		if got := esc(in); got != want {
			t.Errorf("esc(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestQRCodeFits(t *testing.T) {
	t.Parallel()
	lines, width := qrCode("warifu1:"+strings.Repeat("a", 300), qrOnLight)
	if width == 0 {
		t.Fatal("no code")
	}
	for i, l := range lines {
		if utf8.RuneCountInString(l) != width {
			t.Errorf("line %d is not %d wide", i, width)
		}
	}
	if _, width := qrCode(strings.Repeat("a", 4000), qrOnLight); width != 0 {
		t.Error("a text that does not fit was drawn")
	}
	if small, _ := invitationCode("warifu1:"+strings.Repeat("a", 300), qrOnLight); len(small) >= len(lines) {
		t.Errorf("an invitation takes %d lines, any text %d", len(small), len(lines))
	}
}
