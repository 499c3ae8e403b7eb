package main

import (
	"slices"
	"strings"
	"testing"
)

// TestMisuseIsSaidPlainly: each of these ends with the status of misuse and a
// sentence of ours in one line, and none prints help as if that had been asked.
func TestMisuseIsSaidPlainly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"sing"}, []string{"warifu: there is no command \"sing\"\nhint: did you mean `warifu sign`?\n"}},
		{[]string{"frobnicate"}, []string{"warifu: there is no command \"frobnicate\"\nhint: warifu --help\n"}},
		{[]string{"si\x1b[2Jgn"}, []string{"there is no command"}},
		{[]string{"sign"}, []string{"warifu: sign: say what to sign: file, message, tx or typed-data\n", "hint: warifu sign --help"}},
		{[]string{"sign", "mesage", "hi"}, []string{`there is no "mesage" to sign, but file, message, tx or typed-data`}},
		{[]string{"verify", "tx"}, []string{`there is no "tx" to verify, but message or typed-data`}},
		{[]string{"approve"}, []string{"approve: the id of a request is needed"}},
		{[]string{"join"}, []string{"join: an invitation or a code is needed"}},
		{[]string{"join", "-"}, []string{"join: an invitation or a code is needed"}},
		{[]string{"join", "1234", "5678"}, []string{"not taken from the arguments"}},
		{[]string{"join", "12345678"}, []string{"other users of this machine can see it", "hint: type `warifu join` alone"}},
		{[]string{"join", "warifu1:abc"}, []string{"other users of this machine can see it"}},
		{[]string{"init", "--name", " x"}, []string{"init: name has a space at an end"}},
		{[]string{"init", "--name", "x", "--kind", "toaster"}, []string{"init: unknown kind of device"}},
	} {
		o := warifu(t, t.Context(), "", append([]string{"--home", t.TempDir()}, c.args...)...)
		if o.code != exitUsage || o.stdout != "" {
			t.Errorf("%q: status %d, stdout %q", c.args, o.code, o.stdout)
		}
		has(t, "stderr", o.stderr, c.want...)
		for _, r := range o.stderr {
			if r == '\x1b' {
				t.Errorf("%q: a control character is shown", c.args)
			}
		}
	}
}

// TestSuggestionsDoNoHarm: for a typing mistake nobody is told to type what destroys,
// refuses or throws out. All commands are either known to be harmless here, or never
// suggested.
func TestSuggestionsDoNoHarm(t *testing.T) {
	t.Parallel()
	harmless := []string{"approve", "completion", "demo", "epochs", "found", "fsck", "help", "init", "invite", "join", "licenses", "lock", "refresh", "requests",
		"show", "sign", "status", "thaw", "threshold", "unlock", "up", "vacation", "verify", "version"}
	offered := 0
	for _, c := range new(app).root().Commands() {
		if slices.Contains(harmless, c.Name()) == slices.Contains(neverSuggested, c.Name()) {
			t.Errorf("does %s destroy, refuse or throw out?", c.Name())
		}
		name := c.Name()
		for i := range name {
			for _, typo := range []string{name[:i] + name[i+1:], name[:i] + "x" + name[i:], name[:i] + "x" + name[i+1:], name[:i+1]} {
				if slices.Contains(harmless, typo) || slices.Contains(neverSuggested, typo) || typo == "" {
					continue
				}
				o := warifu(t, t.Context(), "", typo)
				if o.code != exitUsage {
					t.Errorf("%s: %+v", typo, o)
				}
				for _, bad := range neverSuggested {
					if strings.Contains(o.stderr, "`warifu "+bad+"`") {
						t.Errorf("%s: %s", typo, o.stderr)
					}
				}
				if strings.Contains(o.stderr, "did you mean") {
					offered++
				}
			}
		}
	}
	if offered == 0 {
		t.Error("nothing is ever suggested")
	}
}
