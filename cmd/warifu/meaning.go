package main

import (
	"fmt"

	"github.com/warifu/warifu/node/api"
)

// meaning shows what a request means, on standard error. The warnings stand at the
// top, which what is long pushes out of sight.
func (con *console) meaning(summary string, warnings []string, lines []api.Line) {
	if !con.json {
		printMeaning(con.stderr, summary, warnings, lines)
		if n := len(warnings); n > 0 {
			fmt.Fprintf(con.stderr, "! warnings above: %d\n", n)
		}
		return
	}
	con.say("%s", esc(summary))
	for _, w := range warnings {
		con.say("warning: %s", esc(w))
	}
	for _, l := range lines {
		con.say("%s: %s", esc(l.Label), esc(l.Text))
	}
}
