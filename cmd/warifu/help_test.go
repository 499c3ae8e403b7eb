package main

import (
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// TestHelpFitsTheScreen: no line of any help is broken by a terminal of 80 columns,
// where it would be in the middle of a word.
func TestHelpFitsTheScreen(t *testing.T) {
	t.Parallel()
	n := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		o := warifu(t, t.Context(), "", append(strings.Fields(commandPath(c)), "--help")...)
		if o.code != exitDone || o.stdout == "" {
			t.Errorf("%s: %+v", c.CommandPath(), o)
		}
		n++
		for line := range strings.Lines(o.stdout) {
			if w := across(strings.TrimSuffix(line, "\n")); w > helpWidth && !strings.HasPrefix(commandPath(c), "completion") { // which is cobra's
				t.Errorf("%s: %d columns: %s", c.CommandPath(), w, line)
			}
		}
		for _, sub := range c.Commands() {
			if sub.IsAvailableCommand() {
				walk(sub)
			}
		}
	}
	walk(new(app).root())
	if n < 30 {
		t.Errorf("%d helps", n)
	}
}
