package main

import (
	"strings"
	"testing"

	"github.com/warifu/warifu/node/api"
)

// TestRefusedBeforeItAsks: what the daemon would refuse fails before anybody
// reads what will happen, says yes, or types a passphrase; and with --yes and a
// passphrase file before anything is called.
func TestRefusedBeforeItAsks(t *testing.T) {
	t.Parallel()
	rows := map[string][]string{
		"approve": {"approve", "beef"},
		"unlock":  {"unlock"},
		"found":   {"found", "--abandon"},
		"replace": {"invite", "--replace", "phone"},
	}
	for call, args := range healCommands {
		rows[call] = args
	}
	for name, args := range rows {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			why := api.Errorf(api.CodeStranded, "it cannot be: too few are left").WithHint("add one first")
			f := &healFake{fake: fake{requests: healRequests(), may: why}, refuse: why}
			home, pass := serveHeal(t, f)
			var bare []string
			for _, arg := range args {
				if arg != "--yes" {
					bare = append(bare, arg)
				}
			}
			scripted := append(append([]string{}, args...), "--home", home)
			if args[0] != "found" {
				scripted = append(scripted, "--passphrase-file", pass)
			}
			for _, run := range [][]string{append(bare, "--home", home), scripted} {
				o := warifu(t, t.Context(), "y\n", run...)
				if want := "warifu: " + args[0] + ": it cannot be: too few are left\nhint: add one first\n"; o.code != exitFailed || o.stdout != "" || o.stderr != want {
					t.Errorf("%v: exit %d\n%s%s", run, o.code, o.stdout, o.stderr)
				}
			}
			if f.made() != "[]" || len(f.approved) != 0 {
				t.Errorf("called %v, approved %v", f.calls, f.approved)
			}
		})
	}
	// Nothing that can ask a person for a yes or a passphrase is missing above.
	var root app
	for _, cmd := range commands(root.root()) {
		c, _, err := root.root().Find(strings.Fields(cmd))
		if err != nil {
			t.Fatal(err)
		}
		asks := c.Flags().Lookup("passphrase-file") != nil || c.Flags().Lookup("yes") != nil
		_, listed := rows[cmd]
		for _, args := range rows {
			listed = listed || args[0] == cmd
		}
		switch cmd {
		case "init", "up", "fsck": // have no daemon to ask: see device.txtar
		case "join": // asks what only the founding itself can know
		default:
			if asks != listed {
				t.Errorf("%s: asks %v, is tested %v", cmd, asks, listed)
			}
		}
	}
}
