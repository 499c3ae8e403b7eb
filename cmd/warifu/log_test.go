package main

import (
	"bytes"
	"log"
	"log/slog"
	"strings"
	"testing"
)

// TestLibrariesAreQuiet: what the libraries under this program log reaches the
// terminal only if it is grave, as a line of this program's, with whatever a
// peer may have put into it quoted.
func TestLibrariesAreQuiet(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	con := &console{stderr: &out, verbose: true}
	h := slog.New(graver{con.logger().Handler(), slog.LevelError})
	for _, quiet := range []*slog.Logger{h, h.With("peer", "x"), h.WithGroup("swarm")} {
		quiet.Debug("said")
		quiet.Info("said")
		quiet.Warn("said")
	}
	log.New(slog.NewLogLogger(h.Handler(), slog.LevelDebug).Writer(), "", 0).Print("said")
	if out.Len() > 0 {
		t.Errorf("shown: %q", out.String())
	}
	h.With("peer", "\x1b[2J\u202e").WithGroup("swarm").Error("accept", "why", "\x1b]0;title\a")
	if got := out.String(); strings.Count(got, "\n") != 1 || strings.ContainsAny(got, "\x1b\a\u202e") || !strings.Contains(got, "accept") {
		t.Errorf("shown: %q", got)
	}
}
