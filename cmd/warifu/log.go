package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
)

// short writes identifiers as a person compares them, in every format.
func short(_ []string, a slog.Attr) slog.Attr {
	if v, ok := a.Value.Any().(fmt.Stringer); ok && a.Value.Kind() == slog.KindAny {
		a.Value = slog.StringValue(v.String())
	}
	return a
}

// logger writes outcomes to stderr, one JSON object a line with --json.
func (con *console) logger() *slog.Logger { return con.logTo(lockedWriter{con}) }

// logTo is logger with another place for the lines.
func (con *console) logTo(w io.Writer) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelInfo, ReplaceAttr: short}
	if con.verbose {
		options.Level = slog.LevelDebug
	}
	if con.json {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// A graver handler lets only the gravest of its libraries' records through: what
// they warn of is a peer that goes away, which this program tells better. Its
// writer quotes what a peer may have chosen.
type graver struct {
	slog.Handler
	least slog.Level
}

func (g graver) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= g.least && g.Handler.Enabled(ctx, l)
}

func (g graver) WithAttrs(attrs []slog.Attr) slog.Handler {
	return graver{g.Handler.WithAttrs(attrs), g.least}
}

func (g graver) WithGroup(name string) slog.Handler {
	return graver{g.Handler.WithGroup(name), g.least}
}

// A lockedWriter is stderr, a line at a time.
type lockedWriter struct{ con *console }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.con.mu.Lock()
	defer w.con.mu.Unlock()
	return w.con.stderr.Write(p)
}

// lose makes stderr a writer that never waits, from now to the end.
func (con *console) lose() {
	con.mu.Lock()
	defer con.mu.Unlock()
	con.lossy = newLossyWriter(con.stderr, con.lostLines)
	con.stderr = con.lossy
}

// lostLines says, as a line of the log, what is missing in it.
func (con *console) lostLines(n int) []byte {
	var b bytes.Buffer
	con.logTo(&b).Warn("lines were not written: the terminal or the pipe did not take them", "lines", n)
	return b.Bytes()
}

// drain waits, for a moment, until what [console.lose] holds back is written.
func (con *console) drain() {
	if con.lossy != nil {
		con.lossy.Close(drainTime)
	}
}
