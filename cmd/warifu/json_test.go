package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/warifu/warifu/node/api"
)

// commands lists what a person can type: each command that does something.
func commands(root *cobra.Command) (out []string) {
	for _, c := range root.Commands() {
		if c.Name() == "help" || c.Name() == "completion" || !c.IsAvailableCommand() {
			continue
		}
		if c.HasAvailableSubCommands() {
			out = append(out, commands(c)...)
			continue
		}
		out = append(out, commandPath(c))
	}
	return out
}

// TestEveryResultIsOneObject runs each command with --json: what it prints on
// stdout is one object with the fields that scripts rest on, and what it prints
// on stderr is one event a line. Without a daemon each says so in an error with
// a code and exits with 1, and with a flag that does not exist each exits with 2.
func TestEveryResultIsOneObject(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pass := write("pass", healPass)
	tx := write("tx.json", `{}`)
	const signature = "0x4355c47d63924e8a72e509b65029052eb6c299d53a04e167c5775fd466751c9d07299936d304c153f6443dfa05f40ff007d72911b6f72307f996231605b915621c"
	signed := []string{"address", "digest", "signature", "epoch", "signers", "request", "elapsed"}
	request := []string{"id", "kind", "summary", "from", "state", "approved_by", "expires"}
	changed := []string{"epoch"}
	circle := []string{"circle", "threshold", "devices", "epoch", "accounts"}
	rows := map[string]struct {
		args   []string
		fields []string
		alone  bool // needs no daemon
	}{
		"init":              {[]string{"--name", "phone", "--kind", "phone", "--passphrase-file", pass}, []string{"device", "name", "kind"}, true},
		"fsck":              {nil, []string{"ok", "findings"}, true},
		"licenses":          {nil, []string{"license", "third_party"}, true},
		"version":           {nil, []string{"version", "api"}, true},
		"verify message":    {[]string{"hi", "--address", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", "--signature", signature}, []string{"valid"}, true},
		"verify typed-data": {[]string{write("mail.json", `{"types":{"EIP712Domain":[{"name":"name","type":"string"}],"M":[{"name":"a","type":"string"}]},"primaryType":"M","domain":{"name":"n"},"message":{"a":"b"}}`), "--address", "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826", "--signature", signature}, []string{"valid"}, true},
		"found":             {[]string{"--threshold", "2", "--devices", "2", "--yes"}, circle, false},
		"join":              {[]string{"--yes"}, append([]string{"device"}, circle...), false},
		"status":            {nil, append([]string{"warnings", "requests", "old_shares_alive", "locked"}, circle...), false},
		"lock":              {nil, []string{"locked"}, false},
		"unlock":            {[]string{"--passphrase-file", pass}, []string{"locked"}, false},
		"sign message":      {[]string{"hi"}, signed, false},
		"sign typed-data":   {[]string{tx}, signed, false},
		"sign tx":           {[]string{tx}, append([]string{"raw", "hash"}, signed...), false},
		"sign file":         {[]string{"--namespace", "file", tx}, []string{"signature", "public_key"}, false},
		"requests":          {nil, []string{"requests"}, false},
		"show":              {[]string{"beef"}, request, false},
		"approve":           {[]string{"beef", "--yes", "--passphrase-file", pass}, request, false},
		"deny":              {[]string{"beef"}, request, false},
		"invite":            {[]string{"--yes", "--passphrase-file", pass}, changed, false},
		"lost":              {[]string{"phone", "--yes", "--passphrase-file", pass}, append([]string{"removed", "old_shares_alive"}, changed...), false},
		"refresh":           {[]string{"--passphrase-file", pass}, changed, false},
		"leave":             {[]string{"--yes", "--passphrase-file", pass}, changed, false},
		"threshold":         {[]string{"3", "--yes", "--passphrase-file", pass}, changed, false},
		"retire":            {[]string{"--yes", "--passphrase-file", pass}, changed, false},
		"freeze":            {[]string{"--yes", "--passphrase-file", pass}, []string{"frozen"}, false},
		"thaw":              {[]string{"--passphrase-file", pass}, []string{"frozen"}, false},
		"vacation":          {[]string{"phone", "--for", "3d", "--passphrase-file", pass}, []string{"epoch", "request"}, false},
		"veto":              {[]string{"phone", "--passphrase-file", pass}, []string{"epoch", "request"}, false},
		"remove":            {[]string{"phone", "--passphrase-file", pass}, []string{"epoch", "request"}, false},
		"epochs":            {nil, []string{"epochs"}, false},
	}
	stdin := map[string]string{"join": "1234-5678\n"}
	var root app
	for _, name := range commands(root.root()) {
		row, ok := rows[name]
		if !ok && !slices.Contains([]string{"up", "demo"}, name) { // which e2e runs
			t.Errorf("nothing is known of what %s prints", name)
		}
		delete(rows, name)
		t.Run(name, func(t *testing.T) {
			args := slices.Clip(append([]string{"--json"}, strings.Fields(name)...))
			if o := warifu(t, t.Context(), "", append(args, "--no-such-flag")...); o.code != exitUsage || o.stdout != "" || said(t, o).Code != api.CodeBadArgument {
				t.Errorf("misused: %+v", o)
			}
			if !ok {
				return
			}
			t.Parallel()
			f := &healFake{fake: fake{status: healStatus(), requests: healRequests(), question: foundingFake().question, signature: signingFake().signature}}
			f.signature.PublicKey, f.signature.Raw, f.signature.Hash = "ssh-ed25519 AAAA", api.Bytes{1}, api.Bytes{2}
			home, _ := serveHeal(t, f)
			empty := filepath.Join(t.TempDir(), "h")
			if name == "fsck" {
				warifu(t, t.Context(), "", "--home", empty, "init", "--name", "phone", "--kind", "phone", "--passphrase-file", pass)
			}
			if row.alone {
				home = empty
			} else if o := warifu(t, t.Context(), stdin[name], append(append(args, "--home", empty), row.args...)...); o.code != exitFailed || o.stdout != "" || said(t, o).Code != api.CodeNoDevice || said(t, o).Hint == "" {
				t.Errorf("without a daemon: %+v", o)
			}
			o := warifu(t, t.Context(), stdin[name], append(append(args, "--home", home), row.args...)...)
			want := exitDone
			if strings.HasPrefix(name, "verify") {
				want = exitFailed // it is not valid, which is an answer
			}
			var fields map[string]json.RawMessage
			if err := json.Unmarshal([]byte(o.stdout), &fields); err != nil || o.code != want || strings.Count(o.stdout, "\n") != 1 {
				t.Fatalf("exit %d, %v\n%s%s", o.code, err, o.stdout, o.stderr)
			}
			for _, name := range row.fields {
				if _, ok := fields[name]; !ok {
					t.Errorf("no %s in %s", name, o.stdout)
				}
			}
			for line := range strings.Lines(o.stderr) {
				var e api.Event
				if err := json.Unmarshal([]byte(line), &e); err != nil || e.Event == "" {
					t.Errorf("stderr has a line that is no event: %s", line)
				}
			}
		})
	}
	for name := range rows {
		t.Errorf("there is no command %s", name)
	}
}

// said is the error that a run ended with: the last event of stderr.
func said(t testing.TB, o outcome) *api.Error {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(o.stderr), "\n")
	var e api.Event
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &e); err != nil || e.Event != api.EventError || e.Error == nil {
		t.Fatalf("it does not end with an error: %s", o.stderr)
	}
	return e.Error
}

// TestJSONIsSafeToLookAt: what JSON leaves as it is does not reach the screen, and
// a program reads the same.
func TestJSONIsSafeToLookAt(t *testing.T) {
	t.Parallel()
	for _, s := range []string{"plain é 日本 \" \\", "\u009b31m", "\u202eabc", "a\u0301", "\x7f\x1b[2J", "\U000e0001 \U0001f600", "\u200b\u2028\ufeff"} {
		var b bytes.Buffer
		printJSON(&b, map[string]string{"x": s})
		if strings.ContainsFunc(strings.TrimSuffix(b.String(), "\n"), func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q is printed as %q", s, b.String())
		}
		var back map[string]string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || back["x"] != s {
			t.Errorf("%q is read back as %q: %v", s, back["x"], err)
		}
	}
	missing := filepath.Join(t.TempDir(), "\u009b31m\u202e")
	o := warifu(t, t.Context(), "", "verify", "typed-data", missing, "--address", "0xA", "--signature", "0x", "--json")
	has(t, "stderr", o.stderr, `\u009b31m\u202e`)
}
