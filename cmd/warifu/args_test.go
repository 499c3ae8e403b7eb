package main

import "testing"

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
